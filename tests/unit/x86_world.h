/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of arch/x86/emulate share: a pseudo-random source, memory for the emulator beside
 * that of the processor, and the comparison of one instruction on both.
 */
#ifndef WHERRY_TESTS_X86_WORLD_H
#define WHERRY_TESTS_X86_WORLD_H

#include "x86_native.h"

/* How accesses are answered. */
enum world_mode {
    WORLD_PLAIN,
    WORLD_RETRY, /* each on the second try */
    WORLD_BATCH, /* strings in batches */
    WORLD_MODES
};

/* Of one instruction: ENTER with 31 frames reads 30 of them and pushes 32 times. */
#define WORLD_MAX_ACCESSES 64

/* An access that was answered; it is answered the same again until the instruction is through. */
struct world_access {
    uint64_t where;
    uint8_t bytes;
    uint8_t kind;
    uint8_t data[32];
};

/* The emulator with memory of its own at `base`; ports give what `world_port` makes of them. */
struct world {
    struct x86_emul emul;
    struct x86_regs regs;
    struct x86_vec vec[16];
    enum world_mode mode;
    uint64_t base;
    uint8_t mem[NATIVE_MEM_SIZE];
    struct world_access log[WORLD_MAX_ACCESSES];
    unsigned int logged;   /* accesses answered */
    unsigned int position; /* of this run */
    unsigned int accesses; /* in all */
    unsigned int batches;
    unsigned int fetched; /* bytes */
    uint32_t out_sum;     /* of what was written to ports */
};

void rnd_seed(uint64_t value);
uint64_t rnd(void);
/* A value with bits worth trying. */
uint64_t rnd_value(void);
void rnd_memory(void);

/* What a port reads. The guest's TSS forbids ports from 0x8000 on. */
uint32_t world_port(uint16_t port, unsigned int bytes);

/* Flat 64-bit mode at CPL 3, all features on. */
void world_init(struct world *w, enum world_mode mode);
/* The registers of `st`, the memory of native_mem(), and an instruction. */
void world_load(struct world *w, const uint8_t *insn, unsigned int bytes,
                const struct native_state *st);
/* Until the instruction is through; RETRY is checked to change nothing and tried again. */
enum x86_emul_result world_run(struct world *w);

/*
 * Run an instruction from `st` and the memory of native_mem() on the processor and in all modes on
 * the emulator; fail the test where they differ in anything but the flags `undef`. A
 * read-modify-write over the end of a cache line is left out.
 */
void compare(const char *name, const uint8_t *insn, unsigned int bytes,
             const struct native_state *st, uint64_t undef);

/* The same as code of 32 or 16 bits (native_run_legacy()), or 64. */
void compare_mode(unsigned int bits, const char *name, const uint8_t *insn, unsigned int bytes,
                  const struct native_state *st, uint64_t undef);

#endif
