/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block (APM vol. 2, appendix B) and the exits that it asks for. */
#ifndef WHERRY_X86_VMCB_H
#define WHERRY_X86_VMCB_H

#include <asm/hvm.h>
#include <wherry/types.h>

struct vmcb {
    /* Control area. */
    uint16_t cr_read, cr_write, dr_read, dr_write;
    uint32_t exceptions;
    uint32_t intercept1, intercept2, intercept3;
    uint8_t reserved0[0x3c - 0x18];
    uint16_t pause_threshold, pause_count;
    uint64_t iopm_pa, msrpm_pa, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved1[3];
    uint64_t v_intr; /* V_* */
    uint64_t shadow; /* bit 0: interrupt shadow */
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t np_enable, avic_bar, ghcb, event_inject, ncr3;
    uint64_t lbr_enable;
    uint32_t clean, reserved2;
    uint64_t next_rip;
    uint8_t insn_len, insn_bytes[15];
    uint8_t reserved3[0x400 - 0xe0];
    /* State save area. */
    struct hvm_segment seg[6]; /* ES, CS, SS, DS, FS, GS */
    struct hvm_segment gdtr, ldtr, idtr, tr;
    uint8_t reserved4[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved5;
    uint64_t efer;
    uint8_t reserved6[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved7[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t reserved8[0x5f8 - 0x5e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved9[0x668 - 0x648];
    uint64_t pat;
    uint8_t reserved10[0x1000 - 0x670];
};

_Static_assert(sizeof(struct vmcb) == 0x1000, "one page");
_Static_assert(offsetof(struct vmcb, iopm_pa) == 0x40, "IOPM_BASE_PA");
_Static_assert(offsetof(struct vmcb, v_intr) == 0x60, "V_TPR");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "EXITCODE");
_Static_assert(offsetof(struct vmcb, event_inject) == 0xa8, "EVENTINJ");
_Static_assert(offsetof(struct vmcb, ncr3) == 0xb0, "N_CR3");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "nRIP");
_Static_assert(offsetof(struct vmcb, seg) == 0x400, "state save area");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "CPL");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "EFER");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "CR4");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "RIP");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "RSP");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "RAX");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "CR2");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "G_PAT");

/* cr_read, cr_write */
#define ICPT_CR8 BIT(8)

/* intercept1 */
#define ICPT_INTR     BIT(0)
#define ICPT_NMI      BIT(1)
#define ICPT_SMI      BIT(2)
#define ICPT_INIT     BIT(3)
#define ICPT_VINTR    BIT(4)
#define ICPT_RDPMC    BIT(15)
#define ICPT_CPUID    BIT(18)
#define ICPT_INVD     BIT(22)
#define ICPT_HLT      BIT(24)
#define ICPT_INVLPGA  BIT(26)
#define ICPT_IOIO     BIT(27)
#define ICPT_MSR      BIT(28)
#define ICPT_SHUTDOWN BIT(31)
/* intercept2 */
#define ICPT_VMRUN   BIT(0)
#define ICPT_VMMCALL BIT(1)
#define ICPT_VMLOAD  BIT(2)
#define ICPT_VMSAVE  BIT(3)
#define ICPT_STGI    BIT(4)
#define ICPT_CLGI    BIT(5)
#define ICPT_SKINIT  BIT(6)
#define ICPT_RDTSCP  BIT(7)
#define ICPT_WBINVD  BIT(9)
#define ICPT_MONITOR BIT(10)
#define ICPT_MWAIT   BIT(11)
#define ICPT_XSETBV  BIT(13)

/* v_intr */
#define V_IRQ            BIT64(8)
#define V_INTR_PRIO(n)   ((uint64_t)(n) << 16)
#define V_IGN_TPR        BIT64(20)
#define V_INTR_MASKING   BIT64(24)
#define V_INTR_VECTOR(n) ((uint64_t)(n) << 32)

#define V_INTR_VECTOR_OF(v) (((v) >> 32) & 0xff)

#define EVENT_VALID     BIT64(31)
#define EVENT_HAS_ERROR BIT64(11)

#define TLB_NONE      0
#define TLB_FLUSH_ALL 1

enum {
    EXIT_CR8_READ = 0x08,
    EXIT_CR8_WRITE = 0x18,
    EXIT_EXCEPTION = 0x40, /* + vector */
    EXIT_INTR = 0x60,
    EXIT_NMI = 0x61,
    EXIT_SMI = 0x62,
    EXIT_INIT = 0x63,
    EXIT_VINTR = 0x64,
    EXIT_RDPMC = 0x6f,
    EXIT_CPUID = 0x72,
    EXIT_INVD = 0x76,
    EXIT_HLT = 0x78,
    EXIT_IOIO = 0x7b,
    EXIT_MSR = 0x7c,
    EXIT_SHUTDOWN = 0x7f,
    EXIT_VMMCALL = 0x81,
    EXIT_WBINVD = 0x89,
    EXIT_XSETBV = 0x8d,
    EXIT_NPF = 0x400,
};

/* EXITINFO1 of an IOIO exit (APM 15.10.2). */
#define IOIO_IN      BIT(0)
#define IOIO_STRING  BIT(2)
#define IOIO_SIZE(x) (((x) >> 4) & 7) /* one bit: 1, 2, 4 bytes */
#define IOIO_PORT(x) ((uint16_t)((x) >> 16))

/* EXITINFO1 of a nested page fault: as a page fault's error code. */
#define NPF_WRITE BIT64(1)
#define NPF_EXEC  BIT64(4)

/* --- asid.c --- */
/* Each pCPU, once. */
void svm_asid_cpu_init(void);
/* Before entry: an identifier under which nothing stale is cached. */
void svm_asid_prepare(struct vcpu *v);

/* --- entry.S --- */
void __noreturn svm_enter(struct vcpu *v);
/* From entry.S: handle the exit of v; who is entered next. */
struct vcpu *svm_exit(struct vcpu *v);
/* The last step before entry, interrupts off. */
void svm_prepare_entry(struct vcpu *v);

#endif
