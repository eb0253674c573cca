/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor as a guest sees it on arm64: what the ID registers offer works, what they do not
 * offer is undefined; the physical timer; 32-bit programs.
 */
#include "suite.h"

#define PHYS_TIMER_IRQ 30

/*
 * A register of a feature that is not offered is undefined. SVE's may be caught first by the
 * guest's own CPACR_EL1, whose field the hypervisor does not see.
 */
#define ESR_EC_SVE 0x19

#define ABSENT(reg, what)                                                          \
    do {                                                                           \
        struct trap_info t_;                                                       \
        expect_trap();                                                             \
        (void)SYSREG_READ(reg);                                                    \
        tap(trap_taken(&t_) && (t_.esr == ESR_IL || ESR_EC(t_.esr) == ESR_EC_SVE), \
            what " is not offered, and its registers undefined");                  \
    } while (0)

static unsigned int field(uint64_t reg, unsigned int lsb)
{
    return (unsigned int)(reg >> lsb) & 0xf;
}

static void hidden_features(void)
{
    uint64_t pfr0 = SYSREG_READ("id_aa64pfr0_el1");
    uint64_t isar1 = SYSREG_READ("id_aa64isar1_el1");
    uint64_t dfr0 = SYSREG_READ("id_aa64dfr0_el1");

    tap_eq(field(pfr0, 8), 0, "no EL2");
    tap_eq(field(pfr0, 4), 1, "EL1 is AArch64");
    tap_eq(field(pfr0, 24), gic.version == 3, "the GIC's registers are as the tree says");
    tap_eq(field(dfr0, 0), 6, "Armv8 debug");
    tap_eq((int64_t)(SYSREG_READ("S3_0_C0_C7_7")), 0, "a reserved ID register reads as zero");
    if (field(pfr0, 32) == 0)
        ABSENT("S3_0_C1_C2_0", "SVE"); /* ZCR_EL1 */
    if ((isar1 & 0xff000ff0) == 0)
        ABSENT("S3_0_C2_C1_0", "pointer authentication"); /* APIAKeyLo_EL1 */
    if (field(dfr0, 8) == 0)
        ABSENT("pmccntr_el0", "the PMU");
    if (field(pfr0, 44) == 0)
        ABSENT("S3_3_C13_C2_0", "the activity monitor"); /* AMCR_EL0 */
    if (field(pfr0, 28) == 0)
        ABSENT("S3_0_C5_C3_0", "RAS"); /* ERRIDR_EL1 */
    if (field(SYSREG_READ("id_aa64mmfr1_el1"), 16) == 0)
        ABSENT("S3_0_C10_C4_3", "LORegions"); /* LORC_EL1 */
    ABSENT("S3_0_C15_C0_0", "an implementation's register");
}

static void debug_registers(void)
{
    tap_eq((int64_t)SYSREG_READ("oslsr_el1"), 8, "the OS lock exists and is open");
    SYSREG_WRITE("dbgbvr0_el1", 0x1000);
    SYSREG_WRITE("dbgbcr0_el1", 0);
    SYSREG_WRITE("osdlr_el1", 0);
    SYSREG_WRITE("mdscr_el1", UINT64_C(1) << 12);
    tap_eq((int64_t)SYSREG_READ("mdscr_el1"), 1 << 12, "MDSCR_EL1 keeps what is written");
    SYSREG_WRITE("mdscr_el1", 0);
    tap_eq((int64_t)SYSREG_READ("actlr_el1"), 0, "ACTLR_EL1 is zero");
}

static volatile unsigned int fired;

static void on_phys_timer(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    if (++fired >= 3)
        SYSREG_WRITE("cntp_ctl_el0", 2); /* not enabled, masked */
}

static void physical_timer(void)
{
    uint64_t hz = counter_hz();
    uint64_t end;

    SYSREG_WRITE("cntp_ctl_el0", 0);
    SYSREG_WRITE("cntp_cval_el0", UINT64_C(0x123456789abcdef0));
    tap_eq((int64_t)SYSREG_READ("cntp_cval_el0"), 0x123456789abcdef0, "CNTP_CVAL keeps its value");
    SYSREG_WRITE("cntp_tval_el0", 0x7000000);
    tap(SYSREG_READ("cntp_tval_el0") <= 0x7000000, "CNTP_TVAL counts down");
    SYSREG_WRITE("cntp_ctl_el0", 3);
    tap_eq((int64_t)SYSREG_READ("cntp_ctl_el0"), 3, "not yet expired");
    SYSREG_WRITE("cntp_cval_el0", 0);
    tap_eq((int64_t)SYSREG_READ("cntp_ctl_el0"), 7, "expired, masked");
    SYSREG_WRITE("cntp_ctl_el0", 0);
    fired = 0;
    irq_set_handler(PHYS_TIMER_IRQ, on_phys_timer, NULL);
    irq_enable(PHYS_TIMER_IRQ);
    irqs_on();
    SYSREG_WRITE("cntp_tval_el0", hz / 1000);
    SYSREG_WRITE("cntp_ctl_el0", 1);
    end = counter() + hz;
    while (fired < 3 && counter() < end)
        events_poll(NULL, 0, now_ns() + 100000);
    tap_eq(fired, 3, "the physical timer interrupts until it is stopped");
    delay_us(500);
    tap_eq(fired, 3, "and not longer");
    irqs_off();
    irq_disable(PHYS_TIMER_IRQ);
}

/* What came back from AArch32 EL0, in a32.S. */
struct a32_result {
    uint64_t r0, esr, far, elr, vector;
};
void a32_run(const void *code, uint64_t r1, uint64_t r2, struct a32_result *result);
extern const char a32_load[], a32_cp15[];

static void programs_of_32_bits(void)
{
    struct a32_result r;

    if (field(SYSREG_READ("id_aa64pfr0_el1"), 0) != 2)
        return;
    a32_run(a32_load, 0x10000000, 0, &r);
    tap_eq((int64_t)r.vector, 0x600, "xsa-102: AArch32 EL0, an unclaimed load goes to its vector");
    tap_eq(ESR_EC(r.esr), 0x24, "xsa-102: AArch32 EL0, as an abort of a lower EL");
    tap_eq((int64_t)r.far, 0x10000000, "xsa-102: AArch32 EL0, with its address");
    tap_eq((int64_t)(r.elr - arg(a32_load)), 0, "xsa-102: AArch32 EL0, at the instruction");
    a32_run(a32_cp15, 0, 0, &r);
    tap(r.vector == 0x600 && ESR_EC(r.esr) == ESR_EC_UNKNOWN,
        "AArch32 EL0: an implementation's coprocessor register is undefined");
}

void test_features(void)
{
    hidden_features();
    debug_registers();
    physical_timer();
    programs_of_32_bits();
}

const char arch_capabilities[] = "xen-3.0-aarch64";

void arch_test_callback(void)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = 1};

    tap_eq(hvm_op(HVMOP_get_param, &p), 0, "hvm: get a parameter");
    tap((p.value >> 56) == HVM_PARAM_CALLBACK_TYPE_PPI && (p.value & 0xff) == evtchn_irq,
        "hvm: the callback is the interrupt of /hypervisor (%#llx)", (unsigned long long)p.value);
    tap_eq(hvm_op(HVMOP_set_param, &p), -XEN_EPERM, "hvm: a guest does not set its own");
}
