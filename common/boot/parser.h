/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the parser of the boot tree share. */
#ifndef WHERRY_BOOT_PARSER_H
#define WHERRY_BOOT_PARSER_H

#include <wherry/boot.h>

struct boot_parser {
    const struct fdt *fdt;
    boot_log_fn log;
    void *ctx;
};

/* One line about a property of a node; path and property always named. */
void boot_report(const struct boot_parser *p, int node, const char *property, const char *what);

/* *args keeps what it is if there is no such property. False: malformed, and reported. */
bool boot_parse_args(const struct boot_parser *p, int node, const char *property,
                     const char **args);

/* The module nodes directly below `node`. False: one was malformed, and reported. */
bool boot_parse_modules(const struct boot_parser *p, int node, struct domain_config *c);

#endif
