/* SPDX-License-Identifier: Apache-2.0 */
/* The memory_op that only x86 has: a guest asks for the memory map that it was built with. */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/memory.h>

/* As firmware lays an entry out. */
struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __packed;

_Static_assert(sizeof(struct e820_entry) == 20, "an entry of INT 15h, AX=E820h");

static int get_memory_map(uint64_t arg)
{
    const struct arch_domain *a = &current->domain->arch;
    struct xen_memory_map op;

    if (guest_struct_from(&op, arg, sizeof(op), "iw") != 0)
        return -EFAULT;
    if (a->nr_memmap == 0)
        return -ENOSYS;
    if (op.nr_entries > a->nr_memmap)
        op.nr_entries = a->nr_memmap;
    for (unsigned int i = 0; i < op.nr_entries; i++) {
        const struct hvm_memmap_table_entry *m = &a->memmap[i];
        const struct e820_entry e = {.addr = m->addr, .size = m->size, .type = m->type};

        if (guest_copy_to(op.buffer.q + i * sizeof(e), &e, sizeof(e)) != 0)
            return -EFAULT;
    }
    return guest_copy_to(arg, &op.nr_entries, sizeof(op.nr_entries));
}

long arch_memory_op(uint64_t cmd, uint64_t arg)
{
    return cmd == XENMEM_memory_map ? get_memory_map(arg) : -ENOSYS;
}
