/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of `make ARCH=x86_64 run`: a small program on a PC that dm-pc makes. It says each step
 * on its UART: read the whole disk, write every fourth sector, read all of it back.
 */
#include "disk.h"
#include "payload.h"
#include "pc.h"

#define CHUNK 16u /* sectors at once */

/* Registers of the UART. */
#define THR 0
#define FCR 2
#define LCR 3
#define LSR 5

static uint8_t buffer[CHUNK * PC_SECTOR] __attribute__((aligned(4096)));
static volatile unsigned int second_reads;

/* The device model may come up later than this: a PC without a UART reads all ones. */
static void uart_open(void)
{
    while (in8(PC_UART_PORT + LSR) == 0xff)
        yield_cpu();
    out8(PC_UART_PORT + LCR, 0x80);
    out8(PC_UART_PORT + 0, 1); /* 115200 baud */
    out8(PC_UART_PORT + 1, 0);
    out8(PC_UART_PORT + LCR, 3);
    out8(PC_UART_PORT + FCR, 7);
}

static void out_string(uint16_t port, const char *s, size_t n)
{
    __asm__ volatile("rep outsb" : "+S"(s), "+c"(n) : "d"(port) : "memory");
}

/* One line: byte by byte, looking whether there is room, or as one string of the processor's. */
static void say(bool string, const char *fmt, ...)
{
    char line[128];
    va_list args;
    size_t n;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line) - 1, fmt, args);
    va_end(args);
    n = strlen(line);
    line[n++] = '\n';
    if (string) {
        out_string(PC_UART_PORT + THR, line, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        while (!(in8(PC_UART_PORT + LSR) & 0x20))
            cpu_relax();
        out8(PC_UART_PORT + THR, (uint8_t)line[i]);
    }
}

static void step(bool ok, const char *name, uint64_t detail)
{
    say(false, "STEP %s %s %llx", name, ok ? "ok" : "FAIL", (unsigned long long)detail);
    if (!ok)
        power_off();
}

/* Meanwhile, on the other vCPU: the disk's size again and again. */
static void second(void *arg_)
{
    uint64_t sectors = *(const uint64_t *)arg_;

    for (unsigned int i = 0; i < 500; i++)
        second_reads += disk_sectors() == sectors;
}

static bool read_all(uint64_t sectors, uint64_t *hash)
{
    *hash = PC_HASH_START;
    for (uint64_t s = 0; s < sectors; s += CHUNK) {
        if (!disk_read(s, buffer, CHUNK))
            return false;
        *hash = pc_hash(*hash, buffer, sizeof(buffer));
    }
    return true;
}

static bool write_some(uint64_t sectors, uint64_t token)
{
    for (uint64_t s = 0; s < sectors; s += 4) {
        for (unsigned int i = 0; i < PC_SECTOR; i++)
            buffer[i] = pc_byte(token, s, i);
        if (!disk_write(s, buffer, 1))
            return false;
    }
    return disk_flush();
}

int main(void)
{
    uint64_t sectors, hash;
    uint64_t end = counter() + PATIENCE * counter_hz();
    const char *wrong;
    bool ok;

    uart_open();
    say(true, "Hello, this is a guest of %u vCPUs and %llu MiB, by REP OUTSB.", nr_cpus,
        (unsigned long long)(memory_size >> 20));
    wrong = disk_open();
    if (wrong != NULL)
        say(false, "%s", wrong);
    step(wrong == NULL, "disk", 0);
    sectors = disk_sectors();
    irqs_on();
    step(cpu_start(1, second, &sectors) == 0, "second", 1);
    ok = read_all(sectors, &hash);
    step(ok, "read", hash);
    step(write_some(sectors, bootarg_u64("token", 0)), "write", sectors / 4);
    ok = read_all(sectors, &hash);
    step(ok, "readback", hash);
    while (!cpu_is_off(1) && counter() < end)
        yield_cpu();
    step(second_reads == 500, "meanwhile", second_reads);
    step(disk_interrupts() != 0, "interrupts", disk_interrupts());
    step(true, "finish", 0);
    return 0;
}
