# SPDX-License-Identifier: Apache-2.0
#
# How the image is compiled and linked. Included by the top Makefile once the configuration is known.

include arch/$(SRCARCH)/arch.mk

ifneq ($(filter-out 0,$(LLVM)),)
CC := clang $(if $(CLANG_TARGET),--target=$(CLANG_TARGET))
LD := ld.lld
NM := llvm-nm
OBJCOPY := llvm-objcopy
SIZE := llvm-size
# Lets inline assembly through unread, for asm-offsets.c.
OFFSETS_CFLAGS := -fno-integrated-as
else
CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
SIZE := $(CROSS_COMPILE)size
endif

# Only the compiler's own headers (stdint.h, stddef.h, stdarg.h, stdbool.h, limits.h) are outside the tree.
CC_INCLUDE := $(shell $(CC) -print-file-name=include 2>/dev/null)

CPPFLAGS := -nostdinc -isystem $(CC_INCLUDE) -Iinclude -Iarch/$(SRCARCH)/include -I$(O)/include \
	-include $(AUTOCONF_H) -D__WHERRY__
CFLAGS := -std=gnu11 -ffreestanding -O2 -g -fno-common -fno-pic -fno-pie -fno-stack-protector \
	-fno-strict-aliasing -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wshadow -Wvla \
	-ffile-prefix-map=$(abspath $(O))=build -ffile-prefix-map=$(O)=build -ffile-prefix-map=$(CURDIR)=. \
	$(ARCH_CFLAGS)
AFLAGS := -D__ASSEMBLY__ -g -Wa,--fatal-warnings \
	-ffile-prefix-map=$(abspath $(O))=build -ffile-prefix-map=$(O)=build -ffile-prefix-map=$(CURDIR)=. \
	$(ARCH_AFLAGS)
LDFLAGS := $(ARCH_LDFLAGS) --build-id=none -z noexecstack -z max-page-size=4096 --fatal-warnings
DEPFLAGS = -MMD -MP -MF $(@:=.d)

# Rewritten only when a command line changes, so that a change of flags or compiler rebuilds everything.
FLAGS_STAMP := $(O)/.flags
flags-now := $(CC) $(CPPFLAGS) $(CFLAGS) $(AFLAGS) $(LDFLAGS)
ifneq ($(file <$(FLAGS_STAMP)),$(flags-now))
$(shell mkdir -p $(O))
$(file >$(FLAGS_STAMP),$(flags-now))
endif

VERSION_H := $(O)/include/generated/version.h
OFFSETS_H := $(O)/include/generated/asm-offsets.h
LDS := $(O)/wherry.lds

# Sets `objects`: every object of the image, as paths below the tree's top.
include scripts/objects.mk
OBJS := $(addprefix $(O)/obj/,$(objects))

$(VERSION_H): Makefile
	@mkdir -p $(@D)
	@printf '#define WHERRY_VERSION "%s"\n' '$(VERSION)' >$@

# Where there is nothing for assembly to know, there is no such file.
OFFSETS_C := $(wildcard arch/$(SRCARCH)/asm-offsets.c)
generated := $(VERSION_H) $(if $(OFFSETS_C),$(OFFSETS_H))

# DEFINE() lines in asm-offsets.c come out of the compiler as `-> NAME value`.
$(OFFSETS_H): arch/$(SRCARCH)/asm-offsets.c $(FLAGS_STAMP) scripts/asm-offsets.sed $(VERSION_H)
	$(call say,OFFSETS,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(OFFSETS_CFLAGS) $(DEPFLAGS) -MT $@ -S -o $(O)/asm-offsets.s $<
	$(Q)sed -n -f scripts/asm-offsets.sed $(O)/asm-offsets.s >$@

$(O)/obj/%.o: %.c $(FLAGS_STAMP) | $(generated)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(DEPFLAGS) -c -o $@ $<

$(O)/obj/%.o: %.S $(FLAGS_STAMP) | $(generated)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(AFLAGS) $(DEPFLAGS) -c -o $@ $<

$(LDS): arch/$(SRCARCH)/$(ARCH)/wherry.lds.S $(FLAGS_STAMP) | $(generated)
	$(call say,LDS,$@)
	$(Q)$(CC) $(CPPFLAGS) $(AFLAGS) -D__LINKER__ $(DEPFLAGS) -MT $@ -E -P -x assembler-with-cpp -o $@ $<

# The image carries its own symbol table for backtraces: it is linked with an empty table, then with the table
# made from that link, until the addresses stay the same (scripts/link.sh).
$(O)/wherry: $(OBJS) $(LDS) scripts/link.sh scripts/gensyms.py
	$(call say,LD,$@)
	$(file >$(O)/wherry.objs,$(OBJS))
	$(Q)CC='$(CC) $(ARCH_AFLAGS)' LD='$(LD) $(LDFLAGS)' NM='$(NM)' PYTHON='$(PYTHON)' \
		sh scripts/link.sh $@ $(LDS) $(O)/wherry.objs

$(O)/wherry.img: $(O)/wherry
	$(call say,OBJCOPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@
	$(Q)$(SIZE) $<

-include $(OBJS:=.d) $(OFFSETS_H).d $(LDS).d

include scripts/checks.mk
