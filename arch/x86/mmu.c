/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's page tables. head.S runs on tables of its own, which map everything writable
 * and executable; mmu_init() replaces them. Table pages come from a small pool in the image until
 * the page allocator works.
 */
#include <asm/mmu.h>
#include <asm/msr.h>
#include <asm/page.h>
#include <asm/setup.h>
#include <wherry/boot_ram.h>
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/mm.h>
#include <wherry/spinlock.h>

/* Entries of 4-level paging (SDM vol. 3, 4.5). */
#define PTE_PRESENT  BIT64(0)
#define PTE_WRITE    BIT64(1)
#define PTE_PWT      BIT64(3)
#define PTE_PCD      BIT64(4)
#define PTE_ACCESSED BIT64(5)
#define PTE_DIRTY    BIT64(6)
#define PTE_BLOCK    BIT64(7)
#define PTE_NX       BIT64(63)
#define PTE_ADDR     UINT64_C(0x000ffffffffff000)

#define TABLE_ENTRIES 512
#define POOL_TABLES   64
#define LEVELS        4

typedef uint64_t pte_table_t[TABLE_ENTRIES];

static pte_table_t root __aligned(4096);
static pte_table_t pool[POOL_TABLES] __aligned(4096);
static unsigned int pool_used; /* boot CPU while it is alone */
static bool use_heap;          /* the same */
static bool have_1g;           /* constant after mmu_init() */

/* The tables, once there is more than one CPU; the heap's lock comes after it. */
static struct spinlock mmu_lock = SPINLOCK_INIT(LOCK_RANK_P2M, "mmu");
static uintptr_t ioremap_next = IOREMAP_VIRT; /* mmu_lock */

static uint64_t *table_at(uint64_t pte)
{
    uint64_t pa = pte & PTE_ADDR;
    uint64_t image = arch_image_to_paddr(_start).v;

    if (pa - image < (uint64_t)(_end - _start))
        return (uint64_t *)(IMAGE_OFFSET + pa);
    return arch_paddr_to_virt(paddr(pa));
}

/* A zeroed table, as the entry that points to it; 0: none left. */
static uint64_t new_table(void)
{
    const uint64_t bits = PTE_PRESENT | PTE_WRITE;
    struct page *pg;

    if (pool_used < POOL_TABLES)
        return arch_image_to_paddr(&pool[pool_used++]).v | bits;
    pg = use_heap ? page_alloc_zeroed(0) : NULL;
    return pg != NULL ? mfn_to_paddr(page_to_mfn(pg)).v | bits : 0;
}

static uint64_t attr_bits(enum mmu_attr attr)
{
    const uint64_t normal = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

    switch (attr) {
    case MMU_RX:
        return normal;
    case MMU_RO:
        return normal | PTE_NX;
    case MMU_RW:
        return normal | PTE_WRITE | PTE_NX;
    case MMU_DEVICE:
        break;
    }
    return normal | PTE_WRITE | PTE_NX | PTE_PCD | PTE_PWT;
}

/* Level 0 is the root, level 3 maps pages. */
static unsigned int level_shift(unsigned int level)
{
    return 39 - 9 * level;
}

/* The entry for va at `level`, making the tables above it; NULL: no memory or a block there. */
static uint64_t *walk_to(uintptr_t va, unsigned int level)
{
    uint64_t *table = root;

    for (unsigned int l = 0; l < level; l++) {
        uint64_t *entry = &table[(va >> level_shift(l)) % TABLE_ENTRIES];

        if (!(*entry & PTE_PRESENT)) {
            uint64_t pte = new_table();

            if (pte == 0)
                return NULL;
            WRITE_ONCE(*entry, pte);
        } else if (*entry & PTE_BLOCK) {
            return NULL;
        }
        table = table_at(*entry);
    }
    return &table[(va >> level_shift(level)) % TABLE_ENTRIES];
}

/* The largest level whose entry fits here. */
static unsigned int pick_level(uintptr_t va, uint64_t pa, uint64_t size, bool blocks)
{
    for (unsigned int level = have_1g ? 1 : 2; blocks && level < LEVELS - 1; level++) {
        uint64_t span = BIT64(level_shift(level));

        if (((va | pa) & (span - 1)) == 0 && size >= span)
            return level;
    }
    return LEVELS - 1;
}

int mmu_map(uintptr_t va, paddr_t pa, uint64_t size, enum mmu_attr attr, bool blocks)
{
    uint64_t bits = attr_bits(attr);
    uint64_t p = pa.v;

    ASSERT(((va | p | size) & ~PAGE_MASK) == 0);
    while (size != 0) {
        unsigned int level = pick_level(va, p, size, blocks);
        uint64_t span = BIT64(level_shift(level));
        uint64_t *entry = walk_to(va, level);

        if (entry == NULL)
            return -ENOMEM;
        if (*entry & PTE_PRESENT)
            return -EEXIST;
        WRITE_ONCE(*entry, p | bits | (level == LEVELS - 1 ? 0 : PTE_BLOCK));
        va += span;
        p += span;
        size -= span;
    }
    return 0;
}

void mmu_unmap(uintptr_t va, uint64_t size)
{
    for (uint64_t off = 0; off < size; off += PAGE_SIZE) {
        uint64_t *entry = walk_to(va + off, LEVELS - 1);

        BUG_ON(entry == NULL);
        WRITE_ONCE(*entry, 0);
        __asm__ volatile("invlpg (%0)" ::"r"(va + off) : "memory");
    }
}

int __init arch_map_ram(uintptr_t va, paddr_t pa, uint64_t size)
{
    return mmu_map(va, pa, size, MMU_RW, true);
}

void *arch_ioremap(paddr_t pa, uint64_t size)
{
    uint64_t offset = pa.v & ~PAGE_MASK;
    uint64_t span = (offset + size + PAGE_SIZE - 1) & PAGE_MASK;
    void *result = NULL;

    spin_lock(&mmu_lock);
    if (size != 0 && span >= size && span <= IOREMAP_VIRT + IOREMAP_SIZE - ioremap_next &&
        mmu_map(ioremap_next, paddr(pa.v - offset), span, MMU_DEVICE, false) == 0) {
        result = (void *)(ioremap_next + offset);
        ioremap_next += span + PAGE_SIZE; /* an unmapped page between two devices */
    }
    spin_unlock(&mmu_lock);
    return result;
}

int mmu_map_stack(unsigned int cpu)
{
    uintptr_t top = STACKS_VIRT + (uintptr_t)(cpu + 1) * STACK_SLOT_SIZE;
    struct page *pg = page_alloc_zeroed(3);

    _Static_assert(STACK_SIZE == PAGE_SIZE << 3, "order of the allocation");
    if (pg == NULL)
        return -ENOMEM;
    return mmu_map(top - STACK_SIZE, mfn_to_paddr(page_to_mfn(pg)), STACK_SIZE, MMU_RW, false);
}

static void __init map_image(const char *from, const char *to, enum mmu_attr attr)
{
    if (mmu_map((uintptr_t)from, arch_image_to_paddr(from), (uint64_t)(to - from), attr, false) !=
        0)
        panic("mmu: the image cannot be mapped\n");
}

paddr_t mmu_root(void)
{
    return arch_image_to_paddr(root);
}

void __init mmu_init(void)
{
    have_1g = cpuid(0x80000000, 0).a >= 0x80000001 && (cpuid(0x80000001, 0).d & BIT(26)) != 0;
    map_image(_start, _init_text_end, MMU_RX);
    map_image(_init_text_end, _rodata_end, MMU_RO);
    map_image(_rodata_end, _boot_guard, MMU_RW); /* the guard stays unmapped */
    map_image(_boot_stack, _end, MMU_RW);
    /* Starting CPUs turn paging on there; the copy is written through the direct map. */
    if (mmu_map(TRAMPOLINE_PHYS, paddr(TRAMPOLINE_PHYS), PAGE_SIZE, MMU_RX, false) != 0)
        panic("mmu: no table for the trampoline\n");
    write_cr3(mmu_root().v);
}

void __init mmu_use_heap(void)
{
    use_heap = true;
}

void mmu_drop_identity(void)
{
    WRITE_ONCE(root[0], 0);
    write_cr3(mmu_root().v);
}
