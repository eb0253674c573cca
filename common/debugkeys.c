/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug keys: what the hypervisor does for a character while it has the console's input.
 * console.c calls debugkey_run(); each key registers itself where it is served.
 */
#include <wherry/console.h>
#include <wherry/machine.h>
#include <wherry/printk.h>

extern const struct debug_key __debug_keys_start[], __debug_keys_end[];

void debugkey_run(char key)
{
    for (const struct debug_key *k = __debug_keys_start; k < __debug_keys_end; k++) {
        if (k->key == key) {
            printk("'%c': %s\n", key, k->help);
            k->fn();
            return;
        }
    }
    if (key > ' ' && key < 0x7f)
        printk("'%c': no such key, 'h' for help\n", key);
}

static void help(void)
{
    for (const struct debug_key *k = __debug_keys_start; k < __debug_keys_end; k++)
        printk(" %c  %s\n", k->key, k->help);
}
DEBUG_KEY('h', help, "show this help");

DEBUG_KEY('R', machine_restart, "restart the machine");
