# SPDX-License-Identifier: Apache-2.0
#
# Tools and flags of x86-64. Included by scripts/build.mk.

CROSS_COMPILE ?= x86_64-linux-gnu-
CLANG_TARGET := x86_64-linux-gnu
ARCH_CFLAGS := -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fcf-protection=none
ARCH_AFLAGS := -m64
ARCH_LDFLAGS := -m elf_x86_64
