/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a payload uses of the library that does not depend on the architecture: text, test results,
 * hypercalls, events, memory of other domains, and the device model's side of ioreq. Only the
 * public ABI and the boot protocol are relied on, so that a payload also runs on Xen.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "cpu.h"
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>
#include <public/errno.h>
#include <public/event_channel.h>
#include <public/hvm/dm_op.h>
#include <public/hvm/hvm_op.h>
#include <public/hvm/ioreq.h>
#include <public/hvm/params.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/version.h>
#include <public/xen.h>

/* A payload's own program; returning powers the domain off. */
int main(void);

/*
 * How long to wait for what must come, in seconds: only a failure waits so long, and a machine that
 * runs many emulators at once is slow.
 */
#define PATIENCE 20

/* --- text and results --- */

/* Whole lines go out in one piece, so that domains do not mix within a line. */
void print(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
_Noreturn void die(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
/* Raw text to the console, lines or not. */
void console_write(const char *s, size_t n);

/* One case: `ok N - text` or `not ok N - text`. Returns ok. */
bool tap(bool ok, const char *fmt, ...) __attribute__((__format__(__printf__, 2, 3)));
/* One case that compares; the failing line says both values. */
bool tap_eq(int64_t got, int64_t want, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));
/*
 * The next case is one that `skip=` lists by number: it is reported as skipped, and not to be run.
 * make check-oracle leaves out cases so that stop the guest on Xen.
 */
bool tap_skip(const char *text);
/* `1..N` and `# done passed=X failed=Y`; the number of failures. */
unsigned int tap_done(void);

/* --- what the domain was given (arch/ARCH/platform.c) --- */

extern const char *bootargs;
extern uint64_t initrd_base, initrd_size; /* 0, 0: none */
extern uint64_t memory_size;              /* bytes of RAM */
extern bool under_hypervisor;
extern uintptr_t console_uart; /* a PL011; 0: the console hypercall */
/* Sets these, nr_cpus, scratch_base, scratch_size and evtchn_irq; once, with the MMU on. */
void platform_init(void);
/* The value of `name=` in the command line as a number, or def. */
uint64_t bootarg_u64(const char *name, uint64_t def);
/* The command line has `name=` with numbers, a colon between two, and this one among them. */
bool bootarg_lists(const char *name, uint64_t number);
bool bootarg_has(const char *word);

/* --- hypercalls --- */

long hypercall(unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);

static inline uint64_t arg(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}
static inline long memory_op(unsigned int cmd, void *p)
{
    return hypercall(__HYPERVISOR_memory_op, cmd, arg(p), 0, 0, 0);
}
static inline long event_channel_op(unsigned int cmd, void *p)
{
    return hypercall(__HYPERVISOR_event_channel_op, cmd, arg(p), 0, 0, 0);
}
static inline long sched_op(unsigned int cmd, const void *p)
{
    return hypercall(__HYPERVISOR_sched_op, cmd, arg(p), 0, 0, 0);
}
static inline long hvm_op(unsigned int cmd, void *p)
{
    return hypercall(__HYPERVISOR_hvm_op, cmd, arg(p), 0, 0, 0);
}
static inline long xen_version(unsigned int cmd, void *p)
{
    return hypercall(__HYPERVISOR_xen_version, cmd, arg(p), 0, 0, 0);
}
static inline long vcpu_op(unsigned int cmd, unsigned int vcpu, void *p)
{
    return hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, arg(p), 0, 0);
}
static inline long console_io(unsigned int cmd, unsigned int n, const char *p)
{
    return hypercall(__HYPERVISOR_console_io, cmd, n, arg(p), 0, 0);
}
static inline void yield_cpu(void)
{
    cpu_relax();
    if (under_hypervisor)
        sched_op(SCHEDOP_yield, NULL);
}

/* --- page frames that hold nothing yet; the region of /hypervisor on Arm --- */

extern uint64_t scratch_base, scratch_size;
/* `n` consecutive free pages as an address; they are not given back. Dies when there are none. */
uint64_t scratch_alloc(unsigned int n);

/* --- events --- */

extern struct shared_info *shared;
/* Map shared_info and register vcpu_info of this vCPU (secondary ones by register_vcpu_info). */
int events_init(void);
void events_cpu_init(void);
/* shared_info is at `at` from now on, perhaps no longer where it was. */
long events_move(uint64_t at);
/* This vCPU's. */
struct vcpu_info *events_info(void);

typedef void (*event_handler_t)(evtchn_port_t port, void *ctx);
void event_set_handler(evtchn_port_t port, event_handler_t fn, void *ctx);
/* Take upcalls on this vCPU through evtchn_irq. */
extern unsigned int evtchn_irq;
void events_enable_upcall(void);

long evtchn_alloc_unbound(domid_t dom, domid_t remote, evtchn_port_t *port);
long evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
long evtchn_bind_virq(unsigned int virq, unsigned int vcpu, evtchn_port_t *port);
long evtchn_bind_ipi(unsigned int vcpu, evtchn_port_t *port);
long evtchn_send(evtchn_port_t port);
long evtchn_close(evtchn_port_t port);
void event_mask(evtchn_port_t port);
void event_unmask(evtchn_port_t port);
bool event_pending(evtchn_port_t port);
/* Clear; returns whether it was pending. */
bool event_take(evtchn_port_t port);
/* Block until one of the (masked) ports is pending or the system time comes; 0: no limit. */
long events_poll(evtchn_port_t *ports, unsigned int n, uint64_t timeout_ns_abs);
/* An upcall to this vCPU, with interrupts off, waits. */
bool events_upcall_waits(void);
/* System time of the hypervisor, near enough for timeouts: the counter in ns. */
uint64_t now_ns(void);

/* --- memory of another domain --- */

/* Map the guest's page gfn at the page frame `at`; 0 or -errno. */
long foreign_map(domid_t dom, uint64_t gfn, uint64_t at);
long foreign_unmap(uint64_t at);
long map_shared_info(uint64_t at);
/* acquire_resource of the ioreq page of server `id`, at the frame `at`. */
long acquire_ioreq_page(domid_t dom, unsigned int id, uint64_t frame, uint64_t at);

/* --- other domains --- */

/*
 * Domain `dom` is there: made by the hypervisor, or else from the module with so many vCPUs
 * (arch/ARCH/build.c). Dies if it cannot be made; without a module there is nothing to make.
 */
void guest_provide(domid_t dom, unsigned int vcpus);

/* --- device model --- */

/* dm_op with one buffer of `size` bytes. */
long dm_op_raw(domid_t dom, unsigned int nr_bufs, struct xen_dm_op_buf *bufs);
long dm_op(domid_t dom, struct xen_dm_op *op);

struct dm_server {
    domid_t dom;
    ioservid_t id;
    unsigned int vcpus;
    struct shared_iopage *page;
    uint64_t page_addr;
    evtchn_port_t port[MAX_CPUS]; /* local ports, masked: they are polled */
};

long dm_nr_vcpus(domid_t dom, unsigned int *n);
long dm_create(domid_t dom, ioservid_t *id);
long dm_destroy(domid_t dom, ioservid_t id);
long dm_set_state(domid_t dom, ioservid_t id, bool on);
long dm_map(domid_t dom, ioservid_t id, uint64_t start, uint64_t end);
long dm_unmap(domid_t dom, ioservid_t id, uint64_t start, uint64_t end);
long dm_set_irq(domid_t dom, unsigned int irq, unsigned int level);

/* Create, map the page, enable and bind: ABI.md 2.8's order. Ranges are the caller's. */
int dm_server_open(struct dm_server *s, domid_t dom);
void dm_server_close(struct dm_server *s);
/* Forget the local ends (ports, page) of a server that is destroyed already. */
void dm_server_release(struct dm_server *s);

static inline struct ioreq *dm_slot(struct dm_server *s, unsigned int vcpu)
{
    return &s->page->vcpu_ioreq[vcpu];
}
unsigned int dm_state(const struct ioreq *r);
/* Store the state; the other bits of its byte stay. */
void dm_set_slot_state(struct ioreq *r, unsigned int state);
/* Copy the request out if one is there (READY or INPROCESS), and mark it INPROCESS. */
bool dm_take(struct dm_server *s, unsigned int vcpu, struct ioreq *copy);
/* Answer with data and notify. */
void dm_answer(struct dm_server *s, unsigned int vcpu, uint64_t data);

#endif
