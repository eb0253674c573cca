/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual-machine control structure: encodings of its fields (SDM vol. 3, appendix B), the
 * controls (chapter 25), exits (appendix C), and the instructions on it. Between the files of vmx/.
 */
#ifndef WHERRY_X86_VMCS_H
#define WHERRY_X86_VMCS_H

/* For entry.S too. */
#define VMCS_HOST_RSP 0x6c14

#ifndef __ASSEMBLY__

#include <asm/hvm.h>
#include <wherry/bug.h>
#include <wherry/types.h>

enum {
    VMCS_VPID = 0x0000,
    VMCS_GUEST_SELECTOR = 0x0800, /* + 2 * enum hvm_seg, as limits, rights and bases */
    VMCS_HOST_ES = 0x0c00,
    VMCS_HOST_CS = 0x0c02,
    VMCS_HOST_SS = 0x0c04,
    VMCS_HOST_DS = 0x0c06,
    VMCS_HOST_FS = 0x0c08,
    VMCS_HOST_GS = 0x0c0a,
    VMCS_HOST_TR = 0x0c0c,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_EPT_POINTER = 0x201a,
    VMCS_GUEST_PHYSICAL = 0x2400,
    VMCS_LINK_POINTER = 0x2800,
    VMCS_GUEST_DEBUGCTL = 0x2802,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_GUEST_PDPTE0 = 0x280a, /* + 2 * n */
    VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02,
    VMCS_PIN_CONTROLS = 0x4000,
    VMCS_PROC_CONTROLS = 0x4002,
    VMCS_EXCEPTIONS = 0x4004,
    VMCS_PF_MASK = 0x4006,
    VMCS_PF_MATCH = 0x4008,
    VMCS_CR3_TARGETS = 0x400a,
    VMCS_EXIT_CONTROLS = 0x400c,
    VMCS_EXIT_STORE_COUNT = 0x400e,
    VMCS_EXIT_LOAD_COUNT = 0x4010,
    VMCS_ENTRY_CONTROLS = 0x4012,
    VMCS_ENTRY_LOAD_COUNT = 0x4014,
    VMCS_ENTRY_EVENT = 0x4016,
    VMCS_ENTRY_ERROR = 0x4018,
    VMCS_ENTRY_INSN_LEN = 0x401a,
    VMCS_PROC2_CONTROLS = 0x401e,
    VMCS_INSN_ERROR = 0x4400,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_ERROR = 0x4406,
    VMCS_IDT_EVENT = 0x4408,
    VMCS_IDT_ERROR = 0x440a,
    VMCS_EXIT_INSN_LEN = 0x440c,
    VMCS_GUEST_LIMIT = 0x4800,
    VMCS_GUEST_RIGHTS = 0x4814,
    VMCS_GUEST_BLOCKING = 0x4824,
    VMCS_GUEST_ACTIVITY = 0x4826,
    VMCS_GUEST_SYSENTER_CS = 0x482a,
    VMCS_HOST_SYSENTER_CS = 0x4c00,
    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_BASE = 0x6806,
    VMCS_GUEST_DR7 = 0x681a,
    VMCS_GUEST_RSP = 0x681c,
    VMCS_GUEST_RIP = 0x681e,
    VMCS_GUEST_RFLAGS = 0x6820,
    VMCS_GUEST_PENDING_DEBUG = 0x6822,
    VMCS_GUEST_SYSENTER_ESP = 0x6824,
    VMCS_GUEST_SYSENTER_EIP = 0x6826,
    VMCS_HOST_CR0 = 0x6c00,
    VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04,
    VMCS_HOST_FS_BASE = 0x6c06,
    VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a,
    VMCS_HOST_GDTR_BASE = 0x6c0c,
    VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_ESP = 0x6c10,
    VMCS_HOST_SYSENTER_EIP = 0x6c12,
    VMCS_HOST_RIP = 0x6c16,
};

/* Pin-based controls. */
#define PIN_EXTERNAL_INTERRUPT BIT(0)
#define PIN_NMI                BIT(3)
#define PIN_VIRTUAL_NMIS       BIT(5)

/* Primary processor-based controls. */
#define PROC_INTERRUPT_WINDOW BIT(2)
#define PROC_HLT              BIT(7)
#define PROC_MWAIT            BIT(10)
#define PROC_RDPMC            BIT(11)
#define PROC_CR3_LOAD         BIT(15)
#define PROC_CR3_STORE        BIT(16)
#define PROC_CR8_LOAD         BIT(19)
#define PROC_CR8_STORE        BIT(20)
#define PROC_NMI_WINDOW       BIT(22)
#define PROC_IO               BIT(24)
#define PROC_MSR_BITMAP       BIT(28)
#define PROC_MONITOR          BIT(29)
#define PROC_SECONDARY        BIT(31)

/* Secondary ones. */
#define PROC2_EPT                BIT(1)
#define PROC2_VPID               BIT(5)
#define PROC2_WBINVD             BIT(6)
#define PROC2_UNRESTRICTED_GUEST BIT(7)

/* Exit controls. */
#define EXIT_SAVE_DEBUG    BIT(2)
#define EXIT_HOST_64       BIT(9)
#define EXIT_ACK_INTERRUPT BIT(15)
#define EXIT_SAVE_PAT      BIT(18)
#define EXIT_LOAD_PAT      BIT(19)
#define EXIT_SAVE_EFER     BIT(20)
#define EXIT_LOAD_EFER     BIT(21)

/* Entry controls. */
#define ENTRY_LOAD_DEBUG BIT(2)
#define ENTRY_IA32E      BIT(9)
#define ENTRY_LOAD_PAT   BIT(14)
#define ENTRY_LOAD_EFER  BIT(15)

/* What is delivered, or was (SDM vol. 3, 25.8.3, 25.9.2 and 25.9.3). */
#define VMX_EVENT_VECTOR(x) ((x)&0xff)
#define VMX_EVENT_TYPE(x)   (((x) >> 8) & 7)
#define VMX_EVENT_ERROR     BIT(11)
#define VMX_EVENT_VALID     BIT(31)
#define EVENT_NMI_UNMASK    BIT(12) /* of an exception that is the reason of the exit */

/* Interruptibility (25.4.2). */
#define BLOCKED_STI    BIT(0)
#define BLOCKED_MOV_SS BIT(1)
#define BLOCKED_NMI    BIT(3)

/* Rights of a segment: as struct hvm_segment has them, but for a gap. */
#define RIGHTS_UNUSABLE BIT(16)

/* Exit reasons. */
#define REASON_ENTRY_FAILED BIT(31)
enum {
    REASON_EXCEPTION = 0,
    REASON_INTERRUPT = 1,
    REASON_TRIPLE_FAULT = 2,
    REASON_INIT = 3,
    REASON_SIPI = 4,
    REASON_WINDOW = 7,
    REASON_NMI_WINDOW = 8,
    REASON_TASK_SWITCH = 9,
    REASON_CPUID = 10,
    REASON_HLT = 12,
    REASON_INVD = 13,
    REASON_RDPMC = 15,
    REASON_VMCALL = 18,
    REASON_CR = 28,
    REASON_IO = 30,
    REASON_RDMSR = 31,
    REASON_WRMSR = 32,
    REASON_EPT_VIOLATION = 48,
    REASON_EPT_MISCONFIG = 49,
    REASON_WBINVD = 54,
    REASON_XSETBV = 55,
};

/* Qualification of I/O (28.2.1). */
#define QUAL_IO_SIZE(q) (((q)&7) + 1)
#define QUAL_IO_IN      BIT64(3)
#define QUAL_IO_STRING  BIT64(4)
#define QUAL_IO_PORT(q) ((uint16_t)((q) >> 16))

/* ... of EPT violations. */
#define QUAL_EPT_WRITE  BIT64(1)
#define QUAL_EPT_EXEC   BIT64(2)
#define QUAL_NMI_UNMASK BIT64(12)

/* ... of accesses to control registers. */
#define QUAL_CR(q)       ((unsigned int)((q)&0xf))
#define QUAL_CR_TYPE(q)  ((unsigned int)(((q) >> 4) & 3))
#define QUAL_CR_GPR(q)   ((unsigned int)(((q) >> 8) & 0xf))
#define CR_TYPE_MOV_TO   0
#define CR_TYPE_MOV_FROM 1

/* VMPTRLD, VMCLEAR and VMXON set CF or ZF where they fail; then nothing can go on. */
static inline void vmptrld(uint64_t pa)
{
    bool failed;

    __asm__ volatile("vmptrld %1; setna %0" : "=q"(failed) : "m"(pa) : "cc", "memory");
    BUG_ON(failed);
}

static inline void vmclear(uint64_t pa)
{
    bool failed;

    __asm__ volatile("vmclear %1; setna %0" : "=q"(failed) : "m"(pa) : "cc", "memory");
    BUG_ON(failed);
}

/* Fields of the VMCS that is current on this pCPU. */
static inline uint64_t vmread(uint32_t field)
{
    uint64_t value;

    __asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc");
    return value;
}

static inline void vmwrite(uint32_t field, uint64_t value)
{
    bool failed;

    __asm__ volatile("vmwrite %1, %2; setna %0"
                     : "=q"(failed)
                     : "rm"(value), "r"((uint64_t)field)
                     : "cc");
    BUG_ON(failed);
}

/* --- vmx.c --- */
/* v's loaded state: the VMCS is current here. Deliver `event` (VMCS format) at the next entry. */
void vmx_set_event(struct vcpu *v, uint32_t event, uint32_t error, uint32_t insn_len);
void vmx_set_proc(struct vcpu *v, uint32_t proc);
/*
 * MOV to CR0 or CR4 by the guest, those that exit: checked as the CPU would check; false: #GP(0).
 */
bool vmx_guest_cr0(struct vcpu *v, uint64_t value);
/* The EPT pointer of a domain's vCPUs. */
uint64_t vmx_ept_pointer(const struct domain *d);
/* INVEPT of one EPT pointer's translations, INVVPID of all identifiers; this pCPU. */
void vmx_invept(uint64_t ept_pointer);
void vmx_invvpid_all(void);

/* --- vpid.c --- */
/* Each pCPU, once, after VMXON. */
void vmx_vpid_cpu_init(void);
/*
 * v is current, interrupts off, the next step is the entry: from here on this pCPU counts as in the
 * guest, and nothing stale is cached for it. Returns the identifier that the VMCS has to have.
 */
uint16_t vmx_vpid_prepare(struct vcpu *v);

/* --- entry.S --- */
void __noreturn vmx_enter(struct vcpu *v);
extern char vmx_exit_stub[]; /* host RIP */
/* The last step before entry; VMRESUME (true) or VMLAUNCH? */
bool vmx_prepare_entry(struct vcpu *v);

/* --- exits.c: from entry.S; who is entered next --- */
struct vcpu *vmx_exit(struct vcpu *v);
/* VMLAUNCH or VMRESUME went on to the next instruction. */
struct vcpu *vmx_entry_failed(struct vcpu *v);

#endif
#endif
