/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain that says what it was given and does what words of its command line tell it, for the
 * tests of tests/system/test_domains.py. Answers are lines `probe: WHAT ...`.
 *
 *   serve=ID   be the device model of a domain: answer reads of the page at SERVED
 *   hold       with serve=: leave requests unanswered
 *   build=N    where the hypervisor makes no domains, make domain 1 from the module, with N vCPUs
 *   dmop=ID    try dm_op on a domain
 *   read       read the page at SERVED until somebody serves it
 *   rtc        use the PL031 of the device tree (arm64)
 *   echo       repeat lines of input; the line "end" ends it
 *   ms=N       wait N ms
 *   reset, crash, stay   how to end; powering off is the default
 */
#include "probe.h"

#define SERVED       0x02000000u
#define SERVED_VALUE 0x5ca1ab1eu

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
    char line[64];
    size_t n = 0;

    print("probe: listens");
    for (;;) {
        if (!read_char(console_uart, &line[n])) {
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
        reset_machine();
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
    print("probe: memory %u MiB", (unsigned int)(memory_size >> 20));
    start_others();
    if (bootarg_u64("build", 0) != 0)
        guest_provide(1, (unsigned int)bootarg_u64("build", 0));
    dom = bootarg_u64("dmop", DOMID_SELF);
    if (dom != DOMID_SELF)
        try_dm_op((domid_t)dom);
    dom = bootarg_u64("serve", DOMID_SELF);
    if (dom != DOMID_SELF)
        serve((domid_t)dom, bootarg_has("hold"));
    if (bootarg_has("read"))
        read_served();
    probe_devices();
    if (bootarg_has("echo"))
        echo();
    delay_us(1000 * bootarg_u64("ms", 0));
    print("probe: ends");
    end();
    return 0;
}
