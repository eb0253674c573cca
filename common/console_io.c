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

/* Arguments of the hypercall. */
#define ARG_CMD    0
#define ARG_COUNT  1
#define ARG_BUFFER 2

static long io_write(struct vcpu *v, uint64_t buffer, uint32_t count)
{
    while (count > 0) {
        char text[CHUNK];
        uint32_t n = MIN(count, (uint32_t)CHUNK);

        if (guest_copy_from(text, buffer, n) != 0)
            return -EFAULT;
        console_guest_write(v->domain, text, n);
        buffer += n;
        count -= n;
        if (count > 0 && hypercall_preempt_check()) {
            /* The repetition writes the rest. */
            arch_hypercall_set_arg(v, ARG_COUNT, count);
            arch_hypercall_set_arg(v, ARG_BUFFER, buffer);
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
    return do_console_io((int)args[ARG_CMD], (uint32_t)args[ARG_COUNT], args[ARG_BUFFER]);
}
HYPERCALL(__HYPERVISOR_console_io, hypercall_console_io);
