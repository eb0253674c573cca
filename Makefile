# SPDX-License-Identifier: Apache-2.0
#
# Builds Wherry. `make help` lists the targets.
#
# One make process builds the whole image: each directory's own Makefile lists its objects in obj-y (files end
# in .o, subdirectories in /), and scripts/objects.mk gathers them. Compiler and flags of an architecture are
# in arch/*/arch.mk.

VERSION := 0.1.0

.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ARCH ?= arm64
srcarch-arm64  := arm
srcarch-arm32  := arm
srcarch-x86_64 := x86
SRCARCH := $(srcarch-$(ARCH))
ifeq ($(SRCARCH),)
$(error ARCH=$(ARCH) is unknown: use one of arm64, arm32, x86_64)
endif
ifeq ($(wildcard arch/$(SRCARCH)/configs/$(ARCH)_defconfig),)
$(error ARCH=$(ARCH) is not supported by this tree yet)
endif

LLVM ?=
O ?= build/$(ARCH)$(if $(filter-out 0,$(LLVM)),-llvm)
override O := $(patsubst %/,%,$(O))

# `make V=1` shows the commands.
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = @printf '  %-8s%s\n' '$(1)' '$(2)'

# The Python that has kconfiglib (Debian's own, where another one comes first in PATH).
PYTHON ?= $(firstword $(foreach p,python3 /usr/bin/python3,$(shell $(p) -c 'import kconfiglib' 2>/dev/null && echo $(p))) \
	$(wildcard /usr/bin/python3) python3)

#
# Configuration (Kconfig)
#
export KCONFIG_CONFIG := $(O)/.config
export ARCH SRCARCH
AUTOCONF_MK := $(O)/include/config/auto.conf
AUTOCONF_H := $(O)/include/generated/autoconf.h
DEFCONFIG := arch/$(SRCARCH)/configs/$(ARCH)_defconfig
KCONFIGS := Kconfig arch/$(SRCARCH)/Kconfig common/Kconfig common/ioreq/Kconfig

config-targets := defconfig menuconfig oldconfig savedefconfig
aux-targets := help clean distclean setup run shell check check-format check-spdx check-docs check-rules check-security check-cppcheck unit unit-threads growth fuzz fuzz-check fuzz-coverage model layout payloads guest bench format qemu-%
noconf-goals := $(filter $(config-targets) $(aux-targets),$(MAKECMDGOALS))
build-goals := $(filter-out $(noconf-goals),$(or $(MAKECMDGOALS),all))

.PHONY: $(config-targets)
defconfig:
	@mkdir -p $(O)
	$(Q)$(PYTHON) -m defconfig --kconfig Kconfig $(DEFCONFIG)
	$(if $(SET),$(Q)$(PYTHON) -m setconfig --kconfig Kconfig $(SET))

menuconfig oldconfig:
	@mkdir -p $(O)
	$(Q)$(PYTHON) -m $@ Kconfig

savedefconfig:
	$(Q)$(PYTHON) -m savedefconfig --kconfig Kconfig --out $(O)/defconfig
	@echo "written to $(O)/defconfig (the tree's own is $(DEFCONFIG))"

$(O)/.config:
	@mkdir -p $(O)
	$(Q)$(PYTHON) -m defconfig --kconfig Kconfig $(DEFCONFIG)

$(AUTOCONF_MK): $(O)/.config $(KCONFIGS)
	@mkdir -p $(dir $(AUTOCONF_MK)) $(dir $(AUTOCONF_H))
	$(Q)$(PYTHON) -m genconfig --header-path $(AUTOCONF_H) --config-out $@ Kconfig >/dev/null
	@touch $@

#
# The image
#
.PHONY: all image
all: $(O)/wherry.img

image: $(O)/wherry.img
	@echo $(abspath $(O)/wherry.img)

ifneq ($(build-goals),)
include $(AUTOCONF_MK)
include scripts/build.mk
endif

#
# Everything that is not the image: tests, guests, checks
#
include scripts/targets.mk

.PHONY: help
help:
	@cat scripts/help.txt
