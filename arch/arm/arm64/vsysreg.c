/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers that a guest may not touch itself: feature registers show what works here,
 * debug and auxiliary control registers do what a kernel needs, the rest is undefined.
 */
#include <asm/guest.h>
#include <asm/sysreg.h>
#include <wherry/domain.h>
#include <wherry/init.h>
#include <wherry/printk.h>

/* The syndrome's encoding of a register: op0, op1, CRn, CRm, op2 (Arm ARM D17.2.37, EC 0x18). */
#define SYSREG(op0, op1, crn, crm, op2)                                            \
    (((uint32_t)(op0) << 20) | ((uint32_t)(op2) << 17) | ((uint32_t)(op1) << 14) | \
     ((uint32_t)(crn) << 10) | ((uint32_t)(crm) << 1))
#define SYSREG_MASK UINT32_C(0x3ffc1e)

#define ISS_READ     BIT(0)
#define ISS_RT(iss)  (((iss) >> 5) & 31)
#define ISS_CRM(iss) (((iss) >> 1) & 15)
#define ISS_CRN(iss) (((iss) >> 10) & 15)
#define ISS_OP1(iss) (((iss) >> 14) & 7)
#define ISS_OP2(iss) (((iss) >> 17) & 7)
#define ISS_OP0(iss) (((iss) >> 20) & 3)

#define ACTLR_EL1     SYSREG(3, 0, 1, 0, 1)
#define PMUSERENR_EL0 SYSREG(3, 3, 9, 14, 0)
#define MDCCINT_EL1   SYSREG(2, 0, 0, 2, 0)
#define MDSCR_EL1     SYSREG(2, 0, 0, 2, 2)
#define MDRAR_EL1     SYSREG(2, 0, 1, 0, 0)
#define OSLAR_EL1     SYSREG(2, 0, 1, 0, 4)
#define OSLSR_EL1     SYSREG(2, 0, 1, 1, 4)
#define OSDLR_EL1     SYSREG(2, 0, 1, 3, 4)
#define DBGPRCR_EL1   SYSREG(2, 0, 1, 4, 4)
#define MDCCSR_EL0    SYSREG(2, 3, 0, 1, 0)
#define DBGDTR_EL0    SYSREG(2, 3, 0, 4, 0)
#define DBGDTRX_EL0   SYSREG(2, 3, 0, 5, 0)

#define OSLSR_IMPLEMENTED BIT64(3) /* OS lock exists, and is open */

/* What a guest may set in MDSCR_EL1: single step, DCC access trap, kernel and monitor debug. */
#define MDSCR_GUEST (BIT64(0) | BIT64(12) | BIT64(13) | BIT64(15))

/* ID registers, op0 3, op1 0, CRn 0: [CRm - 1][op2]. Constant after vsysreg_init(). */
static uint64_t id_regs[7][8];

#define ID_PFR0      id_regs[0][0]
#define ID_PFR1      id_regs[0][1]
#define ID_DFR0      id_regs[0][2]
#define ID_PFR2      id_regs[2][4]
#define ID_AA64PFR0  id_regs[3][0]
#define ID_AA64PFR1  id_regs[3][1]
#define ID_AA64ZFR0  id_regs[3][4]
#define ID_AA64SMFR0 id_regs[3][5]
#define ID_AA64DFR0  id_regs[4][0]
#define ID_AA64DFR1  id_regs[4][1]
#define ID_AA64ISAR0 id_regs[5][0]
#define ID_AA64ISAR1 id_regs[5][1]
#define ID_AA64ISAR2 id_regs[5][2]
#define ID_AA64MMFR0 id_regs[6][0]
#define ID_AA64MMFR1 id_regs[6][1]
#define ID_AA64MMFR2 id_regs[6][2]

#define READ_ID(crm, op2) id_regs[(crm)-1][op2] = READ_SYSREG(S3_0_C0_C##crm##_##op2)
#define READ_ID_ROW(crm) \
    do {                 \
        READ_ID(crm, 0); \
        READ_ID(crm, 1); \
        READ_ID(crm, 2); \
        READ_ID(crm, 3); \
        READ_ID(crm, 4); \
        READ_ID(crm, 5); \
        READ_ID(crm, 6); \
        READ_ID(crm, 7); \
    } while (0)

/* Give the 4-bit field at `lsb` the value `to` if the host has more. */
static void limit_field(uint64_t *reg, unsigned int lsb, uint64_t to)
{
    uint64_t have = (*reg >> lsb) & 0xf;

    if (have > to)
        *reg = (*reg & ~(UINT64_C(0xf) << lsb)) | (to << lsb);
}

static void hide_field(uint64_t *reg, unsigned int lsb)
{
    *reg &= ~(UINT64_C(0xf) << lsb);
}

/* Each line: a feature that needs state or control which guests do not get. */
static void limit_processor_features(void)
{
    limit_field(&ID_AA64PFR0, 4, 1);  /* EL1: AArch64 only; EL0 as the host */
    hide_field(&ID_AA64PFR0, 8);      /* EL2 */
    hide_field(&ID_AA64PFR0, 12);     /* EL3 */
    hide_field(&ID_AA64PFR0, 28);     /* RAS: error records are the host's */
    hide_field(&ID_AA64PFR0, 32);     /* SVE */
    hide_field(&ID_AA64PFR0, 36);     /* Secure EL2 */
    hide_field(&ID_AA64PFR0, 40);     /* MPAM */
    hide_field(&ID_AA64PFR0, 44);     /* activity monitors */
    hide_field(&ID_AA64PFR0, 52);     /* RME */
    limit_field(&ID_AA64PFR0, 56, 1); /* CSV2_2: SCXTNUM is not switched */
    ID_AA64PFR1 &= 0xff;              /* BTI and SSBS; no MTE, SME, NMI, RNDR trap, CSV2_1p2 */
    ID_AA64ZFR0 = 0;
    ID_AA64SMFR0 = 0;
    hide_field(&ID_PFR0, 20); /* AMU */
    hide_field(&ID_PFR0, 28); /* RAS */
    hide_field(&ID_PFR1, 4);  /* Security */
    hide_field(&ID_PFR1, 12); /* Virtualization */
    hide_field(&ID_PFR1, 20); /* fractional security, virtualization */
    hide_field(&ID_PFR1, 24);
    hide_field(&ID_PFR2, 8); /* RAS */
}

static void limit_debug_features(void)
{
    /* Armv8 debug with the fewest breakpoints there can be (they do nothing), no trace, no PMU. */
    ID_AA64DFR0 = 6 | (UINT64_C(1) << 12) | (UINT64_C(1) << 20);
    ID_AA64DFR1 = 0;
    hide_field(&ID_DFR0, 12); /* trace */
    hide_field(&ID_DFR0, 16);
    hide_field(&ID_DFR0, 20); /* M profile */
    hide_field(&ID_DFR0, 24); /* PMU */
    hide_field(&ID_DFR0, 28); /* trace filter */
}

static void limit_isa_features(void)
{
    hide_field(&ID_AA64ISAR0, 24); /* TME */
    hide_field(&ID_AA64ISAR1, 4);  /* pointer authentication: keys are not switched */
    hide_field(&ID_AA64ISAR1, 8);
    hide_field(&ID_AA64ISAR1, 24);
    hide_field(&ID_AA64ISAR1, 28);
    hide_field(&ID_AA64ISAR1, 56); /* XS, LS64: enabled by HCRX_EL2 */
    hide_field(&ID_AA64ISAR1, 60);
    ID_AA64ISAR2 &= UINT64_C(0xf) << 4; /* RPRES */
}

/* The field value for the largest physical address: what stage 2 translates. */
static uint64_t parange(void)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48};
    uint64_t n = 0;

    while (n + 1 < ARRAY_SIZE(bits) && bits[n + 1] <= arch_p2m_bits())
        n++;
    return n;
}

static void limit_memory_features(void)
{
    limit_field(&ID_AA64MMFR0, 0, parange());
    hide_field(&ID_AA64MMFR0, 8); /* mixed endian: devices are accessed little endian */
    hide_field(&ID_AA64MMFR0, 16);
    ID_AA64MMFR0 &= ~(UINT64_C(0xfff) << 32);    /* stage-2 granules */
    hide_field(&ID_AA64MMFR0, 56);               /* fine-grained traps */
    hide_field(&ID_AA64MMFR0, 60);               /* enhanced counter */
    hide_field(&ID_AA64MMFR1, 4);                /* VMID width */
    hide_field(&ID_AA64MMFR1, 8);                /* VHE */
    hide_field(&ID_AA64MMFR1, 16);               /* LORegions */
    hide_field(&ID_AA64MMFR1, 28);               /* stage-2 execute never */
    hide_field(&ID_AA64MMFR1, 32);               /* delayed WFE trap */
    ID_AA64MMFR1 &= ~(UINT64_C(0xffffff) << 40); /* HCRX, AFP, nTLBPA, TIDCP1, CMOW */
    hide_field(&ID_AA64MMFR2, 24);               /* nested virtualization */
    hide_field(&ID_AA64MMFR2, 40);               /* stage-2 forced write-back */
    hide_field(&ID_AA64MMFR2, 56);               /* enhanced EL2 traps */
    for (unsigned int op2 = 3; op2 < 8; op2++)
        id_regs[6][op2] = 0;
}

static int vsysreg_init(void)
{
    READ_ID_ROW(1);
    READ_ID_ROW(2);
    READ_ID_ROW(3);
    READ_ID_ROW(4);
    READ_ID_ROW(5);
    READ_ID_ROW(6);
    READ_ID_ROW(7);
    limit_processor_features();
    limit_debug_features();
    limit_isa_features();
    limit_memory_features();
    return 0;
}
INIT_CALL(INIT_DRIVERS, vsysreg_init);

/* The system register interface of the GIC is there if the domain has a GICv3. */
static uint64_t read_id(const struct vcpu *v, unsigned int crm, unsigned int op2)
{
    uint64_t val = id_regs[crm - 1][op2];
    uint64_t gic = v->domain->arch.config.gic_version == 3 ? 1 : 0;

    if (crm == 4 && op2 == 0)
        val = (val & ~(UINT64_C(0xf) << 24)) | (gic << 24);
    else if (crm == 1 && op2 == 1)
        val = (val & ~(UINT64_C(0xf) << 28)) | (gic << 28);
    return val;
}

/* op0 2. Breakpoints and watchpoints exist but never match. */
static bool debug_reg(uint32_t reg, uint64_t *val, bool read)
{
    switch (reg) {
    case MDSCR_EL1:
        if (read)
            *val = READ_SYSREG(mdscr_el1) & MDSCR_GUEST;
        else
            WRITE_SYSREG(*val & MDSCR_GUEST, mdscr_el1);
        return true;
    case OSLSR_EL1:
        *val = OSLSR_IMPLEMENTED;
        return read;
    case OSLAR_EL1:
        return !read;
    case MDRAR_EL1:
    case MDCCSR_EL0:
        *val = 0;
        return read;
    case MDCCINT_EL1:
    case OSDLR_EL1:
    case DBGPRCR_EL1:
    case DBGDTR_EL0:
    case DBGDTRX_EL0:
        *val = 0;
        return true;
    default:
        /* DBGBVR, DBGBCR, DBGWVR, DBGWCR <n>: op1 0, CRn 0, op2 4 to 7, n in CRm. */
        *val = 0;
        return ISS_OP1(reg) == 0 && ISS_CRN(reg) == 0 && ISS_OP2(reg) >= 4;
    }
}

static bool other_reg(struct vcpu *v, uint32_t reg, uint64_t *val, bool read)
{
    if (ISS_OP0(reg) == 2)
        return debug_reg(reg, val, read);
    if (ISS_OP1(reg) == 0 && ISS_CRN(reg) == 0 && ISS_CRM(reg) >= 1 && ISS_CRM(reg) <= 7) {
        *val = read_id(v, ISS_CRM(reg), ISS_OP2(reg));
        return read;
    }
    if (reg == ACTLR_EL1 || reg == PMUSERENR_EL0) {
        *val = 0;
        return true;
    }
    return vtimer_sysreg(v, reg, val, read);
}

void trap_sysreg(struct vcpu *v, uint32_t iss)
{
    struct cpu_user_regs *regs = &v->arch.regs;
    uint32_t reg = iss & SYSREG_MASK;
    bool read = (iss & ISS_READ) != 0;
    uint64_t val = read ? 0 : regs_get(regs, ISS_RT(iss));
    bool ok = ISS_OP0(reg) == 3 && ISS_CRN(reg) == 12 ? vgic_sysreg(v, reg, &val, read)
                                                      : other_reg(v, reg, &val, read);

    if (unlikely(!ok)) {
        gprintk("system register %u,%u,%u,%u,%u refused, pc %lx\n", ISS_OP0(reg), ISS_OP1(reg),
                ISS_CRN(reg), ISS_CRM(reg), ISS_OP2(reg), (unsigned long)regs->elr);
        inject_undef(v);
        return;
    }
    if (read)
        regs_set(regs, ISS_RT(iss), val);
    regs_advance_pc(regs, 4);
}
