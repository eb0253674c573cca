/* SPDX-License-Identifier: Apache-2.0 */
/* What suite_control.h needs to know of Arm: addresses of the guest, its commands that are Arm's.
 */
#ifndef PAYLOAD_SUITE_ARCH_H
#define PAYLOAD_SUITE_ARCH_H

#include "forms.h"
#include <public/errno.h>
#include <public/xen.h>

/* Where the control page is in the guest: its image is at the start of its memory. */
#define CONTROL_GPA 0x40001000u

/* Pages of the guest that hold nothing: many from SPARE_GFN on, one at each of the others. */
#define SPARE_GFN  0x41800u
#define OTHER_GFN  0x42001u
#define VICTIM_GPA 0x42000000u

/* A frame where a domain may map a page of another. */
#define FOREIGN_GFN (GUEST_GNTTAB_BASE >> 12)

/* Addresses that nothing backs: mapped as device memory and as normal memory in the guest. */
#define WINDOW_DEVICE 0x02040000u
#define WINDOW_NORMAL 0x02600000u

/* Modes of a server's buffered ring that there are, besides none. */
#define RING_MODES 0

/* What asking for frames of the guest itself says. */
#define NO_FRAMES (-XEN_EOPNOTSUPP)

/* The commands from G_ARCH on. */
enum {
    G_FORM = 32, /* form number a0, with arch.regs */
    G_IRQ_SETUP, /* interrupt a0: edge if a1; enabled if a2; disabled again after a3 times */
    G_IRQ_COUNT, /* result: times that interrupt a0 came since its set-up; a1: is it pending */
};

/* What a box has besides the common fields. */
struct arch_box {
    struct form_regs regs;
};

#endif
