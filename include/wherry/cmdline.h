/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's command line: "name" or "name=value", separated by blanks. One line registers a
 * parameter (section .cmdline_params); an unknown one is reported and ignored.
 */
#ifndef WHERRY_CMDLINE_H
#define WHERRY_CMDLINE_H

#include <wherry/types.h>

struct cmdline_param {
    const char *name;
    int (*fn)(const char *value); /* "" when there is none; 0 or -errno (reported, not fatal) */
};

/* `id` makes the C name; fn runs once at INIT_EARLY for each occurrence, console up. */
#define CMDLINE_PARAM(id, name_, fn_)                                                        \
    static const struct cmdline_param cmdline_param_##id __used __section(".cmdline_params") \
        __aligned(8) = {.name = (name_), .fn = (fn_)}

extern const struct cmdline_param __cmdline_params_start[], __cmdline_params_end[];

/* The whole line as the boot loader gave it; "" if there is none. */
const char *cmdline_text(void);

/* Parse a whole line. Also for tests. */
void cmdline_parse(const char *line);

#endif
