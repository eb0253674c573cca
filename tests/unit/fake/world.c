/* SPDX-License-Identifier: Apache-2.0 */
/* The domains of world.h. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#include <asm/fake.h>
#include <wherry/hypercall.h>
#include <wherry/init.h>

#include "fake.h"

struct domain *control, *dm, *guest;
static uint64_t free_before;

long world_call(struct vcpu *v, unsigned int nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    const uint64_t args[NR_HYPERCALL_ARGS] = {a0, a1, a2};
    struct vcpu *prev = current;
    long rc;

    current = v;
    rc = hypercall(nr, args);
    current = prev;
    return rc;
}

long world_op(struct vcpu *v, unsigned int nr, uint64_t cmd, void *op, size_t size)
{
    unsigned char *at = fake_gva + (GVA_OP - FAKE_GVA_BASE);
    long rc;

    memcpy(at, op, size);
    rc = world_call(v, nr, cmd, GVA_OP, 0);
    memcpy(op, at, size);
    return rc;
}

static struct domain *create(domid_t id, unsigned int max_vcpus, bool is_control, domid_t serves)
{
    struct domain_create_params params = {.id = id,
                                          .is_control = is_control,
                                          .max_vcpus = max_vcpus,
                                          .max_pages = 256,
                                          .device_model_for = serves};
    struct domain *d;
    struct vcpu *v;

    assert_int_equal(domain_create(&params, &d), 0);
    assert_int_equal(vcpu_create(d, 0, 0, &v), 0);
    vcpu_pause_clear(v, VPF_DOWN);
    domain_start(d);
    return d;
}

static uint64_t free_pages(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return n;
}

int world_setup(void **state)
{
    static bool once;

    (void)state;
    if (!once) {
        page_add_region(paddr(FAKE_RAM_BASE),
                        paddr(FAKE_RAM_BASE + (FAKE_RAM_FRAMES << PAGE_SHIFT)));
        for (const struct init_call *c = __init_calls_start; c < __init_calls_end; c++)
            assert_int_equal(c->fn(), 0);
        once = true;
    }
    fake_arch_reset();
    fake_alloc_fail_at = -1;
    free_before = free_pages();
    control = create(0, 1, true, DOMID_INVALID);
    guest = create(2, 2, false, DOMID_INVALID);
    dm = create(1, 1, false, 2);
    current = control->vcpu[0];
    return 0;
}

void world_kill(struct domain **d)
{
    if (*d == NULL)
        return;
    assert_int_equal(domain_kill(*d), 0);
    *d = NULL;
}

int world_teardown(void **state)
{
    (void)state;
    world_kill(&guest);
    world_kill(&dm);
    fake_rcu_run();
    current = NULL;
    world_kill(&control);
    fake_rcu_run();
    if (fake_alloc_live == 0 && free_pages() == free_before)
        return 0;
    fprintf(stderr, "left over: %lu objects, %ld pages\n", fake_alloc_live,
            (long)(free_before - free_pages()));
    return -1;
}
