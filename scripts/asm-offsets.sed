# SPDX-License-Identifier: Apache-2.0
# Turns the `-> NAME value` lines that DEFINE() leaves in asm-offsets.s into #define lines.
1i /* Generated from asm-offsets.c. */
s/^.*->  *\([A-Za-z0-9_][A-Za-z0-9_]*\)  *[#$]*\(-\{0,1\}[0-9][0-9]*\).*$/#define \1 \2/p
