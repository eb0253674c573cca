# SPDX-License-Identifier: Apache-2.0
#
# Targets beside the image: tests, payloads and cleaning. Included by the top Makefile.

.PHONY: setup payloads unit guest clean distclean

# Everything below that needs tools of the machine depends on this; it is silent when all is there.
setup:
	@sh scripts/setup.sh

payloads:
	$(Q)$(MAKE) --no-print-directory -C tests/payloads ARCH=$(ARCH) LLVM=$(LLVM) CROSS_COMPILE=$(CROSS_COMPILE) \
		O=$(abspath $(O))/payloads

unit:
	$(Q)$(MAKE) --no-print-directory -C tests/unit O=$(abspath $(O))/unit check

guest: setup
	$(Q)$(MAKE) --no-print-directory -C tests/guest O=$(abspath $(O))/guest

clean:
	rm -rf $(O)/obj $(O)/include $(O)/payloads $(O)/unit $(O)/guest $(O)/wherry $(O)/wherry.* $(O)/syms-* \
		$(O)/asm-offsets.s $(O)/.flags

distclean:
	rm -rf build $(O)
