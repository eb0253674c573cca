# SPDX-License-Identifier: Apache-2.0
#
# Gathers `objects` from the directories' Makefiles. Each of those sets obj-y (and obj-$(CONFIG_X)): a name
# ending in .o is an object of this directory, one ending in / a subdirectory to go on with.

define gather
obj-y :=
include $(1)/Makefile
objects += $$(addprefix $(1)/,$$(filter %.o,$$(obj-y)))
subdirs-$(1) := $$(patsubst %/,$(1)/%,$$(filter %/,$$(obj-y)))
$$(foreach dir,$$(subdirs-$(1)),$$(eval $$(call gather,$$(dir))))
endef

objects :=
$(eval $(call gather,arch/$(SRCARCH)))
$(eval $(call gather,common))
