/* SPDX-License-Identifier: Apache-2.0 */
/* The processor as a guest sees it on x86-64: CPUID, model-specific registers, the callback. */
#include "suite.h"

#define MSR_EFER    0xc0000080
#define MSR_VM_CR   0xc0010114
#define MSR_HSAVE   0xc0010117
#define MSR_FEATURE 0x3a
#define MSR_VMX     0x480
#define MSR_PAT     0x277

#define GP_ON_READ(msr, what)                                               \
    do {                                                                    \
        struct trap_info t_;                                                \
        expect_trap();                                                      \
        rdmsr(msr);                                                         \
        tap(trap_taken(&t_) && t_.vector == VEC_GP && t_.error == 0, what); \
    } while (0)
#define GP_ON_WRITE(msr, v, what)                                           \
    do {                                                                    \
        struct trap_info t_;                                                \
        expect_trap();                                                      \
        wrmsr(msr, v);                                                      \
        tap(trap_taken(&t_) && t_.vector == VEC_GP && t_.error == 0, what); \
    } while (0)

const char arch_capabilities[] = "xen-3.0-x86_64";

static void leaves(void)
{
    struct cpuid r = cpuid(0x40000000, 0);

    tap(r.a >= 0x40000004 && r.a < 0x40000100, "the hypervisor's leaves are there # to %#x", r.a);
    r = cpuid(0x40000001, 0);
    tap_eq((int64_t)r.a, xen_version(XENVER_version, NULL), "the version is in CPUID too");
    r = cpuid(0x40000004, 0);
    tap((r.a & 8) != 0 && r.b == this_cpu()->index, "the vCPU's number");
    r = cpuid(1, 0);
    tap((r.c >> 31) == 1, "CPUID says that there is a hypervisor");
    tap((r.c >> 21 & 1) == 1, "x2APIC is offered");
    tap((r.c >> 24 & 1) == 1, "so is the TSC deadline");
    tap((r.c & (1 << 3 | 1 << 5 | 1 << 6)) == 0, "MONITOR, VMX and SMX are not");
    tap_eq(r.b >> 24, this_cpu()->arch.apic_id, "the APIC's number is this vCPU's");
    tap((cpuid(0x80000001, 0).c & 4) == 0, "SVM is not offered");
    r = cpuid(0xa, 0);
    tap_eq(r.a, 0, "nor performance counters");
    r = cpuid(0xb, 1);
    tap_eq(r.b, nr_cpus, "the topology has all vCPUs");
}

static void registers(void)
{
    uint64_t efer = rdmsr(MSR_EFER), pat = rdmsr(MSR_PAT);

    tap_eq((int64_t)efer & 0x500, 0x500, "EFER: long mode is on and active");
    tap((efer & 0x1000) == 0, "EFER.SVME is clear");
    GP_ON_WRITE(MSR_EFER, efer | 0x1000, "and cannot be set");
    GP_ON_WRITE(MSR_EFER, efer & ~UINT64_C(0x100), "LME cannot be cleared while paging is on");
    GP_ON_WRITE(MSR_EFER, efer | UINT64_C(1) << 40, "EFER's reserved bits");
    GP_ON_READ(MSR_HSAVE, "no save area for an SVM host");
    GP_ON_READ(MSR_VMX, "no VMX capabilities");
    GP_ON_READ(0x12345678, "a register that is not there");
    GP_ON_WRITE(0x12345678, 0, "nor for writing");
    GP_ON_WRITE(MSR_PAT, 2, "PAT: a type that does not exist");
    wrmsr(MSR_PAT, pat);
    tap_eq((int64_t)rdmsr(MSR_PAT), (int64_t)pat, "PAT keeps its value");
    GP_ON_WRITE(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~UINT64_C(0x400),
                "no way back from x2APIC to xAPIC");
}

static void hypercall_page(void)
{
    static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));
    uint64_t rax = 0, cmd = XENVER_version, p = 0;

    wrmsr(cpuid(0x40000002, 0).b, (uintptr_t)page);
    __asm__ volatile("call *%[stub]"
                     : "+a"(rax), "+D"(cmd), "+S"(p)
                     : [stub] "b"(page + 32 * __HYPERVISOR_xen_version)
                     : "memory", "rcx", "rdx", "r8", "r9", "r10", "r11");
    tap_eq((int64_t)rax, xen_version(XENVER_version, NULL), "a call through the hypercall page");
    GP_ON_WRITE(cpuid(0x40000002, 0).b, UINT64_C(1) << 46, "a hypercall page without memory");
}

#define PTE_P_RW UINT64_C(3)
#define PTE_BIG  UINT64_C(0xe3) /* with accessed and dirty */
#define ROOT_1   UINT64_C(0x8000000000)
#define PF_RSVD  8

/* What CPUID says of addresses is what the guest's tables may have. */
static void address_width(void)
{
    static uint64_t level3[512] __attribute__((aligned(4096)));
    static uint64_t level2[512] __attribute__((aligned(4096)));
    unsigned int bits = cpuid(0x80000008, 0).a & 0xff;
    struct trap_info t = {0};
    uint64_t *root, cr3;
    uint8_t value;

    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    root = (uint64_t *)(uintptr_t)(cr3 & ~UINT64_C(0xfff));
    level2[0] = UINT64_C(1) << (bits - 1) | PTE_BIG;
    level2[1] = UINT64_C(1) << bits | PTE_BIG;
    level3[0] = (uintptr_t)level2 | PTE_P_RW;
    root[1] = (uintptr_t)level3 | PTE_P_RW;
    expect_trap();
    value = mmio_read8(ROOT_1);
    tap(!trap_taken(NULL) && value == 0xff, "the highest address bit is one: nothing is there");
    expect_trap();
    mmio_read8(ROOT_1 + 0x200000);
    tap(trap_taken(&t) && t.vector == VEC_PF && (t.error & PF_RSVD),
        "the one above it is reserved # %u bits, vector %u, %#llx", bits, t.vector,
        (unsigned long long)t.error);
    root[1] = 0;
    __asm__ volatile("movq %0, %%cr3" ::"r"(cr3) : "memory");
}

static void clock(void)
{
    uint64_t begin = counter(), ns = now_ns(), ticks;

    delay_us(3000);
    ns = now_ns() - ns;
    ticks = counter() - begin;
    begin = ticks / (counter_hz() / 1000000); /* us */
    tap(begin >= 3000 && ns / 1000 + 100 > begin * 9 / 10 && ns / 1000 < begin + 1000,
        "the paravirtual clock goes like the TSC # %llu us, %llu ns", (unsigned long long)begin,
        (unsigned long long)ns);
}

void test_features(void)
{
    leaves();
    registers();
    hypercall_page();
    address_width();
    clock();
    test_xstate();
    test_words32();
    test_vcpu_op();
}

void arch_test_callback(void)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};

    p.value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | EVTCHN_IRQ;
    tap_eq(hvm_op(HVMOP_set_param, &p), 0, "hvm: a guest chooses the vector of its upcall");
    p.value = 0;
    tap_eq(hvm_op(HVMOP_get_param, &p), 0, "hvm: get a parameter");
    tap_eq((int64_t)p.value, (int64_t)((uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | EVTCHN_IRQ),
           "hvm: it is what was set");
    p.index = HVM_PARAM_STORE_PFN;
    tap_eq(hvm_op(HVMOP_set_param, &p), -XEN_EPERM, "hvm: not so the others");
}
