/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests on x86: what svm/ and vmx/ do for hvm/ (struct hvm_vendor), and what they call there. The
 * general registers, RIP and RFLAGS of a vCPU that is in the hypervisor are in v->arch.regs; all
 * other state is the vendor's.
 */
#ifndef WHERRY_ASM_HVM_H
#define WHERRY_ASM_HVM_H

#include <asm/regs.h>
#include <wherry/types.h>

struct vcpu;
struct domain;

/* In the order of their encodings in instructions. */
enum hvm_seg {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_LDTR,
    SEG_TR,
    SEG_GDTR,
    SEG_IDTR,
    HVM_NR_SEGS
};

/* As a descriptor says it, without the address bits between: the layout of a VMCB (APM 15.5.1). */
#define SEG_TYPE   0x000f
#define SEG_CODE   0x0018 /* S and the code bit of the type */
#define SEG_S      0x0010
#define SEG_DPL(a) (((a) >> 5) & 3)
#define SEG_P      0x0080
#define SEG_AVL    0x0100
#define SEG_L      0x0200
#define SEG_DB     0x0400
#define SEG_G      0x0800

struct hvm_segment {
    uint16_t sel, attr;
    uint32_t limit; /* in bytes, whatever G says */
    uint64_t base;
};

/* What decides about modes and paging. */
struct hvm_control {
    uint64_t cr0, cr3, cr4, efer;
};

/* What to deliver when the guest is entered (types as APM 15.20 and SDM 25.8.3 number them). */
#define HVM_EVENT_INTR      0
#define HVM_EVENT_NMI       2
#define HVM_EVENT_EXCEPTION 3
#define HVM_EVENT_SOFT_INT  4
#define HVM_EVENT_PRIV_SOFT 5 /* INT1 */
#define HVM_EVENT_SOFT      6 /* INT3, INTO */

struct hvm_event {
    uint8_t vector, type;
    bool has_error;
    uint8_t insn_len; /* of INT n and the like; 0 else */
    uint32_t error;
    uint64_t cr2; /* #PF */
};

/* One table each for SVM and VMX; chosen once at boot. v is current unless said otherwise. */
struct hvm_vendor {
    const char *name;
    int (*setup)(void);   /* boot CPU, once: 0 or -errno */
    void (*cpu_on)(void); /* each CPU */
    /* v is not running: memory for its state; reset state of a CPU that has not been started. */
    int (*vcpu_init)(struct vcpu *v);
    void (*vcpu_destroy)(struct vcpu *v);
    /* On and off its pCPU: what is not saved at each exit. */
    void (*load)(struct vcpu *v);
    void (*save)(struct vcpu *v);
    /* v is current or not running. */
    void (*get_segment)(struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out);
    /* ES to GS at once, by encoding. */
    void (*get_segments)(struct vcpu *v, struct hvm_segment out[6]);
    void (*set_segment)(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in);
    uint64_t (*get_cr)(struct vcpu *v, unsigned int n); /* 0, 2, 3, 4 */
    void (*set_cr)(struct vcpu *v, unsigned int n, uint64_t value);
    uint64_t (*get_efer)(struct vcpu *v); /* as the guest sees it */
    void (*get_control)(struct vcpu *v, struct hvm_control *out);
    unsigned int (*get_cpl)(struct vcpu *v);
    bool (*is_64bit)(struct vcpu *v);
    void (*set_efer)(struct vcpu *v, uint64_t value);
    /* FS_BASE, KERNEL_GS_BASE, STAR, ..., PAT: those that the guest reaches without an exit. */
    bool (*get_msr)(struct vcpu *v, uint32_t msr, uint64_t *value);
    bool (*set_msr)(struct vcpu *v, uint32_t msr, uint64_t value);
    /* Deliver at the next entry. The slot is empty (can_inject). */
    /*
     * What INIT clears beside the registers (SDM vol. 3, table 9-1): what was to be delivered, the
     * shadow, blocked NMIs; DR6 and DR7. v is current or not running.
     */
    void (*reset)(struct vcpu *v);
    void (*inject)(struct vcpu *v, const struct hvm_event *event);
    /* Is nothing waiting for delivery already? */
    bool (*can_inject)(struct vcpu *v);
    /* The instruction before STI or MOV SS holds interrupts back (bit 0); end that. */
    bool (*in_shadow)(struct vcpu *v);
    void (*clear_shadow)(struct vcpu *v);
    /* Set bits of DR6, which a debug exception has before it is delivered. */
    void (*set_dr6)(struct vcpu *v, uint64_t bits);
    /* Exit as soon as an external interrupt could be delivered, or no longer. */
    void (*request_window)(struct vcpu *v, bool on);
    /* Enter v, handle exits; never returns. From arch_enter_guest() on an empty stack. */
    void __noreturn (*run)(struct vcpu *v);
    void (*dump)(const struct vcpu *v);
};

extern const struct hvm_vendor *hvm; /* set at INIT_CORE, then constant */
extern const struct hvm_vendor svm_vendor, vmx_vendor;

/* --- hvm/: called by svm/ and vmx/ for an exit; v is current, inside the RCU section --- */
/* VMMCALL, VMCALL; `len`: of the instruction. */
void hvm_hypercall(struct vcpu *v, unsigned int len);
void hvm_cpuid(struct vcpu *v, unsigned int len);
void hvm_rdmsr(struct vcpu *v, unsigned int len);
void hvm_wrmsr(struct vcpu *v, unsigned int len);
/* XSETBV: anywhere, also where the guest has none (xstate.c). */
void hvm_xsetbv(struct vcpu *v, unsigned int len);
/* CR8 is the task priority of the local APIC, divided by 16. */
void hvm_cr8(struct vcpu *v, bool write, uint64_t *gpr, unsigned int len);
void hvm_hlt(struct vcpu *v, unsigned int len);
/*
 * IN or OUT of AL/AX/EAX without REP: `next` is the RIP behind it. Strings go through
 * hvm_emulate().
 */
void hvm_port_io(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t next);
/* The instruction at RIP, by the emulator: string I/O, memory that faulted. */
void hvm_emulate(struct vcpu *v);
/* Nested page fault at gpa. */
void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool exec);
/* Triple fault. */
void hvm_triple_fault(struct vcpu *v);

/*
 * Step over an instruction: RIP (wrapped to the mode), RF and the interrupt shadow, and the debug
 * exception after it if the guest single-steps. Of one that changes TF itself: hvm_retire().
 */
void hvm_advance(struct vcpu *v, unsigned int len);
/* RIP is where it goes on: the rest of it. `step`: TF was set when the instruction began. */
void hvm_retire(struct vcpu *v, bool step);
/* Exceptions for the guest, combined with what is being delivered already (SDM vol. 3, 6.15). */
void hvm_inject_exception(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error);
void hvm_inject_page_fault(struct vcpu *v, uint64_t cr2, uint32_t error);

/* The bytes of a mode: is v in 64-bit mode, and its privilege level. */
bool hvm_is_64bit(struct vcpu *v);
unsigned int hvm_cpl(struct vcpu *v);

/* --- hvm/vlapic.c: the local APIC of v, x2APIC registers by MSR --- */
struct vlapic;
/* Bit 0 would be the thread of a core. Guests that bring up others without ACPI count on it. */
uint32_t vlapic_id(const struct vcpu *v);
int vlapic_init(struct vcpu *v);
void vlapic_destroy(struct vcpu *v);
/* INIT: as after reset, but for its id. */
void vlapic_reset(struct vcpu *v);
/* 0x800 to 0x8ff; false: #GP. */
bool vlapic_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool vlapic_write_msr(struct vcpu *v, uint32_t msr, uint64_t value);
/* IA32_APIC_BASE and IA32_TSC_DEADLINE. */
uint64_t vlapic_get_base(const struct vcpu *v);
bool vlapic_set_base(struct vcpu *v, uint64_t value);
uint64_t vlapic_get_deadline(const struct vcpu *v);
void vlapic_set_deadline(struct vcpu *v, uint64_t tsc);
/* A fixed interrupt for v. Any pCPU, no lock needed; sets VCPU_WORK_IRQ and wakes. */
void vlapic_raise(struct vcpu *v, uint8_t vector);
/* The vector that would be taken now (above the processor priority), or -1. */
int vlapic_pending(struct vcpu *v);
/* It is taken: IRR to ISR. */
void vlapic_accept(struct vcpu *v, uint8_t vector);
/* An MSI: message address and data (SDM vol. 3, 11.11). 0, -ESRCH (lowest priority, nobody),
 * -EINVAL. */
int vlapic_msi(struct domain *d, uint64_t addr, uint32_t data);

/* --- hvm/vcpu.c --- */
/* INIT and start-up IPIs from another vCPU; VCPUOP_up. Any pCPU. */
void hvm_vcpu_init_ipi(struct vcpu *v);
void hvm_vcpu_startup(struct vcpu *v, uint8_t page);

/* --- hvm/intr.c --- */
/* Something about v's interrupts changed (its TPR, IF, a window opened): look again before entry.
 */
void hvm_interrupts_changed(struct vcpu *v);

#endif
