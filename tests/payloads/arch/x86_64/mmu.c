/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity map of a payload in 2 MiB pages: the first 4 GiB, the frames for pages of others, and
 * what mmu_map() is asked for below 512 GiB.
 */
#include "payload.h"

#define BLOCK     0x200000ull
#define GIGABYTE  0x40000000ull
#define MAX_TABLE 16

#define PTE_P   UINT64_C(1)
#define PTE_RW  UINT64_C(2)
#define PTE_PWT UINT64_C(8)
#define PTE_PCD UINT64_C(16)
#define PTE_A_D UINT64_C(0x60)
#define PTE_PS  UINT64_C(0x80)

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t pdpt[512] __attribute__((aligned(4096)));
static uint64_t tables[MAX_TABLE][512] __attribute__((aligned(4096)));
static unsigned int nr_tables;

static uint64_t block(uint64_t pa, enum map_attr attr)
{
    uint64_t pte = pa | PTE_P | PTE_A_D | PTE_PS;

    if (attr != MAP_READ_ONLY)
        pte |= PTE_RW;
    if (attr == MAP_DEVICE)
        pte |= PTE_PCD | PTE_PWT;
    return pte;
}

static uint64_t *level2(uint64_t pa)
{
    uint64_t *entry = &pdpt[pa / GIGABYTE];

    if (pa / GIGABYTE >= ARRAY_SIZE(pdpt))
        die("address %llx is beyond the tables", (unsigned long long)pa);
    if (*entry == 0) {
        if (nr_tables == MAX_TABLE)
            die("no table left for address %llx", (unsigned long long)pa);
        *entry = (uintptr_t)tables[nr_tables++] | PTE_P | PTE_RW;
    }
    return (uint64_t *)(uintptr_t)(*entry & ~UINT64_C(0xfff));
}

void mmu_map(uint64_t pa, uint64_t size, enum map_attr attr)
{
    uint64_t end = pa + size, cr3;

    for (pa &= ~(BLOCK - 1); pa < end; pa += BLOCK)
        level2(pa)[pa / BLOCK % 512] = block(pa, attr);
    __asm__ volatile("movq %%cr3, %0\n\tmovq %0, %%cr3" : "=r"(cr3)::"memory");
}

uint64_t mmu_start(void)
{
    root[0] = (uintptr_t)pdpt | PTE_P | PTE_RW;
    mmu_map(0, 4 * GIGABYTE, MAP_RAM);
    mmu_map(SCRATCH_BASE, SCRATCH_SIZE, MAP_RAM);
    __asm__ volatile("movq %0, %%cr3" ::"r"(root) : "memory");
    return (uintptr_t)root;
}
