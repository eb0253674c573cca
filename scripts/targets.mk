# SPDX-License-Identifier: Apache-2.0
#
# Targets beside the image: tests, payloads and cleaning. Included by the top Makefile.

.PHONY: setup payloads unit unit-threads growth fuzz fuzz-check fuzz-coverage model layout guest clean distclean

# Everything below that needs tools of the machine depends on this; it is silent when all is there.
setup:
	@sh scripts/setup.sh

payloads:
	$(Q)$(MAKE) --no-print-directory -C tests/payloads ARCH=$(ARCH) LLVM=$(LLVM) CROSS_COMPILE=$(CROSS_COMPILE) \
		O=$(abspath $(O))/payloads

unit:
	$(Q)$(MAKE) --no-print-directory -C tests/unit O=$(abspath $(O))/unit check

unit-threads:
	$(Q)$(MAKE) --no-print-directory -C tests/unit SAN=thread O=$(abspath $(O))/unit-threads check

# What look-ups and changes cost as ranges and servers grow: a table.
growth:
	$(Q)$(MAKE) --no-print-directory -C tests/unit SAN=none O=$(abspath $(O))/growth TEST=test_ioreq_growth all
	$(Q)GROWTH=all $(abspath $(O))/growth/test_ioreq_growth

# Fuzzers: FUZZ=name, TIME=seconds for each (tests/fuzz/Makefile).
fuzz fuzz-check fuzz-coverage:
	$(Q)$(MAKE) --no-print-directory -C tests/fuzz O=$(abspath $(O))/fuzz $(or $(patsubst fuzz-%,%,$(filter-out fuzz,$@)),run)

model:
	$(Q)$(PYTHON) tests/model/run.py --out $(abspath $(O))/model $(MODEL)

layout:
	$(Q)$(MAKE) --no-print-directory -C tests/layout layout

guest: setup
	$(Q)$(MAKE) --no-print-directory -C tests/guest ARCH=$(ARCH) O=$(abspath $(O))/guest
	$(Q)[ $(ARCH) != arm64 ] || $(MAKE) --no-print-directory -C tests/clients O=$(abspath $(O))/clients

# `make run RUN="--gic 2 --smp 4 --verbose"`
run-needs-arm  := all payloads guest
run-needs-x86  := all payloads
run-script-arm := mainjob.py
run-script-x86 := pcjob.py
.PHONY: run shell bench
run: setup
	$(Q)$(MAKE) --no-print-directory O=$(O) $(run-needs-$(SRCARCH))
	$(Q)$(PYTHON) tests/system/$(run-script-$(SRCARCH)) --out $(abspath $(O)) $(RUN)

shell: setup
	$(Q)$(MAKE) --no-print-directory O=$(O) all payloads guest
	$(Q)$(PYTHON) tests/system/shell.py --out $(abspath $(O)) $(RUN)

# `make bench BENCH="--ranges 1"`
bench: setup
	$(Q)$(MAKE) --no-print-directory O=$(O)/bench defconfig SET="DEBUG=n"
	$(Q)$(MAKE) --no-print-directory O=$(O)/bench all payloads
	$(Q)$(PYTHON) tests/system/bench.py --out $(abspath $(O))/bench --arch $(ARCH) $(BENCH)

# The same payloads on Debian's Xen 4.17 and here: `make ARCH=x86_64 check-oracle ORACLE="--verbose io"`.
.PHONY: check-oracle
check-oracle: setup
ifeq ($(ARCH),x86_64)
	$(Q)sh tests/system/fetch-xen.sh $(abspath $(O))/oracle/xen
	$(Q)$(MAKE) --no-print-directory O=$(O) all payloads
	$(Q)$(PYTHON) tests/system/oracle.py --out $(abspath $(O)) --xen $(abspath $(O))/oracle/xen $(ORACLE)
else
	$(Q)$(MAKE) --no-print-directory ARCH=x86_64 check-oracle
endif

.PHONY: check check-format check-spdx check-docs check-hooks check-rules check-security check-cppcheck format
check: setup
	$(Q)$(PYTHON) scripts/check.py --out $(abspath $(O)) $(CHECK)

check-format:
	@sh scripts/check-format.sh

format:
	@sh scripts/check-format.sh --fix

check-spdx:
	@$(PYTHON) scripts/check-spdx.py

check-docs:
	@$(PYTHON) scripts/check-docs.py

check-hooks:
	@$(PYTHON) scripts/check-hooks.py

check-rules:
	@$(PYTHON) scripts/check-rules.py

check-security:
	@$(PYTHON) scripts/check-security.py

check-cppcheck: $(AUTOCONF_MK)
	@sh scripts/check-cppcheck.sh $(SRCARCH) $(O)/include $(O)/check/cppcheck

clean:
	rm -rf $(O)/obj $(O)/include $(O)/payloads $(O)/unit $(O)/unit-threads $(O)/growth $(O)/fuzz $(O)/model $(O)/guest $(O)/check $(O)/wherry $(O)/wherry.* $(O)/syms-* \
		$(O)/asm-offsets.s $(O)/.flags

distclean:
	rm -rf build $(O)
