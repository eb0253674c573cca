/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of a payload: a PL011 if platform_init() found one, else the console hypercall, which Xen
 * gives to its control domain only; others have a port for debugging there.
 */
#include "payload.h"

#define LINE 256

#define UARTDR  0x00
#define UARTFR  0x18
#define FR_TXFF 0x20

const char *bootargs = "";
uint64_t initrd_base, initrd_size, memory_size;
bool under_hypervisor;
uintptr_t console_uart;
static volatile uint32_t lock; /* guards the console: one line at a time */

static void lock_console(void)
{
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0)
        yield_cpu();
}

static void unlock_console(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void put(char c)
{
    while (mmio_read32(console_uart + UARTFR) & FR_TXFF)
        yield_cpu();
    mmio_write32(console_uart + UARTDR, (uint8_t)c);
}

void console_write(const char *s, size_t n)
{
    lock_console();
    if (console_uart == 0) {
        if (console_io(CONSOLEIO_write, (unsigned int)n, s) == -XEN_EPERM)
            debug_write(s, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            if (s[i] == '\n')
                put('\r');
            put(s[i]);
        }
    }
    unlock_console();
}

static void vprint(const char *prefix, const char *fmt, va_list args)
{
    char line[LINE];
    size_t n = str_copy(line, prefix, sizeof(line));

    vsnprintf(line + n, sizeof(line) - n - 1, fmt, args);
    n = strlen(line);
    line[n++] = '\n';
    console_write(line, n);
}

void print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprint("", fmt, args);
    va_end(args);
}

void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprint("Bail out! ", fmt, args);
    va_end(args);
    power_off();
}

static const char *find_arg(const char *name, size_t n)
{
    const char *s = bootargs;

    while (*s != '\0') {
        if (strncmp(s, name, n) == 0)
            return s + n;
        while (*s != '\0' && *s != ' ')
            s++;
        while (*s == ' ')
            s++;
    }
    return NULL;
}

uint64_t bootarg_u64(const char *name, uint64_t def)
{
    size_t n = strlen(name);
    const char *s = find_arg(name, n);
    uint64_t v = 0;

    if (s == NULL || *s++ != '=')
        return def;
    for (; *s >= '0' && *s <= '9'; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    return v;
}

bool bootarg_lists(const char *name, uint64_t number)
{
    const char *s = find_arg(name, strlen(name));

    while (s != NULL && (*s == '=' || *s == ':')) {
        uint64_t v = 0;

        for (s++; *s >= '0' && *s <= '9'; s++)
            v = v * 10 + (uint64_t)(*s - '0');
        if (v == number)
            return true;
    }
    return false;
}

bool bootarg_has(const char *word)
{
    const char *s = find_arg(word, strlen(word));

    return s != NULL && (*s == '\0' || *s == ' ');
}
