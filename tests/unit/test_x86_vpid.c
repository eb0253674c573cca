/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pCPU forgets under VMX (arch/x86/vmx/vpid.c over arch/x86/p2m.c): INVEPT of one domain's
 * translations when its p2m has a new epoch, once for each pCPU; identifiers for what vCPUs cache
 * of their own tables. No emulator shows a stale translation: flushes are counted, and a walk at
 * random compares what is used with a model of what each pCPU has cached (SDM vol. 3, 29.4.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <wherry/types.h>

/* --- the CPUs: in place of wherry/percpu.h, asm/relax.h, asm/page.h and asm/msr.h --- */
#define WHERRY_PERCPU_H
#define WHERRY_ASM_RELAX_H
#define WHERRY_ASM_PAGE_H
#define WHERRY_ASM_MSR_H

#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name[CONFIG_NR_CPUS]
#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name[CONFIG_NR_CPUS]
#define this_cpu(name)              (percpu_##name[this_one])
#define per_cpu(name, cpu)          (percpu_##name[cpu])

static unsigned int this_one; /* whose code this is now */

static inline unsigned int smp_processor_id(void)
{
    return this_one;
}

static void arch_relax(void);

struct page;
static struct page *arch_frame_table;
#define arch_frame_base UINT64_C(0)

static inline void *arch_paddr_to_virt(paddr_t p)
{
    return (void *)(uintptr_t)p.v;
}
static inline paddr_t arch_virt_to_paddr(const void *va)
{
    return paddr((uintptr_t)va);
}

#include "../../arch/x86/p2m.c"

#include "../../arch/x86/vmx/vpid.c"

DEFINE_PER_CPU(struct vcpu *, current_vcpu);
uint64_t cpu_online_mask = 1;

void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

int snprintf(char *text, size_t size, const char *fmt, ...)
{
    (void)fmt;
    if (size != 0)
        text[0] = '\0';
    return 0;
}

#define NR_CPUS     4
#define NR_VCPUS    6
#define NR_DOMAINS  2
#define IDENTIFIERS 0x10000

static struct domain dom[NR_DOMAINS];
static struct vcpu vcpu[NR_VCPUS];
static unsigned int kicks[NR_CPUS], waits, leaves_in[NR_CPUS];

/* What a pCPU has cached: under an identifier, whose, by which epoch of the p2m, and by which state
 * of the vCPU's own tables. By the EPT pointer alone: by which epoch. */
struct cached {
    const struct vcpu *v;
    uint64_t epoch;
    unsigned int version;
};
static struct cached tlb[NR_CPUS][IDENTIFIERS];
static uint64_t nested[NR_CPUS][NR_DOMAINS];
static unsigned int invepts[NR_CPUS][NR_DOMAINS], empties[NR_CPUS];

static uint64_t epoch_of(const struct domain *d)
{
    return (uint64_t)atomic64_read(&d->p2m.arch.epoch);
}

uint64_t vmx_ept_pointer(const struct domain *d)
{
    return (uint64_t)(d - dom) << 12 | 0x1e;
}

void vmx_invept(uint64_t ept_pointer)
{
    uint64_t n = ept_pointer >> 12;

    assert_int_equal(ept_pointer & 0xfff, 0x1e);
    assert_in_range(n, 0, NR_DOMAINS - 1);
    invepts[this_one][n]++;
    nested[this_one][n] = 0;
    for (unsigned int i = 0; i < IDENTIFIERS; i++)
        if (tlb[this_one][i].v != NULL && tlb[this_one][i].v->domain == &dom[n])
            tlb[this_one][i].v = NULL;
}

/* What is cached by the EPT pointer alone stays. */
void vmx_invvpid_all(void)
{
    empties[this_one]++;
    memset(tlb[this_one], 0, sizeof(tlb[this_one]));
}

/* It leaves its guest some time after the kick. */
void arch_smp_kick(unsigned int cpu)
{
    kicks[cpu]++;
    if (leaves_in[cpu] == 0)
        leaves_in[cpu] = 3;
}

static void arch_relax(void)
{
    unsigned int me = this_one;

    waits++;
    assert_true(waits < 1000); /* waits for one that nobody made leave */
    for (this_one = 0; this_one < NR_CPUS; this_one++)
        if (leaves_in[this_one] != 0 && --leaves_in[this_one] == 0)
            p2m_guest_leave();
    this_one = me;
}

static void new_domain(struct domain *d)
{
    static struct page root[NR_DOMAINS]; /* never looked into */

    arch_frame_table = root;
    d->p2m.root_page = &root[d - dom];
    atomic64_set(&d->p2m.arch.epoch, 77); /* as the last domain of this memory left it */
    assert_int_equal(arch_p2m_init(&d->p2m), 0);
}

static int begin(void **state)
{
    (void)state;
    memset(dom, 0, sizeof(dom));
    memset(vcpu, 0, sizeof(vcpu));
    memset(tlb, 0, sizeof(tlb));
    memset(nested, 0, sizeof(nested));
    memset(percpu_guest_p2m, 0, sizeof(percpu_guest_p2m));
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        new_domain(&dom[i]);
    for (unsigned int i = 0; i < NR_VCPUS; i++)
        vcpu[i].domain = &dom[i % NR_DOMAINS];
    cpu_online_mask = (1u << NR_CPUS) - 1;
    for (this_one = 0; this_one < NR_CPUS; this_one++)
        vmx_vpid_cpu_init();
    this_one = 0;
    memset(invepts, 0, sizeof(invepts));
    memset(empties, 0, sizeof(empties));
    memset(kicks, 0, sizeof(kicks));
    memset(leaves_in, 0, sizeof(leaves_in));
    waits = 0;
    return 0;
}

static uint16_t enter_on(unsigned int cpu, struct vcpu *v)
{
    uint16_t vpid;

    this_one = cpu;
    vpid = vmx_vpid_prepare(v);
    assert_ptr_equal(percpu_guest_p2m[cpu], &v->domain->p2m);
    assert_int_not_equal(vpid, 0); /* the host's */
    p2m_guest_leave();
    return vpid;
}

static unsigned int all_invepts(void)
{
    unsigned int sum = 0;

    for (unsigned int i = 0; i < NR_CPUS * NR_DOMAINS; i++)
        sum += invepts[i / NR_DOMAINS][i % NR_DOMAINS];
    return sum;
}

/* --- cases --- */

static void a_pcpu_starts_empty(void **state)
{
    (void)state;
    this_one = 2;
    vmx_vpid_cpu_init();
    assert_int_equal(empties[2], 1);
    assert_int_equal(empties[0] + empties[1] + empties[3], 0);
}

/* The memory of a p2m's root may have been another's root: the EPT pointer is the same. */
static void a_new_domain_is_flushed_once_for_each_pcpu(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        enter_on(cpu, &vcpu[0]);
        enter_on(cpu, &vcpu[2]);
        enter_on(cpu, &vcpu[0]);
        assert_int_equal(invepts[cpu][0], 1);
    }
    assert_int_equal(all_invepts(), NR_CPUS);
    new_domain(&dom[0]);
    enter_on(1, &vcpu[0]);
    assert_int_equal(invepts[1][0], 2);
    assert_int_equal(all_invepts(), NR_CPUS + 1);
}

static void an_epoch_is_one_flush_for_each_pcpu_that_enters(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 4; i++)
        enter_on(i % 2, &vcpu[i]);
    enter_on(0, &vcpu[1]);
    memset(invepts, 0, sizeof(invepts));
    this_one = 3;
    arch_p2m_flush(&dom[0].p2m);
    arch_p2m_flush(&dom[0].p2m);
    assert_int_equal(all_invepts(), 0); /* nobody was inside, and whoever comes does it himself */
    assert_int_equal(kicks[0] + kicks[1] + kicks[2] + kicks[3], 0);
    enter_on(0, &vcpu[1]); /* the other domain's */
    assert_int_equal(all_invepts(), 0);
    enter_on(0, &vcpu[0]);
    enter_on(0, &vcpu[2]);
    enter_on(0, &vcpu[4]);
    assert_int_equal(invepts[0][0], 1); /* for all its vCPUs */
    enter_on(1, &vcpu[2]);
    assert_int_equal(invepts[1][0], 1);
    assert_int_equal(all_invepts(), 2);
    assert_int_equal(empties[0] + empties[1], 0);
}

static void identifiers_stay_while_nothing_changes(void **state)
{
    uint16_t a, b;

    (void)state;
    a = enter_on(0, &vcpu[0]);
    b = enter_on(0, &vcpu[2]);
    assert_int_not_equal(a, b);
    assert_int_equal(enter_on(0, &vcpu[0]), a);
    this_one = 1;
    arch_p2m_flush(&dom[0].p2m); /* INVEPT takes what is cached under every identifier */
    assert_int_equal(enter_on(0, &vcpu[0]), a);
    vcpu[0].arch.vmx.vpid_generation = 0; /* vmx_set_cr() */
    assert_int_not_equal(enter_on(0, &vcpu[0]), a);
    assert_int_equal(enter_on(0, &vcpu[2]), b);
}

static void another_pcpu_is_another_identifier(void **state)
{
    uint16_t first, there;

    (void)state;
    first = enter_on(0, &vcpu[0]);
    there = enter_on(1, &vcpu[0]);
    assert_int_equal(enter_on(1, &vcpu[0]), there);
    assert_int_not_equal(enter_on(0, &vcpu[0]), first); /* its tables may have changed elsewhere */
}

static void when_they_run_out_all_is_emptied(void **state)
{
    uint16_t last = 0;
    uint64_t generation;

    (void)state;
    generation = percpu_vpid_pool[0].generation;
    enter_on(0, &vcpu[2]);
    for (unsigned int i = 1; i < IDENTIFIERS - 1; i++) {
        vcpu[0].arch.vmx.vpid_generation = 0;
        last = enter_on(0, &vcpu[0]);
    }
    assert_int_equal(last, IDENTIFIERS - 1);
    assert_int_equal(empties[0], 0);
    vcpu[0].arch.vmx.vpid_generation = 0;
    assert_int_equal(enter_on(0, &vcpu[0]), 1); /* which was vCPU 2's */
    assert_int_equal(empties[0], 1);
    assert_int_equal(percpu_vpid_pool[0].generation, generation + 1);
    assert_int_equal(enter_on(0, &vcpu[2]), 2);
    assert_int_equal(empties[0], 1);
    assert_int_equal(empties[1] + empties[2] + empties[3], 0);
}

static void a_flush_while_entering_is_not_lost(void **state)
{
    (void)state;
    enter_on(0, &vcpu[0]);
    memset(invepts, 0, sizeof(invepts));
    vmx_vpid_prepare(&vcpu[0]); /* in: from here on it is kicked */
    this_one = 1;
    arch_p2m_flush(&dom[0].p2m);
    assert_int_equal(kicks[0], 1);
    assert_int_equal(waits, 3);
    assert_null(percpu_guest_p2m[0]);
    enter_on(0, &vcpu[0]);
    assert_int_equal(invepts[0][0], 1);
}

/* --- at random --- */

static uint64_t rng = 88172645463325252u;

static unsigned int random_below(unsigned int n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned int)(rng % n);
}

/* Whether it used what was cached under its identifier. */
static bool walk_enter(unsigned int cpu, struct vcpu *v, unsigned int *version,
                       unsigned int *was_on)
{
    unsigned int n = (unsigned int)(v->domain - dom);
    uint64_t epoch = epoch_of(v->domain);
    struct cached *have;
    bool used;

    if (*was_on != cpu)
        (*version)++; /* elsewhere its INVLPG meant nothing to what is cached here */
    *was_on = cpu;
    have = &tlb[cpu][enter_on(cpu, v)];
    used = have->v != NULL;
    if (used) {
        assert_ptr_equal(have->v, v);
        assert_int_equal(have->epoch, epoch);
        assert_int_equal(have->version, *version);
    }
    if (nested[cpu][n] != 0)
        assert_int_equal(nested[cpu][n], epoch);
    *have = (struct cached){v, epoch, *version};
    nested[cpu][n] = epoch;
    return used;
}

static void at_random_nothing_stale_is_used(void **state)
{
    unsigned int version[NR_VCPUS] = {0}, was_on[NR_VCPUS] = {0};
    unsigned int cpu = 0, kept = 0;

    (void)state;
    for (unsigned int i = 0; i < 40000; i++) {
        unsigned int n = random_below(NR_VCPUS);
        struct vpid_pool *pool = &percpu_vpid_pool[cpu];

        switch (random_below(64)) {
        case 0:
            this_one = cpu;
            arch_p2m_flush(&dom[n % NR_DOMAINS].p2m);
            break;
        case 1: /* nearly used up; what is left out is nobody's */
            if (pool->next < VPID_LIMIT - 6)
                pool->next = VPID_LIMIT - 6;
            break;
        case 2:
        case 3: /* its paging was changed by the hypervisor */
            vcpu[n].arch.vmx.vpid_generation = 0;
            version[n]++;
            break;
        case 4:
        case 5:
        case 6:
        case 7:
            cpu = random_below(NR_CPUS);
            break;
        default:
            kept += walk_enter(cpu, &vcpu[n], &version[n], &was_on[n]);
        }
    }
    assert_true(kept > 5000); /* and not by flushing always */
    assert_in_range(all_invepts(), 100, 3000);
    assert_in_range(empties[0] + empties[1] + empties[2] + empties[3], 50, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_pcpu_starts_empty, begin),
        cmocka_unit_test_setup(a_new_domain_is_flushed_once_for_each_pcpu, begin),
        cmocka_unit_test_setup(an_epoch_is_one_flush_for_each_pcpu_that_enters, begin),
        cmocka_unit_test_setup(identifiers_stay_while_nothing_changes, begin),
        cmocka_unit_test_setup(another_pcpu_is_another_identifier, begin),
        cmocka_unit_test_setup(when_they_run_out_all_is_emptied, begin),
        cmocka_unit_test_setup(a_flush_while_entering_is_not_lost, begin),
        cmocka_unit_test_setup(at_random_nothing_stale_is_used, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
