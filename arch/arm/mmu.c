/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's stage-1 tables. head.S mapped the image and one identity page; everything else
 * is added here: stacks, direct map, frame table, devices. Table pages come from a small pool in
 * the image until the page allocator works.
 */
#include <asm/mmu.h>
#include <asm/layout.h>
#include <asm/page.h>
#include <asm/setup.h>
#include <asm/sysreg.h>
#include <wherry/bug.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/mm.h>
#include <wherry/spinlock.h>

/* Descriptors of the 4 KiB granule, stage 1 of EL2 (Arm ARM D8.3). */
#define PTE_VALID   BIT64(0)
#define PTE_TABLE   BIT64(1) /* table above level 3; page at level 3 */
#define PTE_ATTR(n) ((uint64_t)(n) << 2)
#define PTE_AP1     BIT64(6) /* RES1 at EL2 */
#define PTE_RO      BIT64(7)
#define PTE_SH_IN   (UINT64_C(3) << 8)
#define PTE_AF      BIT64(10)
#define PTE_XN      BIT64(54)
#define PTE_ADDR    UINT64_C(0x0000fffffffff000)

#define TABLE_ENTRIES 512
#define POOL_TABLES   64

typedef uint64_t pte_table_t[TABLE_ENTRIES];

extern pte_table_t boot_l0; /* head.S; the root for ever */

uint64_t image_paddr; /* where _start is; written once by head.S */

static pte_table_t pool[POOL_TABLES] __aligned(4096);
static unsigned int pool_used; /* boot CPU while it is alone */
static bool use_heap;          /* the same */

/* The tables, once there is more than one CPU; the heap's lock comes after it. */
static struct spinlock mmu_lock = SPINLOCK_INIT(LOCK_RANK_P2M, "mmu");
static uintptr_t ioremap_next = IOREMAP_VIRT; /* mmu_lock */

paddr_t arch_image_to_paddr(const void *va)
{
    return paddr((uint64_t)va - IMAGE_VIRT + image_paddr);
}

static uint64_t *table_at(uint64_t pte)
{
    uint64_t pa = pte & PTE_ADDR;

    if (pa - image_paddr < (uint64_t)(_end - _start))
        return (uint64_t *)(IMAGE_VIRT + (pa - image_paddr));
    return arch_paddr_to_virt(paddr(pa));
}

/* A zeroed table, as the descriptor that points to it; 0: none left. */
static uint64_t new_table(void)
{
    struct page *pg;

    if (pool_used < POOL_TABLES)
        return arch_image_to_paddr(&pool[pool_used++]).v | PTE_TABLE | PTE_VALID;
    pg = use_heap ? page_alloc_zeroed(0) : NULL;
    return pg != NULL ? mfn_to_paddr(page_to_mfn(pg)).v | PTE_TABLE | PTE_VALID : 0;
}

static uint64_t attr_bits(enum mmu_attr attr)
{
    const uint64_t normal = PTE_VALID | PTE_AP1 | PTE_AF | PTE_ATTR(0) | PTE_SH_IN;

    switch (attr) {
    case MMU_RX:
        return normal | PTE_RO;
    case MMU_RO:
        return normal | PTE_RO | PTE_XN;
    case MMU_RW:
        return normal | PTE_XN;
    case MMU_DEVICE:
        break;
    }
    return PTE_VALID | PTE_AP1 | PTE_AF | PTE_ATTR(1) | PTE_XN;
}

static unsigned int level_shift(unsigned int level)
{
    return 39 - 9 * level;
}

static uint64_t *entry_of(uint64_t *table, uintptr_t va, unsigned int level)
{
    return &table[(va >> level_shift(level)) % TABLE_ENTRIES];
}

/* The entry for va at `level`, making the tables above it; NULL: no memory or a block there. */
static uint64_t *walk_to(uintptr_t va, unsigned int level)
{
    uint64_t *table = boot_l0;

    for (unsigned int l = 0; l < level; l++) {
        uint64_t *entry = entry_of(table, va, l);
        uint64_t desc = *entry;

        if (!(desc & PTE_VALID)) {
            desc = new_table();
            if (desc == 0)
                return NULL;
            dsb_ishst(); /* the table is empty before a walk may follow the link */
            WRITE_ONCE(*entry, desc);
        } else if (!(desc & PTE_TABLE)) {
            return NULL;
        }
        table = table_at(desc);
    }
    return entry_of(table, va, level);
}

/* The largest level whose entry fits here. */
static unsigned int pick_level(uintptr_t va, uint64_t pa, uint64_t size, bool blocks)
{
    for (unsigned int level = 1; blocks && level < 3; level++) {
        uint64_t span = BIT64(level_shift(level));

        if (((va | pa) & (span - 1)) == 0 && size >= span)
            return level;
    }
    return 3;
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
        if (*entry & PTE_VALID)
            return -EEXIST;
        WRITE_ONCE(*entry, p | bits | (level == 3 ? PTE_TABLE : 0));
        va += span;
        p += span;
        size -= span;
    }
    dsb_ish(); /* the entries before the accesses that follow; no TLB caches an invalid one */
    isb();
    return 0;
}

static void flush_va(uintptr_t va)
{
    __asm__ volatile("tlbi vae2is, %0" : : "r"(va >> PAGE_SHIFT) : "memory");
}

void mmu_unmap(uintptr_t va, uint64_t size)
{
    for (uint64_t off = 0; off < size; off += PAGE_SIZE) {
        uint64_t *entry = walk_to(va + off, 3);

        BUG_ON(entry == NULL);
        WRITE_ONCE(*entry, 0);
    }
    dsb_ishst(); /* entries gone before the TLBs are told */
    for (uint64_t off = 0; off < size; off += PAGE_SIZE)
        flush_va(va + off);
    dsb_ish(); /* every CPU has forgotten them */
    isb();
}

/* With mmu_lock, or on the boot CPU before there are others (and before per-CPU data works). */
void *mmu_map_device(paddr_t pa, uint64_t size)
{
    uint64_t offset = pa.v & ~PAGE_MASK;
    uint64_t span = (offset + size + PAGE_SIZE - 1) & PAGE_MASK;
    uintptr_t va = ioremap_next;

    if (size == 0 || span < size || span > IOREMAP_VIRT + IOREMAP_SIZE - va)
        return NULL;
    if (mmu_map(va, paddr(pa.v - offset), span, MMU_DEVICE, false) != 0)
        return NULL;
    ioremap_next = va + span + PAGE_SIZE; /* an unmapped page between two devices */
    return (void *)(va + offset);
}

void *arch_ioremap(paddr_t pa, uint64_t size)
{
    void *va;

    spin_lock(&mmu_lock);
    va = mmu_map_device(pa, size);
    spin_unlock(&mmu_lock);
    return va;
}

/* Called by head.S on a temporary stack: the boot CPU's own moves to its guarded slot. */
void __init mmu_map_boot_stack(void)
{
    uintptr_t top = STACKS_VIRT + STACK_SLOT_SIZE;

    if (mmu_map(top - STACK_SIZE, arch_image_to_paddr(_boot_stack), STACK_SIZE, MMU_RW, false) != 0)
        for (;;)
            cpu_wfi();
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

void __init mmu_use_heap(void)
{
    use_heap = true;
}

/* The identity page of head.S: no CPU comes that way any more. */
void mmu_drop_identity(void)
{
    uintptr_t va = arch_image_to_paddr(_idmap_start).v & PAGE_MASK;
    uint64_t *l0 = entry_of(boot_l0, va, 0);

    WRITE_ONCE(*l0, 0);
    dsb_ishst(); /* the link is gone before the TLBs are told */
    __asm__ volatile("tlbi alle2is" : : : "memory");
    dsb_ish();
    isb();
}
