/* SPDX-License-Identifier: Apache-2.0 */
/* See scene.h. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wherry/cmdline.h>

struct domain *control, *dm, *guest;

static uint64_t free_pages_before;
static unsigned int default_servers, default_ranges;
static uint64_t default_bytes;

static uint64_t free_pages(void)
{
    uint64_t total, n;

    page_stats(&total, &n);
    return n;
}

static void set_up_once(void)
{
    if (default_servers != 0)
        return;
    default_servers = ioreq_max_servers;
    default_ranges = ioreq_max_ranges;
    default_bytes = ioreq_max_bytes;
    page_add_region(paddr(FAKE_RAM_BASE), paddr(FAKE_RAM_BASE + (FAKE_RAM_FRAMES << PAGE_SHIFT)));
}

int scene_setup(void **state)
{
    (void)state;
    set_up_once();
    ioreq_max_servers = default_servers;
    ioreq_max_ranges = default_ranges;
    ioreq_max_bytes = default_bytes;
    fake_arch_reset();
    fake_evtchn_reset();
    fake_alloc_fail_at = -1;
    fake_alloc_fail_all = false;
    fake_synchronize_hook = NULL;
    fake_grace_periods = 0;
    free_pages_before = free_pages();
    control = fake_domain_create(0, 1);
    dm = fake_domain_create(1, 1);
    guest = fake_domain_create(2, 2);
    dm->device_model_for = guest->id;
    current = dm->vcpu[0];
    return 0;
}

int scene_teardown(void **state)
{
    unsigned int ports;

    (void)state;
    fake_alloc_fail_at = -1;
    current = NULL;
    fake_domains_cleanup();
    ports = 0;
    for (unsigned int id = 0; id < CONFIG_MAX_DOMAINS; id++) {
        struct domain d = {.id = (domid_t)id};

        ports += fake_ports_in_use(&d);
    }
    if (fake_alloc_live == 0 && free_pages() == free_pages_before && ports == 0)
        return 0;
    fprintf(stderr, "left over: %lu objects, %ld pages, %u ports\n", fake_alloc_live,
            (long)(free_pages_before - free_pages()), ports);
    return -1;
}

evtchn_port scene_port(unsigned int id, unsigned int vcpu)
{
    return dm_slot(guest, id, vcpu)->vp_eport;
}

void scene_bind(unsigned int id)
{
    for (unsigned int i = 0; i < guest->max_vcpus; i++)
        if (guest->vcpu[i] != NULL)
            fake_port(guest, scene_port(id, i))->bound = dm->vcpu[0];
}

unsigned int scene_server(uint64_t first, uint64_t last)
{
    long id = dm_create(guest);

    assert_true(id >= 0);
    assert_int_equal(dm_map(guest, (unsigned int)id, XEN_DMOP_IO_RANGE_MEMORY, first, last), 0);
    assert_int_equal(dm_enable(guest, (unsigned int)id, true), 0);
    scene_bind((unsigned int)id);
    return (unsigned int)id;
}

void scene_set_state(unsigned int id, unsigned int vcpu, unsigned int state)
{
    uint8_t *bits = dm_slot_bits(guest, id, vcpu);

    *bits = (uint8_t)((*bits & 0xf0) | state);
}

void scene_answer(unsigned int id, unsigned int vcpu, uint64_t data)
{
    dm_slot(guest, id, vcpu)->data = data;
    scene_set_state(id, vcpu, STATE_IORESP_READY);
    fake_send(guest, scene_port(id, vcpu));
}

int scene_cmdline(const char *name, const char *value)
{
    const struct cmdline_param *p;

    for (p = __cmdline_params_start; p < __cmdline_params_end; p++)
        if (strcmp(p->name, name) == 0)
            return p->fn(value);
    return -ENOENT;
}
