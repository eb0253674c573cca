/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain that says what it was given and does what words of its command line tell it, for the
 * tests of tests/system/test_domains.py. Answers are lines `probe: WHAT ...`.
 *
 *   serve=ID   be the device model of a domain: answer reads of the page at SERVED
 *   hold       with serve=: leave requests unanswered
 *   dmop=ID    try dm_op on a domain
 *   read       read the page at SERVED until somebody serves it
 *   rtc        use the PL031 of the device tree
 *   echo       repeat lines of input; the line "end" ends it
 *   ms=N       wait N ms
 *   reset, crash, stay   how to end; powering off is the default
 */
#include "payload.h"

#define SERVED       0x02000000u
#define SERVED_VALUE 0x5ca1ab1eu

static void say_memory(void)
{
    uint64_t base, size, sum = 0;
    int node;

    fdt_for_each_subnode (&fdt, node, 0) {
        const char *type = fdt_prop_string(&fdt, node, "device_type");

        if (type != NULL && strcmp(type, "memory") == 0 &&
            fdt_get_reg(&fdt, node, 0, &base, &size) == 0)
            sum += size;
    }
    print("probe: memory %u MiB", (unsigned int)(sum >> 20));
}

static volatile uint32_t others;

static void count_me(void *arg_)
{
    (void)arg_;
    __atomic_fetch_add(&others, 1, __ATOMIC_RELAXED);
}

static void start_others(void)
{
    uint64_t end = counter() + 5 * counter_hz();

    for (unsigned int i = 1; i < nr_cpus; i++)
        if (cpu_start(i, count_me, NULL) != 0)
            print("probe: vCPU %u does not start", i);
    while (others + 1 < nr_cpus && counter() < end)
        yield_cpu();
    print("probe: ran %u of %u vCPUs", others + 1, nr_cpus);
}

/* --- device models --- */

static void serve(domid_t dom, bool hold)
{
    static struct dm_server s;
    evtchn_port_t ports[MAX_CPUS];
    struct ioreq r;
    long rc;

    if (events_init() != 0)
        die("no events");
    rc = dm_server_open(&s, dom);
    if (rc == 0)
        rc = dm_map(dom, s.id, SERVED, SERVED + PAGE_SIZE - 1);
    print("probe: serves d%u: %ld", dom, rc);
    for (unsigned int v = 0; v < s.vcpus; v++)
        ports[v] = s.port[v];
    for (bool done = rc != 0; !done;) {
        events_poll(ports, s.vcpus, 0);
        for (unsigned int v = 0; v < s.vcpus; v++) {
            event_take(ports[v]);
            if (!dm_take(&s, v, &r))
                continue;
            print("probe: request of vCPU %u at %lx", v, (unsigned long)r.addr);
            if (!hold)
                dm_answer(&s, v, SERVED_VALUE);
            done = true;
        }
    }
}

static void read_served(void)
{
    struct trap_info t;
    uint32_t v;

    mmu_map(SERVED, PAGE_SIZE, MAP_DEVICE);
    do {
        yield_cpu();
        expect_trap();
        v = mmio_read32(SERVED);
    } while (trap_taken(&t));
    print("probe: read %x", v);
}

static void try_dm_op(domid_t dom)
{
    unsigned int n;
    ioservid_t id;

    print("probe: dm_op on d%u: nr_vcpus %ld, create %ld", dom, dm_nr_vcpus(dom, &n),
          dm_create(dom, &id));
}

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

/* --- console input --- */

#define UARTDR  0x00
#define UARTFR  0x18
#define FR_RXFE 0x10

static bool read_char(uintptr_t uart, char *c)
{
    if (uart == 0)
        return console_io(CONSOLEIO_read, 1, c) == 1;
    if (mmio_read32(uart + UARTFR) & FR_RXFE)
        return false;
    *c = (char)mmio_read32(uart + UARTDR);
    return true;
}

static void echo(void)
{
    int node = fdt_find_compatible(&fdt, -1, "arm,sbsa-uart");
    uint64_t uart = 0, size;
    char line[64];
    size_t n = 0;

    if (node >= 0)
        fdt_get_reg_root(&fdt, node, 0, &uart, &size);
    print("probe: listens");
    for (;;) {
        if (!read_char(uart, &line[n])) {
            yield_cpu();
        } else if (line[n] == '\n') {
            line[n] = '\0';
            print("probe: heard %s", line);
            if (strcmp(line, "end") == 0)
                return;
            n = 0;
        } else if (n < sizeof(line) - 1) {
            n++;
        }
    }
}

/* --- the end --- */

static void end(void)
{
    if (bootarg_has("stay"))
        for (;;)
            wfi();
    if (bootarg_has("reset"))
        psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    if (bootarg_has("crash")) {
        struct sched_shutdown op = {.reason = SHUTDOWN_crash};

        sched_op(SCHEDOP_shutdown, &op);
    }
}

int main(void)
{
    uint64_t dom;

    print("probe: loaded at %lx, hypervisor %u, initrd %lu bytes", (unsigned long)(uintptr_t)_head,
          under_hypervisor, (unsigned long)initrd_size);
    say_memory();
    start_others();
    dom = bootarg_u64("dmop", DOMID_SELF);
    if (dom != DOMID_SELF)
        try_dm_op((domid_t)dom);
    dom = bootarg_u64("serve", DOMID_SELF);
    if (dom != DOMID_SELF)
        serve((domid_t)dom, bootarg_has("hold"));
    if (bootarg_has("read"))
        read_served();
    if (bootarg_has("rtc"))
        use_rtc();
    if (bootarg_has("hole"))
        read_hole();
    if (bootarg_has("echo"))
        echo();
    delay_us(1000 * bootarg_u64("ms", 0));
    print("probe: ends");
    end();
    return 0;
}
