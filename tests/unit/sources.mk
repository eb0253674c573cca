# SPDX-License-Identifier: Apache-2.0
#
# Parts of the hypervisor over the fake architecture, as the unit tests and the fuzzers link them. TOP is set.

fake-host := $(addprefix arch/fake/,host.c p2m.c)
fake := arch/fake/arch.c $(fake-host)
stand-ins := $(addprefix tests/unit/fake/,alloc.c dm.c domain.c evtchn.c panic.c rcu.c scene.c sched.c)
lib := $(addprefix common/lib/,imap.c parse.c rangeset.c) common/guest_words.c
# As on Arm, without the buffered ring and legacy frames; programs that have them say so.
ioreq := $(filter-out common/ioreq/buffered.c common/ioreq/legacy_gfn.c,$(patsubst $(TOP)/%,%,$(wildcard $(TOP)/common/ioreq/*.c)))
ioreq-test := $(ioreq) $(lib) common/page_alloc.c common/spinlock.c $(fake) $(stand-ins)

# The real neighbours of ioreq: domains, event channels, memory operations (fake/world.h).
world := $(ioreq) $(lib) $(fake) $(addprefix tests/unit/fake/,alloc.c panic.c rcu.c rest.c sched.c world.c) \
	$(addprefix common/,domain.c hypercall.c memory.c page_alloc.c runstate.c spinlock.c) \
	$(addprefix common/evtchn/,deliver.c ops.c ports.c)
