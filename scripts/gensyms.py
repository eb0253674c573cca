#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns `nm -n` output (stdin) into the assembly of the image's symbol table (stdout).

The table is what backtraces look names up in: offsets from _start, ascending, and one pool of names.
Called by scripts/link.sh; with empty input the table is empty, which is what the first link needs.
"""

import re
import sys


def read_symbols(lines):
    """Text symbols as sorted (offset, name) pairs; one name for each address."""
    addresses = {}
    start = None
    for line in lines:
        match = re.match(r"([0-9a-f]+) ([A-Za-z]) (\S+)$", line.strip())
        if not match:
            continue
        address, kind, name = int(match[1], 16), match[2], match[3]
        if name == "_start":
            start = address
        if kind not in "tTwW" or name.startswith(("$", ".L")):
            continue
        addresses.setdefault(address, name)
    if start is None:
        return []
    return sorted((a - start, n) for a, n in addresses.items() if a >= start)


def emit(symbols, out):
    out.write('\t.section .rodata.syms, "a"\n')
    out.write("\t.balign 4\n")
    pool, position, name_offsets = [], 0, []
    for _, name in symbols:
        pool.append(name)
        name_offsets.append(position)
        position += len(name) + 1

    def table(label, values, directive):
        out.write(f"\t.globl {label}\n{label}:\n")
        for value in values:
            out.write(f"\t{directive} {value}\n")

    table("wherry_syms_count", [len(symbols)], ".4byte")
    table("wherry_syms_offsets", [offset for offset, _ in symbols], ".4byte")
    table("wherry_syms_name_offsets", name_offsets, ".4byte")
    table("wherry_syms_names", [f'"{name}"' for name in pool], ".asciz")
    out.write('\t.section .note.GNU-stack, "", %progbits\n')


if __name__ == "__main__":
    emit(read_symbols(sys.stdin), sys.stdout)
