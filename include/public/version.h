/* SPDX-License-Identifier: MIT */
/* Hypercall xen_version(cmd, argument). */
#ifndef XEN_PUBLIC_VERSION_H
#define XEN_PUBLIC_VERSION_H

#include "features.h"
#include "xen.h"

#define XENVER_version 0 /* returns major << 16 | minor */

#define XENVER_extraversion 1
typedef char xen_extraversion_t[16];

#define XENVER_compile_info 2
struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

#define XENVER_capabilities 3
typedef char xen_capabilities_info_t[1024];

#define XENVER_changeset 4
typedef char xen_changeset_info_t[64];

#define XENVER_platform_parameters 5
struct xen_platform_parameters {
    xen_ulong_t virt_start;
};

#define XENVER_get_features 6
struct xen_feature_info {
    unsigned int submap_idx; /* IN */
    uint32_t submap;         /* OUT: XENFEAT_* bits */
};

#define XENVER_pagesize     7
#define XENVER_guest_handle 8
typedef uint8_t xen_domain_handle_t[16];

#define XENVER_commandline 9
typedef char xen_commandline_t[1024];

#define XENVER_build_id 10

#endif
