/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and vCPUs on Arm: creation, first start, end, and the debug key's view. */
#include <asm/guest.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/printk.h>

#include <public/arch-arm.h>
#include <public/hvm/params.h>

#define MAX_SPIS 960 /* interrupt numbers 32 to 991 */

/* Fill in what the builder left open. */
static int settle_config(struct arch_domain_config *c)
{
    if (c->gic_version == 0)
        c->gic_version = (uint8_t)vgic_host_version();
    if (c->vpl011_base == 0)
        c->vpl011_base = GUEST_PL011_BASE;
    if (c->vpl011_irq == 0)
        c->vpl011_irq = GUEST_VPL011_SPI;
    if (c->evtchn_ppi == 0)
        c->evtchn_ppi = GUEST_EVTCHN_PPI;
    if (c->vpl011 && c->nr_spis < c->vpl011_irq - 31)
        c->nr_spis = (uint16_t)(c->vpl011_irq - 31);
    if (c->nr_spis > MAX_SPIS || c->evtchn_ppi < 16 || c->evtchn_ppi > 31)
        return -EINVAL;
    return 0;
}

int arch_domain_create(struct domain *d, const struct arch_domain_config *config)
{
    struct arch_domain *a = &d->arch;
    int rc;

    a->config = *config;
    rc = settle_config(&a->config);
    if (rc != 0)
        return rc;
    /* As the guest's tree says it: a level-triggered PPI, low. */
    d->hvm_params[HVM_PARAM_CALLBACK_IRQ] = (uint64_t)HVM_PARAM_CALLBACK_TYPE_PPI << 56 |
                                            HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_LOW_LEVEL << 8 |
                                            a->config.evtchn_ppi;
    for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++)
        a->last_vcpu[cpu] = UINT16_MAX;
    a->cntvoff = READ_SYSREG(cntpct_el0);
    rc = vgic_domain_init(d);
    if (rc != 0)
        return rc;
    if (a->config.vpl011)
        rc = vpl011_init(d);
    if (rc != 0)
        vgic_domain_destroy(d);
    return rc;
}

void arch_domain_destroy(struct domain *d)
{
    vpl011_destroy(d);
    vgic_domain_destroy(d);
}

int arch_vcpu_create(struct vcpu *v)
{
    int rc;

    v->arch.vmpidr = vcpu_id_to_mpidr(v->id);
    rc = vgic_vcpu_init(v);
    if (rc != 0)
        return rc;
    rc = vtimer_init_vcpu(v);
    if (rc != 0)
        vgic_vcpu_destroy(v);
    return rc;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    vtimer_destroy_vcpu(v);
    vgic_vcpu_destroy(v);
}

void arch_vcpu_boot(struct vcpu *v, uint64_t pc, uint64_t x0)
{
    arch_vcpu_reset(v, pc, x0);
    atomic32_set(&v->arch.psci_state, PSCI_ON);
    vcpu_pause_clear(v, VPF_DOWN);
}

bool arch_vcpu_event_pending(struct vcpu *v)
{
    return vgic_vcpu_pending_irq(v) || evtchn_upcall_pending(v);
}

void arch_event_delivery_enable(struct vcpu *v)
{
    v->arch.regs.spsr &= ~PSR_I;
}

void arch_vcpu_flush_irq(struct vcpu *v)
{
    vgic_flush(v);
}

/* What runs elsewhere now shows its last trap, and EL1 registers of its last switch. */
void arch_vcpu_dump(const struct vcpu *v)
{
    const struct cpu_user_regs *r = &v->arch.regs;
    struct el1_context el1;
    const struct el1_context *c = &el1;

    el1_snapshot(v, &el1);
    printk("d%uv%u%s: pc %016lx pstate %08lx lr %016lx\n", v->domain->id, v->id,
           READ_ONCE(v->sched.on_cpu) ? " (running)" : "", (unsigned long)r->elr,
           (unsigned long)r->spsr, (unsigned long)r->x[30]);
    for (unsigned int i = 0; i < 30; i += 3)
        printk("  x%-2u %016lx  x%-2u %016lx  x%-2u %016lx\n", i, (unsigned long)r->x[i], i + 1,
               (unsigned long)r->x[i + 1], i + 2, (unsigned long)r->x[i + 2]);
    printk("  sp_el0 %016lx sp_el1 %016lx sctlr %lx tcr %lx\n", (unsigned long)c->sp_el0,
           (unsigned long)c->sp_el1, (unsigned long)c->sctlr, (unsigned long)c->tcr);
    printk("  ttbr0 %016lx ttbr1 %016lx vbar %016lx\n", (unsigned long)c->ttbr0,
           (unsigned long)c->ttbr1, (unsigned long)c->vbar);
    printk("  esr %08lx far %016lx elr %016lx\n", (unsigned long)c->esr, (unsigned long)c->far,
           (unsigned long)c->elr);
}
