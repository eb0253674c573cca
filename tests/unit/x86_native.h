/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run one instruction on the build host's processor, from given registers, next to a piece of
 * memory that the instruction may use. For the tests of arch/x86/emulate; x86-64 hosts only.
 */
#ifndef WHERRY_TESTS_X86_NATIVE_H
#define WHERRY_TESTS_X86_NATIVE_H

#include <asm/emulate.h>

#define NATIVE_MEM_SIZE 8192u

/* Registers before and after. */
struct native_state {
    uint64_t gpr[16];
    uint64_t rflags;
    uint8_t vec[16][32];
};

extern struct native_state x86_native;

/* Below 2 GiB, with nothing mapped around the memory. Also installs the handlers of faults. */
void native_setup(void);
uint8_t *native_mem(void);
uint64_t native_code(void);
/* Where a branch of the instruction may go: this and the byte after. */
uint64_t native_pad(void);
/* The last native_run() went there. */
bool native_branched(void);
bool native_has_avx(void);
uint64_t native_fs_base(void);

/*
 * Run the instruction from x86_native, to where the results go. Returns the vector of the exception
 * that it raised, or -1; `error` is the error code that came with it.
 */
int native_run(const uint8_t *insn, unsigned int bytes, uint64_t *error);

/*
 * The same as code of 32 or 16 bits, in segments of its own: code starts at native_code() and ends
 * with the page, DS and ES are native_mem() and no more, SS is flat. False: the kernel refuses.
 */
bool native_setup_legacy(void);
int native_run_legacy(unsigned int bits, const uint8_t *insn, unsigned int bytes, uint64_t *error);

#define NATIVE_DATA_SEL 0x17

#endif
