/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's words for devices that are passed through: rtc, hole. */
#include "probe.h"
#include "tree.h"

/* --- a device passed through: PL031 (ARM DDI 0224) --- */

#define RTC_DR   0x00
#define RTC_MR   0x04
#define RTC_IMSC 0x10
#define RTC_ICR  0x1c
#define RTC_ID   0xfe0

static uintptr_t rtc;
static volatile uint32_t rtc_irqs;

static void on_rtc(unsigned int irq, void *ctx)
{
    (void)irq;
    (void)ctx;
    mmio_write32(rtc + RTC_ICR, 1);
    rtc_irqs++;
}

/* Where the tree has the PL031 there may be nothing: the bus says so, many times. */
static void read_hole(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,pl031");
    struct trap_info t = {0};
    unsigned int trapped = 0;
    uint64_t addr, size;

    if (node < 0 || fdt_get_reg_root(&fdt, node, 0, &addr, &size) != 0)
        die("no PL031 in the tree");
    mmu_map(addr, size, MAP_DEVICE);
    for (unsigned int i = 0; i < 1000; i++) {
        expect_trap();
        if (i % 2 == 0)
            mmio_read32(addr);
        else
            mmio_write32(addr, i);
        mb();
        trapped += trap_taken(&t);
    }
    print("probe: %u aborts, class %x, at %lx", trapped, ESR_EC(t.esr), (unsigned long)t.far);
}

static void use_rtc(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,pl031");
    uint32_t len = 0, id = 0;
    uint64_t addr, size, end;
    const uint8_t *cells;
    unsigned int irq;

    if (node < 0 || fdt_get_reg_root(&fdt, node, 0, &addr, &size) != 0)
        die("no PL031 in the tree");
    cells = fdt_getprop(&fdt, node, "interrupts", &len);
    if (cells == NULL || len != 12)
        die("the PL031 has no interrupt");
    rtc = addr;
    irq = fdt_get32(cells + 4) + 32;
    mmu_map(addr, size, MAP_DEVICE);
    for (unsigned int i = 0; i < 4; i++)
        id |= (mmio_read32(rtc + RTC_ID + 4 * i) & 0xff) << 8 * i;
    print("probe: rtc at %lx id %08x time %u", (unsigned long)rtc, id, mmio_read32(rtc + RTC_DR));
    irq_set_handler(irq, on_rtc, NULL);
    irq_set_edge(irq, false);
    irq_set_target(irq, 0);
    irq_enable(irq);
    irqs_on();
    for (uint32_t n = 0; n < 2; n++) { /* twice: the first one's deactivation counts too */
        mmio_write32(rtc + RTC_MR, mmio_read32(rtc + RTC_DR) + 1);
        mmio_write32(rtc + RTC_IMSC, 1);
        end = counter() + 5 * counter_hz();
        while (rtc_irqs == n && counter() < end)
            yield_cpu();
    }
    delay_us(20000); /* a line that stays up would come again */
    irqs_off();
    print("probe: rtc interrupt %u came %u times", irq, rtc_irqs);
}

void probe_devices(void)
{
    if (bootarg_has("rtc"))
        use_rtc();
    if (bootarg_has("hole"))
        read_hole();
}
