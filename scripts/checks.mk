# SPDX-License-Identifier: Apache-2.0
#
# Checks of the sources that need the build's own flags. Included by scripts/build.mk; `make help` lists them.

.PHONY: check-headers check-tidy

# A check's stamp is newer than all sources and headers when nothing changed since it passed.
# Private headers count where their directory is built.
checked-headers := $(sort $(shell find include arch/$(SRCARCH)/include -name '*.h') \
	$(wildcard $(addsuffix *.h,$(sort $(dir $(objects))))))
checked-sources := $(sort $(objects:.o=.c))
checked-sources := $(wildcard $(checked-sources))

# Each header is compiled alone, twice over: it includes what it uses and guards itself. A header for assembly
# (*_asm.h) goes through the preprocessor only.
check-headers: $(checked-headers:%=$(O)/check/%.ok)
	@echo "$(words $(checked-headers)) headers compile alone"

$(O)/check/%_asm.h.ok: %_asm.h $(FLAGS_STAMP) | $(generated)
	@mkdir -p $(@D)
	$(Q)printf '#include "%s"\n#include "%s"\n' '$(abspath $<)' '$(abspath $<)' | \
		$(CC) $(CPPFLAGS) $(AFLAGS) -MMD -MP -MF $@.d -MT $@ -E -x assembler-with-cpp -o /dev/null -
	@touch $@

$(O)/check/%.h.ok: %.h $(FLAGS_STAMP) | $(generated)
	@mkdir -p $(@D)
	$(Q)printf '#include "%s"\n#include "%s"\n' '$(abspath $<)' '$(abspath $<)' | \
		$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -x c -
	@touch $@

check-tidy: $(checked-sources:%=$(O)/check/%.tidy)
	@echo "clang-tidy has nothing to say on $(words $(checked-sources)) files"

TIDY_CFLAGS := $(filter-out -mno-outline-atomics,$(CPPFLAGS:$(CC_INCLUDE)=$(shell clang -print-file-name=include)) \
	$(CFLAGS)) --target=$(CLANG_TARGET)
$(O)/check/%.c.tidy: %.c .clang-tidy $(FLAGS_STAMP) $(O)/obj/%.o
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(TIDY_CFLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@

-include $(checked-headers:%=$(O)/check/%.ok.d)
