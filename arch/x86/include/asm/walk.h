/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of a guest's page tables (Intel SDM vol. 3, chapter 4): two levels, PAE, four and five
 * levels. Like the emulator it knows only what its caller shows it, and runs on the build host too.
 */
#ifndef WHERRY_ASM_WALK_H
#define WHERRY_ASM_WALK_H

#include <asm/emulate.h>

/* Error code of #PF (SDM vol. 3, 4.7). */
#define X86_PF_PRESENT  0x01u
#define X86_PF_WRITE    0x02u
#define X86_PF_USER     0x04u
#define X86_PF_RESERVED 0x08u
#define X86_PF_FETCH    0x10u

enum x86_walk_result {
    X86_WALK_OKAY,
    X86_WALK_FAULT,      /* #PF with x86_walk.error */
    X86_WALK_UNREADABLE, /* a table is where there is no RAM */
    X86_WALK_AGAIN,      /* the tables change as fast as they are read: run the guest, come back */
};

struct x86_walk;

struct x86_walk_ops {
    /* An entry of 4 or 8 bytes at a guest-physical address, read at once. False: no RAM there. */
    bool (*read)(struct x86_walk *walk, uint64_t gpa, unsigned int bytes, uint64_t *entry);
    /*
     * Replace an entry if it still is `old`, atomically. False: it is not. NULL: accessed and dirty
     * bits are not to be set (a look, not an access).
     */
    bool (*update)(struct x86_walk *walk, uint64_t gpa, unsigned int bytes, uint64_t old,
                   uint64_t entry);
};

/* One translation: the caller's question, and the answer. */
struct x86_walk {
    const struct x86_regs *regs; /* CR0, CR3, CR4, EFER, RFLAGS.AC */
    const struct x86_walk_ops *ops;
    void *context;     /* the caller's own */
    uint8_t phys_bits; /* of guest-physical addresses, 32 to 52 */
    bool pages_1g;     /* CPUID has them */
    bool user;         /* an access of CPL 3 */
    bool implicit;     /* of the processor's own to a system table: AC does not open SMAP */

    uint64_t gpa;       /* OKAY */
    uint8_t page_shift; /* OKAY: 12, 21, 22, 30; with paging off 12 */
    uint32_t error;     /* FAULT */
};

/*
 * Translate one linear address, which is canonical, for one access. Rights are those of all levels;
 * accessed and dirty bits are set when, and only when, the access is allowed. Protection keys are
 * not known: CPUID must not offer them.
 */
enum x86_walk_result x86_walk(struct x86_walk *walk, uint64_t linear, enum x86_access access);

#endif
