/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs that a guest starts itself (arch/x86/hvm/vcpu_op.c, context.c): which registers are taken,
 * which states a vCPU goes through, the timers of VIRQ_TIMER; and the memory map it may ask for.
 */
#include "x86_hvm.h"

#include <asm/cpu.h>
#include <stdlib.h>
#include <string.h>

#include <asm/cpu.h>
#include <asm/desc.h>
#include <public/hvm/hvm_vcpu.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/vcpu.h>

#define ARG (FAKE_GVA_BASE + 0x400)
#define BAD UINT64_C(0x5000000000)

#define virqs x86_timer_virqs

static struct vcpu *other(void)
{
    return guest->vcpu[1];
}

static long op_of(struct vcpu *caller, unsigned int cmd, struct vcpu *v, const void *arg,
                  size_t size)
{
    struct vcpu *prev = current;
    long rc;

    if (size != 0)
        memcpy(fake_gva + (ARG - FAKE_GVA_BASE), arg, size);
    current = caller;
    rc = arch_vcpu_op(cmd, v, size != 0 ? ARG : (uint64_t)(uintptr_t)arg);
    current = prev;
    return rc;
}

static long op(unsigned int cmd, struct vcpu *v)
{
    return op_of(x86_vcpu(), cmd, v, NULL, 0);
}

static bool is_down(void)
{
    return atomic32_read(&other()->pause_flags) & VPF_DOWN;
}

/* vCPU 1 has never run. */
static int setup(void **state)
{
    int rc = x86_setup(state);

    virqs[0] = virqs[1] = 0;
    fake_now = 1000;
    vcpu_pause_set(other(), VPF_DOWN);
    other()->initialised = false;
    return rc;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, x86_teardown)

/* --- registers --- */

static struct vcpu_hvm_context mode64(void)
{
    struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_64B};

    c.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){.rax = 1,
                                                 .rbx = 2,
                                                 .rcx = 3,
                                                 .rdx = 4,
                                                 .rsp = 5,
                                                 .rbp = 6,
                                                 .rsi = 7,
                                                 .rdi = 8,
                                                 .rip = 0x1234,
                                                 .rflags = 0x2,
                                                 .cr0 = CR0_PE | CR0_PG,
                                                 .cr3 = X86_TABLES,
                                                 .cr4 = CR4_PAE,
                                                 .efer = EFER_LME | EFER_LMA};
    return c;
}

static struct vcpu_hvm_context mode32(void)
{
    struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_32B};

    c.cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){.eax = 1,
                                                 .ecx = 2,
                                                 .edx = 3,
                                                 .ebx = 4,
                                                 .esp = 5,
                                                 .ebp = 6,
                                                 .esi = 7,
                                                 .edi = 8,
                                                 .eip = 0x2345,
                                                 .cr0 = CR0_PE,
                                                 .cs_limit = UINT32_MAX,
                                                 .ds_limit = UINT32_MAX,
                                                 .ss_limit = UINT32_MAX,
                                                 .es_limit = UINT32_MAX,
                                                 .tr_limit = 0x67,
                                                 .cs_ar = 0xc9b,
                                                 .ds_ar = 0xc93,
                                                 .ss_ar = 0xc93,
                                                 .es_ar = 0xc93,
                                                 .tr_ar = 0x8b};
    return c;
}

static long initialise(const struct vcpu_hvm_context *c)
{
    return op_of(x86_vcpu(), VCPUOP_initialise, other(), c, sizeof(*c));
}

static void sixty_four_bits(void **state)
{
    struct vcpu_hvm_context c = mode64();
    const uint64_t gpr[8] = {1, 3, 4, 2, 5, 6, 7, 8};
    struct x86_cpu *cpu = x86_cpu(other());

    (void)state;
    assert_int_equal(op(VCPUOP_up, other()), -EINVAL); /* it has no registers */
    assert_int_equal(initialise(&c), 0);
    assert_true(is_down());
    assert_int_equal(op(VCPUOP_is_up, other()), 0);
    assert_memory_equal(other()->arch.regs.r, gpr, sizeof(gpr));
    assert_true(other()->arch.regs.rip == 0x1234 && other()->arch.regs.rflags == 2);
    assert_true(cpu->cr[0] == (CR0_PE | CR0_PG | CR0_ET) && cpu->cr[3] == X86_TABLES);
    assert_true(cpu->cr[4] == CR4_PAE && cpu->efer == (EFER_LME | EFER_LMA));
    assert_int_equal(cpu->seg[SEG_CS].attr, SEG_P | SEG_S | SEG_L | SEG_G | 0xb);
    assert_int_equal(cpu->seg[SEG_SS].attr & SEG_P, SEG_P);
    assert_int_equal(cpu->seg[SEG_TR].attr, SEG_P | 0xb);
    assert_int_equal(initialise(&c), -EEXIST);
    assert_int_equal(op(VCPUOP_up, other()), 0);
    assert_false(is_down());
    assert_int_equal(op(VCPUOP_is_up, other()), 1);
    assert_int_equal(op(VCPUOP_up, other()), 0); /* once more is nothing */
    assert_int_equal(initialise(&c), -EEXIST);
}

static void thirty_two_bits(void **state)
{
    struct vcpu_hvm_context c = mode32();
    const uint64_t gpr[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct x86_cpu *cpu = x86_cpu(other());

    (void)state;
    c.cpu_regs.x86_32.cs_base = 0x1000;
    c.cpu_regs.x86_32.tr_ar = 0x89; /* an available TSS becomes busy */
    c.cpu_regs.x86_32.ds_ar = 0;
    assert_int_equal(initialise(&c), 0);
    assert_memory_equal(other()->arch.regs.r, gpr, sizeof(gpr));
    assert_true(other()->arch.regs.rip == 0x2345 && other()->arch.regs.rflags == 2);
    assert_true(cpu->cr[0] == (CR0_PE | CR0_ET) && cpu->efer == 0);
    assert_int_equal(cpu->seg[SEG_CS].attr, 0xc9b);
    assert_true(cpu->seg[SEG_CS].base == 0x1000);
    assert_int_equal(cpu->seg[SEG_TR].attr, 0x8b);
    assert_int_equal(cpu->seg[SEG_DS].attr, 0);
}

/* Each of these alone makes it refused, and the vCPU stays as it was. */
static void what_a_processor_refuses(void **state)
{
    static const struct {
        size_t offset;
        unsigned int size;
        uint64_t value;
    } bad[] =
        {
#define B64(field, v)                                          \
    {offsetof(struct vcpu_hvm_context, cpu_regs.x86_64.field), \
     sizeof(((struct vcpu_hvm_x86_64 *)0)->field), v}
#define B32(field, v)                                             \
    {                                                             \
        offsetof(struct vcpu_hvm_context, cpu_regs.x86_32.field), \
            sizeof(((struct vcpu_hvm_x86_32 *)0)->field), v       \
    }
            {offsetof(struct vcpu_hvm_context, mode), 4, 2},
            {offsetof(struct vcpu_hvm_context, mode), 4, UINT32_MAX},
            {offsetof(struct vcpu_hvm_context, pad), 4, 1},
            B64(cr0, CR0_PE), /* long mode without paging */
            B64(cr0, CR0_PG), /* paging without protection */
            B64(cr0, CR0_PE | CR0_PG | CR0_NW),
            B64(cr0, UINT64_C(1) << 32 | CR0_PE | CR0_PG),
            B64(cr0, CR0_PE | CR0_PG | 0x40),
            B64(cr3, UINT64_C(1) << 48),
            B64(cr4, 0), /* without PAE */
            B64(cr4, CR4_PAE | CR4_VMXE),
            B64(cr4, CR4_PAE | CR4_OSXSAVE),
            B64(cr4, CR4_PAE | UINT64_C(1) << 40),
            B64(efer, EFER_LME),
            B64(efer, EFER_LMA),
            B64(efer, 0),
            B64(efer, EFER_LME | EFER_LMA | EFER_SVME),
            B64(rflags, 0x8),
            B64(rflags, 0x20002), /* VM */
            B64(rflags, UINT64_C(1) << 33),
            B64(rip, UINT64_C(0x0000800000000000)),
        },
      bad32[] = {
          B32(pad1, 1),
          {offsetof(struct vcpu_hvm_context, cpu_regs.x86_32.pad2), 2, 1},
          B32(eflags, 0x20000),
          B32(cr0, CR0_PG),
          B32(cr4, CR4_VMXE),
          B32(efer, EFER_LMA),
          B32(efer, EFER_SVME),
          B32(cs_ar, 0x1c9b), /* bits that must be 0 */
          B32(cs_ar, 0xc93),  /* data */
          B32(cs_ar, 0xc1b),  /* not present */
          B32(cs_ar, 0xc8b),  /* a system segment */
          B32(cs_ar, 0xa9b),  /* 64 bits */
          B32(cs_ar, 0xe9b),  /* L and D */
          B32(cs_ar, 0xcfb),  /* another level than the stack */
          B32(cs_limit, 0xfffff000),
          B32(cs_limit, 0xfff), /* EIP is above */
          B32(ss_ar, 0xc91),    /* not writable */
          B32(ss_ar, 0xc9b),
          B32(ss_ar, 0),
          B32(ss_limit, 0x12345000),
          B32(ds_ar, 0xc99), /* code that cannot be read */
          B32(ds_ar, 0x82),
          B32(es_ar, 0x8c93),
          B32(es_limit, 0),
          B32(tr_ar, 0),
          B32(tr_ar, 0x93),
          B32(tr_ar, 0x82),
          B32(tr_limit, 0x100000),
      };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad) + ARRAY_SIZE(bad32); i++) {
        bool is64 = i < ARRAY_SIZE(bad);
        struct vcpu_hvm_context c = is64 ? mode64() : mode32();
        unsigned int n = is64 ? i : i - (unsigned int)ARRAY_SIZE(bad);

        memcpy((char *)&c + (is64 ? bad : bad32)[n].offset, &(is64 ? bad : bad32)[n].value,
               (is64 ? bad : bad32)[n].size);
        if (initialise(&c) != -EINVAL)
            fail_msg("%s-bit case %u is taken", is64 ? "64" : "32", n);
        assert_false(other()->initialised);
        assert_int_equal(op(VCPUOP_up, other()), -EINVAL);
    }
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_initialise, other(), (void *)BAD, 0), -EFAULT);
    thirty_two_bits(state); /* nothing of all that is in the way */
}

/* Modes that it may begin in. */
static void what_a_processor_takes(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 5; i++) {
        struct vcpu_hvm_context c = mode32();
        struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;

        if (i == 1) { /* compatibility mode */
            r->cr0 = CR0_PE | CR0_PG;
            r->cr4 = CR4_PAE;
            r->efer = EFER_LME | EFER_LMA | EFER_NXE;
        } else if (i == 2) { /* process level */
            r->cs_ar |= 0x60;
            r->ss_ar |= 0x60;
        } else if (i == 3) { /* real mode */
            r->cr0 = 0;
            r->cs_ar = 0x9b;
            r->ss_ar = r->ds_ar = r->es_ar = 0x93;
            r->cs_limit = r->ss_limit = r->ds_limit = r->es_limit = 0xffff;
        } else if (i == 4) { /* where there is XSAVE */
            r->cr4 = CR4_OSXSAVE;
            cpu_features.xcr0 = XCR0_X87 | XCR0_SSE;
        }
        other()->initialised = false;
        assert_int_equal(initialise(&c), 0);
    }
    cpu_features.xcr0 = 0;
}

/* 32-bit code with paging of both kinds; what is loaded is what was asked for. */
static void paging_of_32_bits(void **state)
{
    static const struct {
        uint64_t cr4, efer;
        int rc;
    } cases[] = {
        {0, 0, 0},
        {CR4_PAE, 0, 0},
        {CR4_PAE, EFER_NXE, 0},
        {CR4_PAE, EFER_SCE, 0},
        {CR4_PAE, EFER_LME | EFER_LMA, 0}, /* compatibility mode */
        {CR4_PAE, EFER_LME, -EINVAL},      /* would be active */
        {CR4_PAE, EFER_LMA, -EINVAL},      /* cannot be without */
        {0, EFER_LME | EFER_LMA, -EINVAL}, /* wants PAE */
        {0, EFER_LME, -EINVAL},
    };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct vcpu_hvm_context c = mode32();

        other()->initialised = false;
        c.cpu_regs.x86_32.cr0 = CR0_PE | CR0_PG;
        c.cpu_regs.x86_32.cr3 = 0xfffff020;
        c.cpu_regs.x86_32.cr4 = (uint32_t)cases[i].cr4;
        c.cpu_regs.x86_32.efer = cases[i].efer;
        if (initialise(&c) != cases[i].rc)
            fail_msg("case %u", i);
        if (cases[i].rc != 0)
            continue;
        assert_true(x86_cpu(other())->cr[3] == 0xfffff020);
        assert_true(x86_cpu(other())->cr[4] == cases[i].cr4);
        assert_true(x86_cpu(other())->efer == cases[i].efer);
    }
}

/* Without paging long mode may be enabled, and is not active. */
static void long_mode_to_come(void **state)
{
    struct vcpu_hvm_context c = mode32();

    (void)state;
    c.cpu_regs.x86_32.efer = EFER_LME;
    assert_int_equal(initialise(&c), 0);
    other()->initialised = false;
    c.cpu_regs.x86_32.efer = EFER_LME | EFER_LMA;
    assert_int_equal(initialise(&c), -EINVAL);
}

static void what_this_host_lacks(void **state)
{
    static const uint64_t bits[] = {CR4_SMEP, CR4_SMAP, CR4_UMIP};
    const struct cpu_features had = cpu_features;

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
        struct vcpu_hvm_context c = mode64();

        c.cpu_regs.x86_64.cr4 |= bits[i];
        cpu_features.smep = i != 0;
        cpu_features.smap = i != 1;
        cpu_features.umip = i != 2;
        assert_int_equal(initialise(&c), -EINVAL);
        cpu_features.smep = cpu_features.smap = cpu_features.umip = true;
        assert_int_equal(initialise(&c), 0);
        other()->initialised = false;
    }
    for (unsigned int width = 36; width <= 52; width++) {
        unsigned int most = width < 48 ? width : 48; /* the p2m's */
        struct vcpu_hvm_context c = mode64();

        cpu_features.paddr_bits = (uint8_t)width;
        c.cpu_regs.x86_64.cr3 = UINT64_C(1) << most;
        assert_int_equal(initialise(&c), -EINVAL);
        c.cpu_regs.x86_64.cr3 = UINT64_C(1) << (most - 1);
        assert_int_equal(initialise(&c), 0);
        other()->initialised = false;
    }
    cpu_features = had;
}

/* Real mode has level 0 only. */
static void levels_of_real_mode(void **state)
{
    struct vcpu_hvm_context c = mode32();
    struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;

    (void)state;
    r->cr0 = 0;
    r->cs_ar = 0x9b | 0x60;
    r->ss_ar = 0x93 | 0x60;
    r->cs_limit = r->ss_limit = r->ds_limit = r->es_limit = 0xffff;
    r->ds_ar = r->es_ar = 0x93;
    assert_int_equal(initialise(&c), -EINVAL);
    r->cr0 = CR0_PE;
    assert_int_equal(initialise(&c), 0);
}

/* A start-up IPI is first, or waits until this is over. */
static void with_start_up_ipis(void **state)
{
    struct vcpu_hvm_context c = mode64();

    (void)state;
    hvm_vcpu_startup(other(), 0x10);
    assert_false(is_down());
    assert_int_equal(initialise(&c), -EEXIST);
    assert_int_equal(atomic32_read(&other()->arch.start), 0x11);
    hvm_vcpu_init_ipi(other());
    assert_int_equal(initialise(&c), -EEXIST); /* it has registers */
    atomic32_set(&other()->arch.start, 0);
    other()->initialised = false;
    assert_int_equal(initialise(&c), 0);
    assert_int_equal(atomic32_read(&other()->arch.start), 0);
}

/* --- down --- */

static void the_last_one_powers_off(void **state)
{
    struct vcpu_hvm_context c = mode64();

    (void)state;
    assert_int_equal(initialise(&c), 0);
    assert_int_equal(op(VCPUOP_up, other()), 0);
    assert_int_equal(op(VCPUOP_down, other()), 0);
    assert_true(is_down());
    assert_int_equal(op(VCPUOP_up, other()), 0); /* goes on where it was */
    assert_int_equal(op(VCPUOP_down, x86_vcpu()), 0);
    assert_int_equal(op(VCPUOP_is_up, x86_vcpu()), 0);
    assert_false(domain_is_shut_down(guest));
    assert_int_equal(op(VCPUOP_down, other()), 0);
    assert_int_equal(atomic32_read(&guest->shutdown_code), SHUTDOWN_poweroff + 1);
}

static void unknown_operations(void **state)
{
    (void)state;
    for (unsigned int cmd = VCPUOP_register_vcpu_info + 1; cmd < 100; cmd++)
        assert_int_equal(op(cmd, x86_vcpu()), -ENOSYS);
    assert_int_equal(op(UINT32_MAX, x86_vcpu()), -ENOSYS);
}

/* --- timers --- */

static void fire(struct timer *t)
{
    assert_true(t->active);
    t->active = false;
    fake_now = (uint64_t)t->expires;
    t->fn(t->data);
}

static long set_single(struct vcpu *caller, struct vcpu *v, uint64_t at, uint32_t flags)
{
    const struct vcpu_set_singleshot_timer arg = {.timeout_abs_ns = at, .flags = flags};

    return op_of(caller, VCPUOP_set_singleshot_timer, v, &arg, sizeof(arg));
}

static void single_shots(void **state)
{
    struct vcpu *v = x86_vcpu();
    struct timer *t = &v->arch.single;

    (void)state;
    assert_int_equal(set_single(v, other(), 5000, 0), -EINVAL);
    assert_int_equal(op_of(v, VCPUOP_set_singleshot_timer, v, (void *)BAD, 0), -EFAULT);
    assert_int_equal(set_single(v, v, 999, VCPU_SSHOTTMR_future), -ETIME);
    assert_false(t->active);
    assert_int_equal(set_single(v, v, 999, 0), 0); /* at once */
    assert_true(t->active && t->expires == 999);
    assert_int_equal(set_single(v, v, 5000, VCPU_SSHOTTMR_future), 0);
    assert_true(t->expires == 5000);
    fire(t);
    assert_int_equal(virqs[0], 1);
    assert_false(t->active);
    assert_int_equal(set_single(v, v, ~UINT64_C(0), 0), 0);
    assert_true(t->expires == STIME_MAX);
    assert_int_equal(op_of(v, VCPUOP_stop_singleshot_timer, other(), NULL, 0), -EINVAL);
    assert_int_equal(op(VCPUOP_stop_singleshot_timer, v), 0);
    assert_false(t->active);
    assert_int_equal(virqs[1], 0);
}

static void periods(void **state)
{
    struct vcpu_set_periodic_timer arg = {.period_ns = 999999};
    struct timer *t = &other()->arch.periodic;
    s_time_t next;

    (void)state;
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_set_periodic_timer, other(), &arg, sizeof(arg)),
                     -EINVAL);
    arg.period_ns = ~UINT64_C(0);
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_set_periodic_timer, other(), &arg, sizeof(arg)),
                     -EINVAL);
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_set_periodic_timer, other(), (void *)BAD, 0),
                     -EFAULT);
    arg.period_ns = 2000000;
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_set_periodic_timer, other(), &arg, sizeof(arg)), 0);
    for (unsigned int i = 1; i <= 3; i++) {
        assert_true(t->expires == 1000 + (s_time_t)i * 2000000);
        fire(t);
        assert_int_equal(virqs[1], i);
    }
    /* late by ten periods: that is one */
    t->expires += 20000000;
    fire(t);
    assert_int_equal(virqs[1], 4);
    assert_true((uint64_t)t->expires == fake_now + 2000000);
    /* set anew while it was on its way: it is not due yet */
    assert_int_equal(op_of(x86_vcpu(), VCPUOP_set_periodic_timer, other(), &arg, sizeof(arg)), 0);
    next = t->expires;
    t->fn(t->data);
    assert_int_equal(virqs[1], 4);
    assert_true(t->active && t->expires == next);
    fire(t);
    assert_int_equal(virqs[1], 5);
    assert_true(t->expires == next + 2000000);
    assert_int_equal(op(VCPUOP_stop_periodic_timer, other()), 0);
    assert_false(t->active);
    t->active = true; /* it was on its way */
    fire(t);
    assert_int_equal(virqs[1], 5);
    assert_false(t->active);
}

/* --- the memory map --- */

static long memory_map(uint32_t room, uint64_t buffer, uint32_t *nr)
{
    struct xen_memory_map op = {.nr_entries = room};
    long rc;

    op.buffer.q = buffer;
    memcpy(fake_gva + (ARG - FAKE_GVA_BASE), &op, sizeof(op));
    rc = AS(guest, arch_memory_op(XENMEM_memory_map, ARG));
    memcpy(&op, fake_gva + (ARG - FAKE_GVA_BASE), sizeof(op));
    *nr = op.nr_entries;
    return rc;
}

static void asked_for_the_memory_map(void **state)
{
    const uint64_t buffer = ARG + 0x100;
    unsigned char *out = fake_gva + (buffer - FAKE_GVA_BASE);
    uint32_t nr;

    (void)state;
    assert_int_equal(memory_map(9, buffer, &nr), -ENOSYS);
    guest->arch.nr_memmap = 2;
    guest->arch.memmap[0] = (struct hvm_memmap_table_entry){.addr = 0, .size = 0x1000, .type = 1};
    guest->arch.memmap[1] =
        (struct hvm_memmap_table_entry){.addr = 0x1122334455667788, .size = 0x99, .type = 2};
    memset(out, 0xee, 64);
    assert_int_equal(memory_map(9, buffer, &nr), 0);
    assert_int_equal(nr, 2);
    assert_memory_equal(out + 20, "\x88\x77\x66\x55\x44\x33\x22\x11\x99\0\0\0\0\0\0\0\2\0\0\0", 20);
    assert_int_equal(out[40], 0xee);
    memset(out, 0xee, 64);
    assert_int_equal(memory_map(1, buffer, &nr), 0);
    assert_int_equal(nr, 1);
    assert_int_equal(out[20], 0xee);
    assert_int_equal(memory_map(2, BAD, &nr), -EFAULT);
    assert_int_equal(AS(guest, arch_memory_op(XENMEM_memory_map, BAD)), -EFAULT);
    assert_int_equal(AS(guest, arch_memory_op(XENMEM_machine_memory_map, ARG)), -ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sixty_four_bits),          TEST(thirty_two_bits),     TEST(what_a_processor_refuses),
        TEST(what_a_processor_takes),   TEST(with_start_up_ipis),  TEST(the_last_one_powers_off),
        TEST(unknown_operations),       TEST(single_shots),        TEST(periods),
        TEST(asked_for_the_memory_map), TEST(paging_of_32_bits),   TEST(long_mode_to_come),
        TEST(what_this_host_lacks),     TEST(levels_of_real_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
