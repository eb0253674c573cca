/* SPDX-License-Identifier: Apache-2.0 */
/* The x86 part of domains and vCPUs. */
#ifndef WHERRY_ASM_DOMAIN_H
#define WHERRY_ASM_DOMAIN_H

#include <asm/emulate.h>
#include <asm/fpu.h>
#include <asm/hvm.h>
#include <asm/regs.h>
#include <asm/svm.h>
#include <asm/vmx.h>
#include <public/arch-x86/hvm/start_info.h>
#include <wherry/atomic.h>
#include <wherry/spinlock.h>
#include <wherry/timer.h>
#include <wherry/types.h>

#define DOMAIN_NR_HVM_PARAMS 48
#define HVM_MEMMAP_MAX       6

/* Where a PC has its VGA card's memory. */
#define HVM_VGA_BASE UINT64_C(0xa0000)
#define HVM_VGA_END  UINT64_C(0xc0000)

/* The access of an instruction that is being forwarded (hvm/io.c). */
struct hvm_io {
    enum {
        HVM_IO_NONE,
        HVM_IO_PORT,   /* IN or OUT of a register: `next` is the RIP behind it */
        HVM_IO_EMULATE /* the emulator goes on with the answer */
    } kind;
    uint64_t next;
};

/* One access of an instruction that is being emulated: what was answered or sent of it. */
struct hvm_operand {
    uint64_t key; /* linear address, or port */
    uint8_t kind; /* HVM_OPERAND_* */
    uint8_t done; /* bytes */
    uint8_t data[64];
};

enum { HVM_OPERAND_READ, HVM_OPERAND_WRITE, HVM_OPERAND_PORT_IN, HVM_OPERAND_PORT_OUT };

#define HVM_MAX_OPERANDS 6

/* An instruction between two answers (hvm/emulate.c). */
struct hvm_emulation {
    struct x86_emul insn;
    uint8_t nr_operands;
    uint32_t batch, batch_done; /* elements of a REP in flight, and answered */
    struct hvm_operand *waits_for;
    struct hvm_operand operand[HVM_MAX_OPERANDS];
};

/* hvm/translate.c: frames found last, by their low bits, in a p2m whose count was `seq`. */
#define HVM_NR_FRAMES 16

struct hvm_frames {
    uint64_t seq;
    struct hvm_frame {
        uint64_t gfn;
        char *host;   /* NULL: no memory there */
        uint8_t type; /* enum p2m_type */
    } slot[HVM_NR_FRAMES];
};

#define HVM_NR_WALKS 32

/* The walk of an instruction's page, or (by 2 MiB) of an operand's: the question, entries met, the
 * answer. */
#define HVM_MAX_DEPTH 6 /* of entries noted; so many: more, or it is not to be kept */

struct hvm_walk {
    uint64_t seq;
    uint64_t page; /* linear address, shifted */
    uint64_t cr0, cr3, cr4, efer;
    uint32_t kind;
    uint8_t shift; /* of the page */
    uint8_t depth;
    const uint64_t *at[HVM_MAX_DEPTH];
    uint64_t entry[HVM_MAX_DEPTH];
    uint64_t gpa; /* of the page */
};

struct arch_vcpu {
    struct cpu_user_regs regs; /* first: see regs.h */
    union {
        struct svm_vcpu svm;
        struct vmx_vcpu vmx;
    };
    struct fpu_state fpu; /* while not loaded */
    uint64_t xcr0;        /* so too; 0 where there is no XSAVE */
    bool xsave;           /* XCR0 was more than x87: `fpu` is XSAVE's, not FXSAVE's */
    struct vlapic *vlapic;
    struct hvm_io io;
    struct hvm_emulation emul;
    struct hvm_frames frames; /* these two: the vCPU's own */
    struct hvm_walk fetch_walk, walks[HVM_NR_WALKS];
    uint64_t p2m_seq; /* p2m_changed() */
    /* DM op inject_event: the slot is taken by the lock, filled in, then published. */
    atomic32_t dm_event_lock, dm_event_set;
    struct hvm_event dm_event;
    uint64_t dr[4]; /* breakpoints' addresses, while it does not run */
    uint64_t apic_base;
    bool words32;           /* it makes a hypercall, in code of 32 bits */
    uint8_t upcall_vector;  /* HVMOP_set_evtchn_upcall_vector; 0: the domain's */
    atomic32_t nmi_pending; /* wanted; atomic */
    atomic32_t start;       /* start-up IPI: page + 1; hvm/vcpu.c. Atomic */
    /* VIRQ_TIMER: once, and every timer_period ns (0: not) since timer_next; hvm/vcpu_op.c. */
    struct timer single, periodic;
    struct spinlock periodic_lock;     /* LOCK_RANK_PERIODIC: these two, and arming `periodic` */
    s_time_t timer_period, timer_next; /* 0: stopped; when it is due */
};

/* What the domain builder decides. */
struct arch_domain_config {
    uint8_t none;
};

struct arch_domain {
    uint32_t pci_cf8; /* last write to port 0xCF8; one word, any vCPU */
    uint64_t tsc_at_create;
    bool vga; /* a device model makes a VGA card; constant */
    /* XENMEM_memory_map; constant once it runs. */
    struct hvm_memmap_table_entry memmap[HVM_MEMMAP_MAX];
    uint32_t nr_memmap;
};

#endif
