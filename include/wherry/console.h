/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial console, shared: the hypervisor's log and each domain's output with its prefix;
 * input goes to one domain (or the hypervisor's debug keys), switched by a key (Ctrl-A three times,
 * as on Xen).
 */
#ifndef WHERRY_CONSOLE_H
#define WHERRY_CONSOLE_H

#include <wherry/types.h>

struct domain;

/* A serial driver: polled output always works, input comes by interrupt after INIT_DRIVERS. */
struct serial_ops {
    void (*putc)(char c);
    int (*getc)(void);                  /* -1: nothing */
    int (*enable_rx)(void (*rx)(void)); /* 0/-errno; rx runs in interrupt context */
};

/* Drivers call this from their probe (INIT_EARLY); the first stays. */
void console_set_serial(const struct serial_ops *ops);

/* Hypervisor text, whole lines; takes the console lock. */
void console_write(const char *s, size_t n);
/* Panic path: no lock. */
void console_write_force(const char *s, size_t n);
/* From now on console_write() takes no lock either. */
void console_start_panic(void);

int console_init_domain(struct domain *d);
void console_destroy_domain(struct domain *d);
/* A guest's output; split into lines, each prefixed "(d1) ". Bounded by n. */
void console_guest_write(struct domain *d, const char *s, size_t n);
/* Take up to n characters of input meant for d; returns how many. */
size_t console_guest_read(struct domain *d, char *s, size_t n);
/* Called when input for d arrives (vpl011); registered at build time; control: VIRQ_CONSOLE. */
void console_set_input_hook(struct domain *d, void (*fn)(struct domain *d));

/* console_io hypercall. */
long do_console_io(int cmd, uint32_t count, uint64_t buffer);

/* Debug keys: one line registers one (section .debug_keys). */
struct debug_key {
    void (*fn)(void);
    const char *help;
    char key;
};

#define DEBUG_KEY(key_, fn_, help_)                                               \
    static const struct debug_key debug_key_##fn_ __used __section(".debug_keys") \
        __aligned(8) = {.fn = (fn_), .help = (help_), .key = (key_)}

/* Run what is registered for a key. */
void debugkey_run(char key);

#endif
