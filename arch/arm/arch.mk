# SPDX-License-Identifier: Apache-2.0
#
# Tools and flags of the Arm architectures. Included by scripts/build.mk.

ifeq ($(ARCH),arm64)
CROSS_COMPILE ?= aarch64-linux-gnu-
CLANG_TARGET := aarch64-linux-gnu
ARCH_CFLAGS := -march=armv8-a -mgeneral-regs-only -mstrict-align -mno-outline-atomics
ARCH_AFLAGS := -march=armv8-a
ARCH_LDFLAGS := -m aarch64elf
endif
