/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity map of a payload, 39 bits of address in 2 MiB blocks: RAM cacheable, so that exclusives
 * and unaligned accesses work, everything else device memory.
 */
#include "payload.h"
#include "tree.h"

#define BLOCK     0x200000ull
#define GIGABYTE  0x40000000ull
#define MAX_TABLE 16

#define PTE_VALID UINT64_C(1)
#define PTE_TABLE UINT64_C(3)
#define PTE_AF    (UINT64_C(1) << 10)
#define PTE_INNER (UINT64_C(3) << 8)
#define PTE_EL0   (UINT64_C(1) << 6) /* LDTR and STTR of a device access as EL0 */
#define PTE_RO    (UINT64_C(1) << 7)
#define PTE_XN    (UINT64_C(3) << 53)
#define ATTR(n)   ((uint64_t)(n) << 2)

#define MAIR UINT64_C(0xff04) /* 0: Device-nGnRE, 1: Normal write-back */
/* T0SZ 25, write-back inner-shareable walks, no TTBR1, 40 bits of physical address. */
#define TCR (UINT64_C(25) | UINT64_C(0x3500) | (UINT64_C(1) << 23) | (UINT64_C(2) << 32))

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t tables[MAX_TABLE][512] __attribute__((aligned(4096)));
static unsigned int nr_tables;

static uint64_t block(uint64_t pa, enum map_attr attr)
{
    if (attr == MAP_READ_ONLY)
        return pa | PTE_VALID | PTE_AF | PTE_INNER | PTE_RO | ATTR(1);
    if (attr == MAP_RAM)
        return pa | PTE_VALID | PTE_AF | PTE_INNER | ATTR(1);
    return pa | PTE_VALID | PTE_AF | PTE_EL0 | PTE_XN | ATTR(0);
}

/* The level 2 table of pa; a gigabyte block becomes a table of the same blocks. */
static uint64_t *level2(uint64_t pa)
{
    uint64_t *entry = &root[pa / GIGABYTE % 512];
    uint64_t *table;

    if ((*entry & PTE_TABLE) == PTE_TABLE)
        return (uint64_t *)(uintptr_t)(*entry & ~UINT64_C(0xfff));
    if (nr_tables == MAX_TABLE)
        die("no table left for address %llx", (unsigned long long)pa);
    table = tables[nr_tables++];
    for (unsigned int i = 0; i < 512; i++)
        table[i] = block((pa & ~(GIGABYTE - 1)) + i * BLOCK, MAP_DEVICE);
    wmb(); /* the table before the entry that makes walkers use it */
    *entry = (uint64_t)(uintptr_t)table | PTE_TABLE;
    return table;
}

void mmu_map(uint64_t pa, uint64_t size, enum map_attr attr)
{
    uint64_t end = pa + size;

    for (pa &= ~(BLOCK - 1); pa < end;) {
        if (pa % GIGABYTE == 0 && end - pa >= GIGABYTE) {
            root[pa / GIGABYTE % 512] = block(pa, attr);
            pa += GIGABYTE;
        } else {
            level2(pa)[pa / BLOCK % 512] = block(pa, attr);
            pa += BLOCK;
        }
    }
    mb();
    __asm__ volatile("tlbi vmalle1is\n\tdsb sy\n\tisb" ::: "memory");
}

static void map_memory_nodes(void)
{
    int node;

    fdt_for_each_subnode (&fdt, node, fdt_root(&fdt)) {
        const char *type = fdt_prop_string(&fdt, node, "device_type");
        uint64_t base, size;

        if (type == NULL || strcmp(type, "memory") != 0)
            continue;
        for (unsigned int i = 0; fdt_get_reg(&fdt, node, i, &base, &size) == 0; i++)
            mmu_map(base, size, MAP_RAM);
    }
}

void mmu_start(void)
{
    for (unsigned int i = 0; i < 512; i++)
        root[i] = block(i * GIGABYTE, MAP_DEVICE);
    map_memory_nodes();
    mmu_enable((uintptr_t)root, TCR, MAIR);
}

void mmu_params(uint64_t *r, uint64_t *tcr, uint64_t *mair)
{
    *r = (uintptr_t)root;
    *tcr = TCR;
    *mair = MAIR;
}
