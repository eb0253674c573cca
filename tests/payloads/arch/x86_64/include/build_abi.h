/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What build.c needs of Xen's toolstack interface, version 0x15: xen/domctl.h and xen/hvm/save.h.
 * Wherry has none of it. tests/layout/build_abi.c holds it against those headers.
 */
#ifndef PAYLOAD_BUILD_ABI_H
#define PAYLOAD_BUILD_ABI_H

#include <stdint.h>

#define DOMCTL_CREATEDOMAIN            1
#define DOMCTL_MAX_MEM                 11 /* KiB */
#define DOMCTL_MAX_VCPUS               15
#define DOMCTL_GETHVMCONTEXT           33
#define DOMCTL_SETHVMCONTEXT           34
#define DOMCTL_SET_PAGING_MEMPOOL_SIZE 86 /* bytes */

#define CDF_HVM   0x1u
#define CDF_HAP   0x2u
#define EMU_LAPIC 0x1u

struct build_create {
    uint32_t ssidref;
    uint8_t handle[16];
    uint32_t flags, iommu_opts, max_vcpus, max_evtchn_port;
    int32_t max_grant_frames, max_maptrack_frames;
    uint32_t grant_opts, vmtrace_size, cpupool_id;
    uint32_t emulation_flags, misc_flags;
};

struct build_hvmcontext {
    uint32_t size, pad;
    uint64_t buffer;
};

struct build_domctl {
    uint32_t cmd, interface_version;
    uint16_t domain;
    uint16_t pad[3];
    union {
        struct build_create create;
        struct build_hvmcontext context;
        uint64_t word; /* max_mem and, as 32 bits, max_vcpus */
        uint64_t pool;
        uint8_t pad[128];
    } u;
};

/* --- saved contexts: records of a type with an instance each --- */

#define SAVE_END    0
#define SAVE_HEADER 1
#define SAVE_CPU    2

struct build_record {
    uint16_t type, instance;
    uint32_t length;
};
struct build_header {
    uint32_t magic, version;
    uint64_t changeset;
    uint32_t cpuid, gtsc_khz;
};

enum build_segment { SEG_CS, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS, SEG_TR, SEG_LDT };
#define SEG_TABLES 2 /* behind them in limit[] and base[]: IDT, GDT */

struct build_cpu {
    uint8_t fpu[512];
    uint64_t rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8to15[8];
    uint64_t rip, rflags;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t dr0to3[4], dr6, dr7;
    uint32_t sel[8], limit[8 + SEG_TABLES];
    uint64_t base[8 + SEG_TABLES];
    uint32_t rights[8];
    uint64_t sysenter[3], shadow_gs;
    uint64_t msr_flags, lstar, star, cstar, syscall_mask, efer, tsc_aux;
    uint64_t tsc;
    uint32_t event, event_error;
    uint32_t flags, pad;
};

struct build_context {
    struct build_record header_record;
    struct build_header header;
    struct build_record cpu_record;
    struct build_cpu cpu;
    struct build_record end;
};

_Static_assert(sizeof(struct build_domctl) == 144, "the ABI");
_Static_assert(sizeof(struct build_create) == 64, "the ABI");
_Static_assert(sizeof(struct build_header) == 24, "the ABI");
_Static_assert(sizeof(struct build_cpu) == 1032, "the ABI");

#endif
