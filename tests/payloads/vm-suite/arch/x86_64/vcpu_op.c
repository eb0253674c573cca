/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs started with registers of the suite's choice, before anybody else starts them; the timers
 * behind VIRQ_TIMER; the memory map and the wall clock; x86's tables of processors.
 */
#include "suite.h"

#include <public/hvm/hvm_vcpu.h>

#define EFER_LONG 0x500 /* LME, LMA */
#define FLAT_CODE 0xc9b
#define FLAT_DATA 0xc93

/* What each of the two vCPUs found; written there, by 32-bit code as well. */
volatile uint64_t vcpu_saw[4];
volatile uint32_t vcpu32_saw[6];

static uint8_t stack[2][4096] __attribute__((aligned(16)));

/* In RDI and RSI what they were started with. It has no struct cpu, and goes down again. */
void vcpu64(uint64_t a, uint64_t b);
void vcpu64(uint64_t a, uint64_t b)
{
    uint64_t flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
    vcpu_saw[1] = b;
    vcpu_saw[2] = flags;
    vcpu_saw[0] = a;
    for (;;)
        vcpu_op(VCPUOP_down, (unsigned int)b, NULL);
}

/* The same in protected mode: ESI is its number, at EDI is a word. */
__asm__(".code32\n"
        ".globl vcpu32\n"
        "vcpu32:\n"
        "movl %ebp, vcpu32_saw + 4\n\t"
        "movl %cr0, %edx\n\t"
        "movl %edx, vcpu32_saw + 8\n\t"
        "movl %cr4, %edx\n\t"
        "movl %edx, vcpu32_saw + 12\n\t"
        "movl (%edi), %edx\n\t"
        "movl %edx, vcpu32_saw + 16\n\t"
        "movl %eax, vcpu32_saw\n"
        "1: movl $24, %eax\n\t" /* vcpu_op */
        "movl $2, %ebx\n\t"     /* down */
        "movl %esi, %ecx\n\t"
        "xorl %edx, %edx\n\t"
        "call *hypercall_entry\n\t"
        "jmp 1b\n"
        ".code64");
extern const char vcpu32[];

static bool goes_down(unsigned int vcpu, const volatile uint64_t *seen,
                      const volatile uint32_t *seen32)
{
    uint64_t end = now_ns() + 1000000000;

    while (now_ns() < end) {
        if ((seen != NULL ? *seen != 0 : *seen32 != 0) && vcpu_op(VCPUOP_is_up, vcpu, NULL) == 0)
            return true;
        yield_cpu();
    }
    return false;
}

static void long_mode(unsigned int vcpu)
{
    struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_64B};
    struct vcpu_hvm_x86_64 *r = &c.cpu_regs.x86_64;

    tap_eq(vcpu_op(VCPUOP_is_up, vcpu, NULL), 0, "vcpu: it has not been started");
    tap_eq(vcpu_op(VCPUOP_up, vcpu, NULL), -XEN_EINVAL, "vcpu: nor can it be, without registers");
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, BAD_POINTER), -XEN_EFAULT, "vcpu: none are given");
    *r = (struct vcpu_hvm_x86_64){.rip = (uintptr_t)vcpu64,
                                  .rsp = (uintptr_t)stack[1] - 8,
                                  .rdi = UINT64_C(0x1122334455667788),
                                  .rsi = vcpu,
                                  .rflags = 2};
    __asm__ volatile("movq %%cr0, %0" : "=r"(r->cr0));
    __asm__ volatile("movq %%cr3, %0" : "=r"(r->cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(r->cr4));
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, &c), -XEN_EINVAL, "vcpu: paging without long mode");
    r->efer = EFER_LONG;
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, &c), 0, "vcpu: 64-bit registers");
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, &c), -XEN_EEXIST, "vcpu: only once");
    tap_eq(vcpu_op(VCPUOP_is_up, vcpu, NULL), 0, "vcpu: that does not start it");
    tap_eq(vcpu_op(VCPUOP_up, vcpu, NULL), 0, "vcpu: up");
    tap(goes_down(vcpu, &vcpu_saw[0], NULL), "vcpu: it runs, and puts itself down");
    tap_eq((int64_t)vcpu_saw[0], 0x1122334455667788, "vcpu: its registers are those");
    tap_eq((int64_t)vcpu_saw[2] & 0x3f7fd7, 2, "vcpu: its flags too");
    vcpu_saw[0] = 0;
    tap_eq(vcpu_op(VCPUOP_up, vcpu, NULL), 0, "vcpu: up again");
    delay_us(1000);
    tap(vcpu_saw[0] == 0, "vcpu: it goes on where it was");
}

static uint32_t marker = 0x5ca1ab1e;

static struct vcpu_hvm_context flat_32_bits(unsigned int vcpu)
{
    struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_32B};

    c.cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){.eax = 0xcafe,
                                                 .ebp = 0xbeef,
                                                 .esi = vcpu,
                                                 .edi = (uint32_t)(uintptr_t)&marker,
                                                 .esp = (uint32_t)(uintptr_t)&stack + sizeof(stack),
                                                 .eip = (uint32_t)(uintptr_t)vcpu32,
                                                 .cr0 = 1,
                                                 .cs_limit = UINT32_MAX,
                                                 .ds_limit = UINT32_MAX,
                                                 .es_limit = UINT32_MAX,
                                                 .ss_limit = UINT32_MAX,
                                                 .tr_limit = 0x67,
                                                 .cs_ar = FLAT_CODE,
                                                 .ds_ar = FLAT_DATA,
                                                 .es_ar = FLAT_DATA,
                                                 .ss_ar = FLAT_DATA,
                                                 .tr_ar = 0x8b};
    memset((void *)(uintptr_t)vcpu32_saw, 0, sizeof(vcpu32_saw));
    return c;
}

static void protected_mode(unsigned int vcpu)
{
    struct vcpu_hvm_context c = flat_32_bits(vcpu);

    c.cpu_regs.x86_32.ss_ar |= 0x1000;
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, &c), -XEN_EINVAL, "vcpu: rights that cannot be");
    c.cpu_regs.x86_32.ss_ar = FLAT_DATA;
    tap_eq(vcpu_op(VCPUOP_initialise, vcpu, &c), 0, "vcpu: 32-bit registers");
    tap_eq(vcpu_op(VCPUOP_up, vcpu, NULL), 0, "vcpu: up, with 32 bits");
    tap(goes_down(vcpu, NULL, &vcpu32_saw[0]),
        "vcpu: it runs, and puts itself down by a hypercall");
    tap(vcpu32_saw[0] == 0xcafe && vcpu32_saw[1] == 0xbeef, "vcpu: registers as they were given");
    tap_eq(vcpu32_saw[2] & 0x80000001, 1, "vcpu: protected mode, no paging");
    tap_eq(vcpu32_saw[4], marker, "vcpu: addresses are physical ones");
}

/*
 * Three levels of paging. The first gigabyte is as here; at ALIAS there is once more the block of
 * 2 MiB in which `marker` is.
 */
#define ALIAS UINT32_C(0xc0000000)

static uint64_t pae_root[4] __attribute__((aligned(32)));
static uint64_t pae_alias[512] __attribute__((aligned(4096)));

static void pae_mode(unsigned int vcpu)
{
    struct vcpu_hvm_context c = flat_32_bits(vcpu);
    struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;
    uintptr_t at = (uintptr_t)&marker;
    const uint64_t *root, *pdpt;
    long made, up;
    bool down;

    if (tap_skip("vcpu: 32-bit registers with three levels"))
        return;
    __asm__ volatile("movq %%cr3, %0" : "=r"(root));
    pdpt = (const uint64_t *)(uintptr_t)(root[0] & ~UINT64_C(0xfff));
    pae_root[0] = (pdpt[0] & ~UINT64_C(0xfff)) | 1;
    pae_root[3] = (uintptr_t)pae_alias | 1;
    pae_alias[0] = (at & ~(uintptr_t)0x1fffff) | 0xe3;
    r->edi = ALIAS | (uint32_t)(at & 0x1fffff);
    r->cr0 |= 0x80000000;
    r->cr3 = (uint32_t)(uintptr_t)pae_root;
    r->cr4 = 0x20;
    made = vcpu_op(VCPUOP_initialise, vcpu, &c);
    up = vcpu_op(VCPUOP_up, vcpu, NULL);
    down = goes_down(vcpu, NULL, &vcpu32_saw[0]);
    tap_eq(made, 0, "vcpu: 32-bit registers with three levels");
    tap_eq(up, 0, "vcpu: up, with paging");
    tap(down, "vcpu: it runs in its tables, and puts itself down");
    tap_eq(vcpu32_saw[2] & 0x80000001, 0x80000001, "vcpu: paging is on");
    tap_eq(vcpu32_saw[3] & 0x20, 0x20, "vcpu: of that kind");
    tap_eq(vcpu32_saw[4], marker, "vcpu: it reads what its tables say");
}

static void timers(void)
{
    struct vcpu_set_singleshot_timer one = {.flags = VCPU_SSHOTTMR_future, .timeout_abs_ns = 1};
    struct vcpu_set_periodic_timer each = {.period_ns = 999999};
    evtchn_port_t port;
    uint64_t begin;
    bool in_time;

    tap_eq(evtchn_bind_virq(VIRQ_TIMER, 0, &port), 0, "timer: its virq");
    tap_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &one), -XEN_ETIME, "timer: too late");
    tap_eq(vcpu_op(VCPUOP_set_singleshot_timer, 1, &one), -XEN_EINVAL, "timer: another vCPU's");
    begin = now_ns();
    one.timeout_abs_ns = begin + 3000000;
    tap_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &one), 0, "timer: in 3 ms");
    /* On a busy machine the time may have passed already, here and below. */
    tap(!event_pending(port) || now_ns() >= one.timeout_abs_ns, "timer: not at once");
    tap_eq(events_poll(&port, 1, begin + 1000000000), 0, "timer: waited for");
    tap(event_take(port) && now_ns() >= one.timeout_abs_ns, "timer: it came in time");
    one.timeout_abs_ns = now_ns() + 2000000;
    vcpu_op(VCPUOP_set_singleshot_timer, 0, &one);
    tap_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0, "timer: stopped");
    in_time = now_ns() < one.timeout_abs_ns;
    delay_us(4000);
    tap(!event_take(port) || !in_time, "timer: it does not come any more");
    tap_eq(hypercall(__HYPERVISOR_set_timer_op, now_ns() + 2000000, 0, 0, 0, 0), 0,
           "timer: the other way to set it");
    tap(events_poll(&port, 1, now_ns() + 1000000000) == 0 && event_take(port),
        "timer: that one comes too");
    tap_eq(vcpu_op(VCPUOP_set_periodic_timer, 0, &each), -XEN_EINVAL, "timer: too often");
    each.period_ns = 2000000;
    begin = now_ns();
    tap_eq(vcpu_op(VCPUOP_set_periodic_timer, 0, &each), 0, "timer: each 2 ms");
    for (unsigned int i = 0; i < 3; i++) {
        events_poll(&port, 1, now_ns() + 1000000000);
        event_take(port);
    }
    tap(now_ns() >= begin + 6000000, "timer: three of them take 6 ms");
    tap_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "timer: no more of them");
    event_take(port);
    delay_us(5000);
    tap(!event_take(port), "timer: none comes");
    evtchn_close(port);
}

static void memory_map(void)
{
    static struct __attribute__((packed)) {
        uint64_t addr, size;
        uint32_t type;
    } map[8];
    struct xen_memory_map op = {.nr_entries = 8};
    uint64_t ram = 0;

    op.buffer.q = (uintptr_t)map;
    tap_eq(memory_op(XENMEM_memory_map, &op), 0, "the memory map");
    for (unsigned int i = 0; i < op.nr_entries && i < 8; i++)
        ram += map[i].type == 1 ? map[i].size : 0;
    tap(op.nr_entries >= 2 && map[0].addr == 0 && ram == memory_size,
        "the map has all the RAM # %u entries", op.nr_entries);
    op.nr_entries = 1;
    memory_op(XENMEM_memory_map, &op);
    tap_eq(op.nr_entries, 1, "no more entries than asked for");
}

static void wall_clock(void)
{
    uint64_t seconds = (uint64_t)shared->wc_sec_hi << 32 | shared->wc_sec;

    tap((shared->wc_version & 1) == 0 && seconds > UINT64_C(1700000000),
        "the wall clock: %llu s since 1970", (unsigned long long)seconds);
}

void test_vcpu_op(void)
{
    wall_clock();
    memory_map();
    timers();
    tap_eq(vcpu_op(VCPUOP_is_up, 0, NULL), 1, "vcpu: the one that runs is up");
    if (!tap_skip("vcpu: an operation that is not there"))
        tap_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), -XEN_ENOSYS,
               "vcpu: an operation that is not there");
    if (nr_cpus < 3)
        return;
    long_mode(nr_cpus - 1);
    protected_mode(nr_cpus - 2);
    if (nr_cpus > 3)
        pae_mode(nr_cpus - 3);
}
