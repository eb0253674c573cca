/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes of the past as far as one domain can provoke them by itself. Each case is named after
 * its advisory; docs/security.md has the list.
 */
#include "suite.h"

static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));

static long reserve(unsigned int op, uint64_t frame)
{
    xen_pfn_t pfn = frame;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &pfn);
    return memory_op(op, &r);
}

/* --- a page goes while another vCPU reads it --- */

static volatile bool stop;
static volatile unsigned int reads, last_trapped, last_value;

static void read_page(void *arg_)
{
    (void)arg_;
    irqs_on(); /* Bochs's host interrupts end no stay in a guest that masks its own */
    while (!stop) {
        uint8_t v;

        last_trapped = !memory_read8((uintptr_t)page, &v);
        last_value = v;
        wmb(); /* what was seen before its number; partner: two_more() */
        reads++;
        cpu_relax();
    }
}

/* Two more reads: the second began after this. */
static bool two_more(void)
{
    uint64_t end = counter() + PATIENCE * counter_hz();
    unsigned int before = reads;

    while (reads - before < 2 && counter() < end)
        yield_cpu();
    rmb();
    return reads - before >= 2;
}

static void stale_translations(void)
{
    uint64_t frame = arg(page) >> PAGE_SHIFT;
    uint64_t end = counter() + PATIENCE * counter_hz();
    unsigned int wrong = 0;

    stop = false;
    reads = 0;
    if (!tap_eq(cpu_start(1, read_page, NULL), 0, "xsa-321: a second vCPU reads a page"))
        return;
    for (unsigned int i = 0; i < 50; i++) {
        page[0] = 0x5a;
        wrong += !two_more() || last_trapped || last_value != 0x5a;
        wrong += reserve(XENMEM_decrease_reservation, frame) != 1;
        wrong += !two_more() || !last_trapped;
        wrong += reserve(XENMEM_populate_physmap, frame) != 1;
        wrong += !two_more() || last_trapped || last_value != 0;
    }
    stop = true;
    while ((cpus[1].online || !cpu_is_off(1)) && counter() < end)
        yield_cpu();
    tap_eq(wrong, 0, "xsa-321: removed it is gone at once, populated it is the new one");
}

/* --- one page in as many places as there are tables for --- */

#define FAR_FRAME (UINT64_C(64) << (30 - PAGE_SHIFT))
#define STRIDE    (UINT64_C(2) << (20 - PAGE_SHIFT))

static void sparse_memory(void)
{
    uint64_t frame = arg(page) >> PAGE_SHIFT, n = 0;

    tap_eq(reserve(XENMEM_decrease_reservation, frame), 1, "xsa-409: a page is given back");
    while (n < 20000 && reserve(XENMEM_populate_physmap, FAR_FRAME + n * STRIDE) == 1) {
        if (reserve(XENMEM_decrease_reservation, FAR_FRAME + n * STRIDE) != 1)
            break;
        n++;
    }
    tap(n > 500 && n < 5000, "xsa-409: tables for sparse memory have a limit # %llu",
        (unsigned long long)n);
    tap_eq(reserve(XENMEM_populate_physmap, frame), 1, "xsa-409: where there is one it goes on");
    page[0] = 0x49;
    tap_eq(READ_ONCE(page[0]), 0x49, "xsa-409: with memory");
}

void test_security(void)
{
    if (nr_cpus > 1)
        stale_translations();
    sparse_memory();
}
