/* SPDX-License-Identifier: MIT */
/*
 * Control of domains by the control domain: the part of the domctl hypercall that Wherry has.
 * Toolstack interface of 4.17: the version must match exactly.
 */
#ifndef XEN_PUBLIC_DOMCTL_H
#define XEN_PUBLIC_DOMCTL_H

#include "xen.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015

#define XEN_DOMCTL_destroydomain 2
#define XEN_DOMCTL_pausedomain   3
#define XEN_DOMCTL_unpausedomain 4

struct xen_domctl {
    uint32_t cmd;               /* XEN_DOMCTL_* */
    uint32_t interface_version; /* XEN_DOMCTL_INTERFACE_VERSION */
    domid_t domain;
    uint16_t _pad[3];
    union {
        uint8_t pad[128];
    } u;
};

#endif
