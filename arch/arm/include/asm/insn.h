/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load or store as the forwarding path needs to know it: from the syndrome, or decoded from the
 * instruction word. Pure data and a pure function, tested on the build host.
 */
#ifndef WHERRY_ASM_INSN_H
#define WHERRY_ASM_INSN_H

#include <wherry/types.h>

struct mem_insn {
    uint8_t rt;     /* register transferred; 31: zero register */
    uint8_t rt2;    /* second of a pair */
    uint8_t rn;     /* base; 31: stack pointer (decoded forms only) */
    uint8_t rm;     /* index register when `has_rm` */
    uint8_t size;   /* bytes of one element: 1, 2, 4, 8 */
    uint8_t shift;  /* of the index register */
    uint8_t extend; /* option field of the index: 2 UXTW, 3 LSL, 6 SXTW, 7 SXTX */
    uint8_t len;    /* bytes of the instruction */
    bool load;
    bool pair;
    bool sign;      /* loads: sign extend from the element */
    bool sf;        /* ... to 64 bits, else to 32 with the upper half zero */
    bool writeback; /* base += offset */
    bool post;      /* address is the base before write-back */
    bool has_rm;
    int16_t offset; /* immediate, bytes */
} __aligned(8);

/*
 * Decode an A64 load/store of general registers: immediate (unsigned, unscaled, pre, post),
 * register offset, pairs, and the unprivileged forms. False for everything else: SIMD, exclusive,
 * acquire/release, atomics, literal, prefetch, and the forms that are CONSTRAINED UNPREDICTABLE
 * (write-back to a transferred register, a load pair of one register), which the hardware may
 * treat as undefined.
 */
bool insn_decode_a64(uint32_t word, struct mem_insn *insn);

/* The value of a load's register for `raw`, the element as read (Arm ARM C6.2, LDR*). */
static inline uint64_t insn_extend(const struct mem_insn *insn, uint64_t raw)
{
    unsigned int shift = 64 - 8 * (unsigned int)insn->size;
    uint64_t value = raw << shift;

    value = insn->sign ? (uint64_t)((int64_t)value >> shift) : value >> shift;
    return insn->sf ? value : value & UINT32_MAX;
}

/* Mask of `size` bytes. */
static inline uint64_t insn_size_mask(unsigned int size)
{
    return size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (size * 8)) - 1;
}

#endif
