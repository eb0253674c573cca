/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of x86 for tests of arch/x86/hvm: the cast of fake/scene.h, the real files of hvm/ and of
 * the ioreq core, and a vendor whose processor state is plain memory. The guest runs in 64-bit mode
 * at CPL 0 with flat segments and page tables of its own, unless a test changes that.
 *
 * Linear memory, 2 MiB of it: RAM at its own addresses below X86_RAM_END, then nothing at its own
 * addresses, and from X86_MMIO on nothing, at X86_MMIO_GPA.
 */
#ifndef WHERRY_TESTS_X86_HVM_H
#define WHERRY_TESTS_X86_HVM_H

#include "fake/scene.h"

#include <asm/guest.h>
#include <asm/msr.h>
#include <wherry/hypercall.h>

#define X86_RAM_END  0x10000
#define X86_CODE     0x1000
#define X86_TABLES   0x8000 /* four pages, the last with the entries of the 2 MiB */
#define X86_MMIO     0x100000
#define X86_MMIO_GPA UINT64_C(0xfe000000)

/* The state of a vCPU that is not in v->arch, and what was done to it. */
struct x86_cpu {
    struct hvm_segment seg[HVM_NR_SEGS];
    uint64_t cr[5];
    uint64_t efer;
    uint64_t dr6;
    struct hvm_event event; /* the last one injected */
    unsigned int injected;  /* since x86_start() */
    bool pending, shadow, window;
};

struct x86_cpu *x86_cpu(const struct vcpu *v);

/* VIRQ_TIMERs sent, by vCPU. */
extern unsigned int x86_timer_virqs[];

/* For cmocka. */
int x86_setup(void **state);
int x86_teardown(void **state);
#define X86_TEST(f) cmocka_unit_test_setup_teardown(f, x86_setup, x86_teardown)

/* vCPU 0 of the guest, and its registers. */
struct vcpu *x86_vcpu(void);
uint64_t *x86_reg(unsigned int n);

enum x86_cpu_mode { X86_LONG, X86_COMPAT, X86_PROT32, X86_REAL };
/* Its mode; RIP to X86_CODE. */
void x86_mode(struct vcpu *v, enum x86_cpu_mode mode);

/* The entry of the guest's tables for a page of the 2 MiB. */
uint64_t *x86_pte(uint64_t linear);
/* Guest RAM on the host. */
uint8_t *x86_ram(uint64_t gpa);
uint64_t x86_ram_int(uint64_t gpa, unsigned int bytes);
/* A frame more, or less. */
void x86_add_ram(uint64_t gpa);

/* The bytes of `text`, in hexadecimal, at RIP. */
void x86_put(const char *text);
/*
 * Put them there and let the processor fault on them as on memory that is not there. True: it came
 * to an end (of whatever kind), and the guest would run; false: the vCPU waits.
 */
bool x86_run(const char *text);
/* Let the emulator go on with what is at RIP. */
bool x86_again(void);

/* A request as the device model finds it. */
struct x86_request {
    uint64_t addr, data;
    uint32_t count, size, type;
    bool read, df, data_is_ptr;
};

/* The request of vCPU 0 that waits at server `id`; the test fails if there is none. */
struct x86_request x86_take(unsigned int id);
/* Check the parts that matter to most. */
void x86_expect(unsigned int id, bool read, uint64_t addr, uint32_t size, uint64_t data);
/* Answer it and let the vCPU go on. True: as x86_run(). */
bool x86_answer(unsigned int id, uint64_t data);

/* A server with all of the memory from X86_MMIO_GPA on, and ports 0x100 to 0x1ff. */
unsigned int x86_server(void);

#endif
