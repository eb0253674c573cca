/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines that the device model drives (op 19). */
#include "suite.h"

#define SPI 45

static void setup(struct box *b, bool edge, bool enable, unsigned int limit)
{
    b->a0 = SPI;
    b->a1 = edge;
    b->a2 = enable;
    b->a3 = limit;
    box_run(b, G_IRQ_SETUP);
}

/* How often it came, when that is `want` or after a long wait; *pending: is it pending. */
static unsigned int count(struct box *b, unsigned int want, bool *pending)
{
    uint64_t end = counter() + PATIENCE * counter_hz();

    do {
        events_poll(NULL, 0, now_ns() + 3000000); /* also for what should not come */
        b->a0 = SPI;
        box_run(b, G_IRQ_COUNT);
    } while (b->result != want && counter() < end);
    *pending = b->a1 != 0;
    return (unsigned int)b->result;
}

static void level(struct box *b)
{
    unsigned int n;
    bool pending;

    setup(b, false, true, 5);
    tap_eq(count(b, 0, &pending), 0, "a low line does not interrupt");
    tap_eq(dm_set_irq(GUEST, SPI, 1), 0, "level: raise");
    tap_eq(count(b, 5, &pending), 5, "it interrupts again and again while it is high");
    tap(pending, "and stays pending when the guest has disabled it");
    tap_eq(dm_set_irq(GUEST, SPI, 1), 0, "level: raise again");
    tap_eq(dm_set_irq(GUEST, SPI, 0), 0, "level: lower");
    count(b, 5, &pending);
    tap(!pending, "lowered, it is pending no more");
    setup(b, false, true, 1000000);
    tap_eq(count(b, 0, &pending), 0, "and does not interrupt");
    dm_set_irq(GUEST, SPI, 1);
    dm_set_irq(GUEST, SPI, 0);
    box_run(b, G_IRQ_COUNT); /* the guest has been through here: whatever came has been taken */
    n = (unsigned int)b->result;
    tap_eq(count(b, n, &pending), n, "a short pulse leaves nothing behind");
    tap(!pending, "and is not pending");
    setup(b, false, false, 1);
    dm_set_irq(GUEST, SPI, 1);
    tap(count(b, 0, &pending) == 0 && pending,
        "xsa-223: while the guest has it disabled, it pends");
    setup(b, false, true, 1);
    tap_eq(count(b, 1, &pending), 1, "xsa-223: and comes when the guest enables it");
    dm_set_irq(GUEST, SPI, 0);
}

static void edge(struct box *b)
{
    bool pending;

    setup(b, true, true, 5);
    dm_set_irq(GUEST, SPI, 1);
    tap_eq(count(b, 1, &pending), 1, "edge: one interrupt for one rise");
    dm_set_irq(GUEST, SPI, 1);
    tap_eq(count(b, 1, &pending), 1, "edge: high stays high");
    dm_set_irq(GUEST, SPI, 0);
    tap_eq(count(b, 1, &pending), 1, "edge: none for the fall");
    dm_set_irq(GUEST, SPI, 1);
    tap_eq(count(b, 2, &pending), 2, "edge: one for the next rise");
    dm_set_irq(GUEST, SPI, 0);
    setup(b, false, false, 1);
}

void test_interrupts(void)
{
    struct box *b = box_of(GUEST, 0);

    level(b);
    edge(b);
}
