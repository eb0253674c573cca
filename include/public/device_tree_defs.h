/* SPDX-License-Identifier: MIT */
/* Constants of a guest's device tree that a partial tree relies on. */
#ifndef XEN_PUBLIC_DEVICE_TREE_DEFS_H
#define XEN_PUBLIC_DEVICE_TREE_DEFS_H

/* A partial tree's interrupts name the interrupt controller by this phandle. */
#define GUEST_PHANDLE_GIC 65000

#define GUEST_ROOT_ADDRESS_CELLS 2
#define GUEST_ROOT_SIZE_CELLS    2

#endif
