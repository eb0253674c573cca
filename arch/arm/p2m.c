/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2 of Arm for common/p2m/: widths from the CPU's features, VMIDs, TLB invalidation
 * (include/wherry/p2m_tree.h).
 */
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/printk.h>

#define VTCR_RES1    BIT64(31)
#define VTCR_VS      BIT64(19)
#define VTCR_SH_IS   (UINT64_C(3) << 12)
#define VTCR_ORGN_WB (UINT64_C(1) << 10)
#define VTCR_IRGN_WB (UINT64_C(1) << 8)

/* Constant after p2m_probe(). */
static unsigned int ipa_bits, start_level, root_order, nr_vmids;
static uint64_t vtcr;

#define VMIDS 65536
/* Bit n: VMID n is taken. Atomic. VMID 0 stays unused. */
static uint64_t vmid_map[VMIDS / 64] = {1};

static int p2m_probe(void)
{
    static const uint8_t pa_bits[] = {32, 36, 40, 42, 44, 48, 48};
    uint64_t range = READ_SYSREG(id_aa64mmfr0_el1) & 0xf;
    bool vmid16 = ((READ_SYSREG(id_aa64mmfr1_el1) >> 4) & 0xf) == 2;

    if (range >= ARRAY_SIZE(pa_bits))
        range = ARRAY_SIZE(pa_bits) - 1;
    if (range == 6) /* 52 bits need a larger granule */
        range = 5;
    ipa_bits = pa_bits[range];
    /* Level 1 takes 39 bits, and up to 16 tables side by side there 4 more. */
    start_level = ipa_bits <= 43 ? 1 : 0;
    root_order = ipa_bits > 39 && start_level == 1 ? ipa_bits - 39 : 0;
    nr_vmids = vmid16 ? 65536 : 256;
    vtcr = VTCR_RES1 | (range << 16) | VTCR_SH_IS | VTCR_ORGN_WB | VTCR_IRGN_WB |
           ((uint64_t)(start_level == 1 ? 1 : 2) << 6) | (64 - ipa_bits);
    if (vmid16)
        vtcr |= VTCR_VS;
    printk("stage 2: %u-bit guest addresses, %u VMIDs\n", ipa_bits, nr_vmids);
    return 0;
}
INIT_CALL(INIT_CORE, p2m_probe);

unsigned int arch_p2m_bits(void)
{
    return ipa_bits;
}

uint64_t p2m_vtcr(void)
{
    return vtcr;
}

unsigned int arch_p2m_start_level(void)
{
    return start_level;
}

unsigned int arch_p2m_root_order(void)
{
    return root_order;
}

/* A free VMID, or 0. */
static unsigned int vmid_alloc(void)
{
    for (unsigned int w = 0; w < nr_vmids / 64; w++) {
        uint64_t old = __atomic_load_n(&vmid_map[w], __ATOMIC_RELAXED);

        while (~old != 0) {
            unsigned int bit = (unsigned int)__builtin_ctzll(~old);

            if (__atomic_compare_exchange_n(&vmid_map[w], &old, old | BIT64(bit), false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
                return w * 64 + bit;
        }
    }
    return 0;
}

static void vmid_free(unsigned int vmid)
{
    __atomic_fetch_and(&vmid_map[vmid / 64], ~BIT64(vmid % 64), __ATOMIC_ACQ_REL);
}

int arch_p2m_init(struct p2m *p)
{
    unsigned int vmid = vmid_alloc();

    if (vmid == 0)
        return -ENOSPC;
    p->arch.vttbr = ((uint64_t)vmid << 48) | mfn_to_paddr(page_to_mfn(p->root_page)).v;
    arch_p2m_flush(p);
    return 0;
}

void arch_p2m_destroy(struct p2m *p)
{
    vmid_free((unsigned int)(p->arch.vttbr >> 48));
}

void arch_p2m_flush(const struct p2m *p)
{
    uint64_t old = READ_SYSREG(vttbr_el2);

    dsb_ishst(); /* table writes before the invalidation */
    if (old != p->arch.vttbr) {
        WRITE_SYSREG(p->arch.vttbr, vttbr_el2);
        isb();
    }
    tlbi_vmalls12e1is();
    dsb_ish();
    isb();
    if (old != p->arch.vttbr) {
        WRITE_SYSREG(old, vttbr_el2);
        isb();
    }
}

void arch_p2m_describe(const struct p2m *p, char *text, size_t size)
{
    snprintf(text, size, "VMID %u", (unsigned int)(p->arch.vttbr >> 48));
}
