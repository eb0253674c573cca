/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a payload: shared_info, upcalls, the operations. */
#include "payload.h"

#define NR_PORTS 4096
#define WORD     64

struct shared_info *shared;
uint64_t scratch_base, scratch_size;
unsigned int evtchn_irq;
static uint64_t scratch_used;
static struct {
    event_handler_t fn;
    void *ctx;
} handlers[NR_PORTS];
static struct vcpu_info infos[MAX_CPUS] __attribute__((aligned(64)));
static struct vcpu_info *info_of[MAX_CPUS];

uint64_t scratch_alloc(unsigned int n)
{
    uint64_t a = scratch_base + scratch_used;

    if (scratch_size - scratch_used < (uint64_t)n * PAGE_SIZE)
        die("no room left for %u pages of others", n);
    scratch_used += (uint64_t)n * PAGE_SIZE;
    return a;
}

long map_shared_info(uint64_t at)
{
    struct xen_add_to_physmap op = {
        .domid = DOMID_SELF,
        .space = XENMAPSPACE_shared_info,
        .gpfn = at >> PAGE_SHIFT,
    };

    return memory_op(XENMEM_add_to_physmap, &op);
}

long events_move(uint64_t at)
{
    long rc = map_shared_info(at);

    if (rc != 0)
        return rc;
    shared = (struct shared_info *)(uintptr_t)at;
    info_of[0] = &shared->vcpu_info[0];
    return 0;
}

void events_cpu_init(void)
{
    unsigned int cpu = this_cpu()->index;
    struct vcpu_register_vcpu_info reg = {
        .mfn = (uintptr_t)&infos[cpu] >> PAGE_SHIFT,
        .offset = (uintptr_t)&infos[cpu] % PAGE_SIZE,
    };
    long rc = vcpu_op(VCPUOP_register_vcpu_info, cpu, &reg);

    if (rc != 0)
        die("register_vcpu_info of vCPU %u: %ld", cpu, rc);
    info_of[cpu] = &infos[cpu];
}

int events_init(void)
{
    uint64_t page;
    long rc;

    if (scratch_size == 0)
        die("no hypervisor, or no room for pages of others");
    page = scratch_alloc(1);
    rc = events_move(page);
    if (rc != 0)
        return (int)rc;
    memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
    return 0;
}

struct vcpu_info *events_info(void)
{
    return info_of[this_cpu()->index];
}

void event_set_handler(evtchn_port_t port, event_handler_t fn, void *ctx)
{
    handlers[port].ctx = ctx;
    handlers[port].fn = fn;
}

static void upcall(unsigned int irq, void *ctx)
{
    struct vcpu_info *v = info_of[this_cpu()->index];
    uint64_t words;

    (void)irq;
    (void)ctx;
    /* Cleared before the selector is taken: an event from here on sets it again. */
    __atomic_store_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    while (words != 0) {
        unsigned int w = (unsigned int)__builtin_ctzll(words);
        uint64_t bits = READ_ONCE(shared->evtchn_pending[w]) & ~READ_ONCE(shared->evtchn_mask[w]);

        words &= words - 1;
        for (; bits != 0; bits &= bits - 1) {
            unsigned int port = w * WORD + (unsigned int)__builtin_ctzll(bits);

            if (event_take(port) && handlers[port].fn != NULL)
                handlers[port].fn(port, handlers[port].ctx);
        }
    }
}

void events_enable_upcall(void)
{
    irq_set_handler(evtchn_irq, upcall, NULL);
    irq_enable(evtchn_irq);
}

long evtchn_alloc_unbound(domid_t dom, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
    long rc = event_channel_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

long evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = remote_port};
    long rc = event_channel_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

long evtchn_bind_virq(unsigned int virq, unsigned int vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    long rc = event_channel_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return rc;
}

long evtchn_bind_ipi(unsigned int vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    long rc = event_channel_op(EVTCHNOP_bind_ipi, &op);

    *port = op.port;
    return rc;
}

long evtchn_send(evtchn_port_t port)
{
    struct evtchn_send op = {.port = port};

    return event_channel_op(EVTCHNOP_send, &op);
}

long evtchn_close(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};

    return event_channel_op(EVTCHNOP_close, &op);
}

static uint64_t bit(evtchn_port_t port)
{
    return UINT64_C(1) << (port % WORD);
}

void event_mask(evtchn_port_t port)
{
    __atomic_fetch_or(&shared->evtchn_mask[port / WORD], bit(port), __ATOMIC_SEQ_CST);
}

void event_unmask(evtchn_port_t port)
{
    struct evtchn_unmask op = {.port = port};

    event_channel_op(EVTCHNOP_unmask, &op);
}

bool event_pending(evtchn_port_t port)
{
    return (READ_ONCE(shared->evtchn_pending[port / WORD]) & bit(port)) != 0;
}

bool event_take(evtchn_port_t port)
{
    return (__atomic_fetch_and(&shared->evtchn_pending[port / WORD], ~bit(port), __ATOMIC_SEQ_CST) &
            bit(port)) != 0;
}

long events_poll(evtchn_port_t *ports, unsigned int n, uint64_t timeout_ns_abs)
{
    struct sched_poll op = {.nr_ports = n, .timeout = timeout_ns_abs};

    set_xen_guest_handle(op.ports, ports);
    return sched_op(SCHEDOP_poll, &op);
}
