/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of include/wherry/ on the build host: record, or act on plain memory. */
#include <asm/fake.h>
#include <asm/relax.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wherry/domain.h>
#include <wherry/irq.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>
#include <wherry/version.h>
#include <public/hvm/dm_op.h>

static struct page frame_table[FAKE_RAM_FRAMES];
struct page *const arch_frame_table = frame_table;
unsigned char fake_ram[FAKE_RAM_FRAMES << PAGE_SHIFT] __aligned(4096);
unsigned char fake_gva[FAKE_GVA_SIZE];
bool fake_gva_read_only;
uint64_t fake_now;
unsigned int fake_kicks;
bool fake_irq_pending_flag;
void (*fake_complete_hook)(struct vcpu *v);

_Thread_local uintptr_t fake_percpu_offset;
uintptr_t percpu_offset[CONFIG_NR_CPUS];
DEFINE_PER_CPU(unsigned int, cpu_id);
uint64_t cpu_online_mask = 1;

void fake_arch_reset(void)
{
    memset(fake_gva, 0, sizeof(fake_gva));
    fake_gva_read_only = false;
    fake_now = 0;
    fake_kicks = 0;
    fake_irq_pending_flag = false;
    fake_complete_hook = NULL;
}

s_time_t arch_now(void)
{
    return (s_time_t)fake_now;
}

void arch_relax(void)
{
    syscall(SYS_sched_yield); /* sched_yield() is another function here */
}

void arch_smp_kick(unsigned int cpu)
{
    (void)cpu;
    __atomic_fetch_add(&fake_kicks, 1, __ATOMIC_RELAXED);
}

void irq_release_guest(struct domain *d)
{
    (void)d; /* there are none */
}

bool arch_irq_pending(void)
{
    return fake_irq_pending_flag;
}

void arch_evtchn_upcall(struct vcpu *v)
{
    v->arch.upcalls++;
    vcpu_wake_event(v);
}

/* Guest memory by virtual address. */

static bool gva_ok(uint64_t gva, size_t size)
{
    return gva >= FAKE_GVA_BASE && size <= FAKE_GVA_SIZE &&
           gva - FAKE_GVA_BASE <= FAKE_GVA_SIZE - size;
}

int guest_copy_from(void *dst, uint64_t gva, size_t size)
{
    if (!gva_ok(gva, size))
        return -EFAULT;
    memcpy(dst, fake_gva + (gva - FAKE_GVA_BASE), size);
    return 0;
}

int guest_copy_to(uint64_t gva, const void *src, size_t size)
{
    if (fake_gva_read_only || !gva_ok(gva, size))
        return -EFAULT;
    memcpy(fake_gva + (gva - FAKE_GVA_BASE), src, size);
    return 0;
}

struct page *guest_get_page(uint64_t gva)
{
    if (gva < FAKE_GVA_FRAMES || gva >= FAKE_GVA_FRAMES + (FAKE_P2M_FRAMES << PAGE_SHIFT))
        return NULL;
    return p2m_get_page(current->domain, gfn((gva - FAKE_GVA_FRAMES) >> PAGE_SHIFT), true, false,
                        NULL);
}

const char *arch_version_capabilities(void)
{
    return "fake-1.0";
}

uint32_t arch_version_features(const struct domain *d)
{
    (void)d;
    return 0;
}

void arch_event_delivery_enable(struct vcpu *v)
{
    v->arch.deliveries_enabled++;
}

/* Domains and vCPUs hold nothing of this architecture's. */

int arch_domain_create(struct domain *d, const struct arch_domain_config *config)
{
    (void)d, (void)config;
    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    (void)d;
}

int arch_vcpu_create(struct vcpu *v)
{
    (void)v;
    return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    (void)v;
}

void arch_vcpu_dump(const struct vcpu *v)
{
    (void)v;
}

/* Forwarding. */

void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    v->arch.completions++;
    v->arch.answered = answered;
    v->arch.result = access->data;
    if (fake_complete_hook != NULL)
        fake_complete_hook(v);
}

/* One op of its own, with Arm's number, so that the arch part of dm_op is exercised. */
unsigned int arch_dm_op_size(uint32_t op)
{
    return op == XEN_DMOP_set_irq_level ? sizeof(struct xen_dm_op_set_irq_level) : 0;
}

int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back)
{
    (void)copy_back;
    d->arch.spi_level_calls++;
    d->arch.spi = op->u.set_irq_level.irq;
    d->arch.spi_level = op->u.set_irq_level.level;
    return 0;
}
