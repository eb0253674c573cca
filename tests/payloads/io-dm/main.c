/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the suite of suite.h: the guest, its view, the servers. */
#include "suite.h"

static struct io_control *control;
struct io_box *boxes;
uint64_t guest_ram;
uint8_t *ram;
struct dm_server server, other;

struct io_box *box_of(unsigned int vcpu)
{
    return &boxes[vcpu];
}

void set_page(unsigned int page, uint64_t pte)
{
    struct io_box *b = box_of(0);

    b->a0 = page;
    b->a1 = pte;
    box_run(b, IO_SET_PAGE);
}

static bool attach(void)
{
    uint64_t at = scratch_alloc(1);
    uint64_t end = counter() + PATIENCE * counter_hz();

    if (foreign_map(GUEST, IO_CONTROL_GPA >> PAGE_SHIFT, at) != 0)
        return false;
    control = (struct io_control *)(uintptr_t)at;
    while (READ_ONCE(control->ready) == 0 && counter() < end)
        yield_cpu();
    boxes = control->box;
    guest_ram = control->ram;
    return READ_ONCE(control->magic) == IO_CONTROL_MAGIC && READ_ONCE(control->ready) != 0;
}

static bool map_ram(void)
{
    uint64_t at = scratch_alloc(IO_RAM_PAGES);

    ram = (uint8_t *)(uintptr_t)at;
    for (unsigned int i = 0; i < IO_RAM_PAGES; i++)
        if (foreign_map(GUEST, (guest_ram >> PAGE_SHIFT) + i, at + i * PAGE_SIZE) != 0)
            return false;
    return true;
}

static void make_view(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        set_page(V_RAM + i, (guest_ram + i * PAGE_SIZE) | PTE_RAM);
        set_page(V_MMIO + i, (MMIO + i * PAGE_SIZE) | PTE_RAM);
    }
    set_page(V_MMIO_FIRST, MMIO | PTE_RAM);
    set_page(V_MMIO_RAM, guest_ram | PTE_RAM);
    set_page(V_MMIO_LAST, (MMIO + PAGE_SIZE) | PTE_RAM);
    set_page(V_READ_ONLY, (guest_ram + PAGE_SIZE) | 0x25);
    set_page(V_RAM_END, (guest_ram + 3 * PAGE_SIZE) | PTE_RAM);
}

long range_of(domid_t dom, bool map, ioservid_t id, unsigned int type, uint64_t start, uint64_t end)
{
    struct xen_dm_op op = {.op = map ? XEN_DMOP_map_io_range_to_ioreq_server
                                     : XEN_DMOP_unmap_io_range_from_ioreq_server};

    op.u.map_io_range_to_ioreq_server.id = id;
    op.u.map_io_range_to_ioreq_server.type = type;
    op.u.map_io_range_to_ioreq_server.start = start;
    op.u.map_io_range_to_ioreq_server.end = end;
    return dm_op(dom, &op);
}

long range(bool map, ioservid_t id, unsigned int type, uint64_t start, uint64_t end)
{
    return range_of(GUEST, map, id, type, start, end);
}

static bool open_servers(void)
{
    bool ok = dm_server_open(&server, GUEST) == 0 && dm_server_open(&other, GUEST) == 0;

    ok = ok && range(true, server.id, XEN_DMOP_IO_RANGE_PORT, PORTS, PORTS_LAST) == 0;
    ok = ok && range(true, server.id, XEN_DMOP_IO_RANGE_PORT, PORTS_LOW, PORTS_LOW + 0x1f) == 0;
    return ok && range(true, server.id, XEN_DMOP_IO_RANGE_MEMORY, MMIO, MMIO_LAST) == 0;
}

static void test_all(void)
{
    test_ports();
    test_operands();
    test_strings();
    test_pages();
    test_pci();
    test_stack();
    test_routes();
    test_modes();
    test_real_mode();
    test_protected_mode();
    test_answers();
    test_events();
    test_types();
    test_hostile();
    test_vcpus();
}

/* `random`: the random cases only. */
int main(void)
{
    if (!tap_eq(events_init(), 0, "shared_info is mapped"))
        return 1;
    guest_provide(1, 4);
    if (!tap(attach(), "the guest runs, and its control page is mapped") ||
        !tap(map_ram(), "so is its RAM") || !tap(open_servers(), "two servers")) {
        tap_done();
        return 1;
    }
    make_view();
    if (!bootarg_has("random"))
        test_all();
    test_fuzz();
    return (int)tap_done();
}
