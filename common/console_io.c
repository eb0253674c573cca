/* SPDX-License-Identifier: Apache-2.0 */
/* The console_io hypercall: a guest's way to the shared console. */
#include <public/xen.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <wherry/sched.h>

/* Written without looking for other work; also bounds how long the console lock is held. */
#define CHUNK 64

/* How far the write got that a vCPU has to repeat; in vcpu's domain, by vCPU. */
static long io_write(struct vcpu *v, uint64_t buffer, uint32_t count)
{
    struct console_progress *p = console_progress(v->domain, v->id);
    uint32_t done = 0;

    /* The same call again, after -ERESTART: a guest that plays with this only garbles its text. */
    if (p->active && p->buffer == buffer && p->count == count)
        done = p->done;
    p->active = false;
    while (done < count) {
        char text[CHUNK];
        uint32_t n = MIN(count - done, (uint32_t)CHUNK);

        if (guest_copy_from(text, buffer + done, n) != 0)
            return -EFAULT;
        console_guest_write(v->domain, text, n);
        done += n;
        if (done < count && hypercall_preempt_check()) {
            *p = (struct console_progress){
                .buffer = buffer, .count = count, .done = done, .active = true};
            return -ERESTART;
        }
    }
    return 0;
}

static long io_read(struct vcpu *v, uint64_t buffer, uint32_t count)
{
    uint32_t done = 0;

    while (done < count) {
        char text[CHUNK];
        uint32_t n = MIN(count - done, (uint32_t)CHUNK);

        n = (uint32_t)console_guest_read(v->domain, text, n);
        if (n == 0)
            break;
        if (guest_copy_to(buffer + done, text, n) != 0)
            return -EFAULT;
        done += n;
    }
    return done;
}

long do_console_io(int cmd, uint32_t count, uint64_t buffer)
{
    if (count > INT32_MAX)
        return -EINVAL;
    switch (cmd) {
    case CONSOLEIO_write:
        return io_write(current, buffer, count);
    case CONSOLEIO_read:
        return io_read(current, buffer, count);
    default:
        return -ENOSYS;
    }
}

static long hypercall_console_io(const uint64_t args[NR_HYPERCALL_ARGS])
{
    return do_console_io((int)args[0], (uint32_t)args[1], args[2]);
}
HYPERCALL(__HYPERVISOR_console_io, hypercall_console_io);
