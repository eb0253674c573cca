/* SPDX-License-Identifier: Apache-2.0 */
/* What a domain and a vCPU are on Arm64. Part of include/wherry/domain.h. */
#ifndef WHERRY_ASM_DOMAIN_H
#define WHERRY_ASM_DOMAIN_H

#include <asm/insn.h>
#include <asm/regs.h>
#include <asm/vgic.h>
#include <wherry/atomic.h>
#include <wherry/timer.h>
#include <wherry/types.h>

/* HVM_PARAM_* numbers below this are stored in struct domain. */
#define DOMAIN_NR_HVM_PARAMS 48

struct vpl011;

/* EL1 state of a vCPU that is not loaded. */
struct el1_context {
    uint64_t sp_el0, sp_el1, elr, spsr;
    uint64_t sctlr, cpacr, ttbr0, ttbr1, tcr, mair, amair, vbar;
    uint64_t esr, far, afsr0, afsr1, par, contextidr;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1;
    uint64_t cntkctl, csselr, mdscr;
};

/* 16-byte aligned for pairwise stores. */
struct fp_context {
    uint64_t q[64]; /* Q0-Q31 */
    uint64_t fpsr, fpcr;
};

/* One architected timer as a guest sees it. */
struct vtimer {
    uint64_t ctl, cval; /* virtual: while not loaded; physical: always */
    struct timer timer; /* virtual: wakes a vCPU that is switched out; physical: the timer */
    bool woken;         /* virtual: `timer` raised the interrupt's line to wake the vCPU */
};

/* The access that a vCPU waits for: written when it faults, used when the answer is there. */
struct pending_access {
    struct mem_insn insn;
    uint64_t far;     /* for the abort, if nobody answers */
    uint64_t first;   /* pair: value of the first element */
    uint64_t ipa;     /* of the current element */
    uint8_t element;  /* 0 or 1 */
    uint64_t p2m_seq; /* p2m_changed() */
};

enum psci_state {
    PSCI_OFF,
    PSCI_STARTING, /* someone is in CPU_ON for it */
    PSCI_ON,
};

struct arch_vcpu {
    struct cpu_user_regs regs; /* first: see regs.h */
    uint64_t hcr;
    uint64_t vmpidr;
    struct el1_context el1;
    struct fp_context fp __aligned(16);
    bool fp_live;      /* the CPU's FP registers are its own; while loaded */
    uint8_t fp_credit; /* stays to come that begin with them loaded; see context.c */
    struct pending_access access;
    struct vtimer vtimer, ptimer;
    struct vgic_vcpu vgic;
    atomic32_t psci_state; /* enum psci_state */
};

/* What the domain builder decides. */
struct arch_domain_config {
    uint8_t gic_version;  /* 2 or 3; 0: the host's */
    uint16_t nr_spis;     /* shared interrupts, beyond the 32 private ones */
    bool vpl011;          /* a PL011 in the hypervisor, on the shared console */
    bool direct_map;      /* control domain: guest and machine addresses are the same */
    uint64_t vpl011_base; /* 0: GUEST_PL011_BASE */
    uint32_t vpl011_irq;  /* 0: GUEST_VPL011_SPI */
    uint32_t evtchn_ppi;  /* 0: GUEST_EVTCHN_PPI */
};

struct arch_domain {
    struct arch_domain_config config; /* constant */
    struct vgic_domain vgic;
    struct vpl011 *vpl011;
    uint64_t cntvoff; /* counter when the domain was created */
    /* The vCPU that ran last on each pCPU: another one's private TLB entries must go. Own pCPU. */
    uint16_t last_vcpu[CONFIG_NR_CPUS];
};

#endif
