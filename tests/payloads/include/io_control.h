/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How io-dm (the control domain) directs io-guest (x86-64): a page at the start of the guest's
 * image, which the control domain maps as a foreign page. One box for each vCPU: all registers and
 * the code to run with them; back come the registers that the first exception found. The code ends
 * with INT3, which the guest puts everywhere behind it.
 */
#ifndef PAYLOAD_IO_CONTROL_H
#define PAYLOAD_IO_CONTROL_H

#include <stdint.h>

/* Where the page is in the guest: its image is at 2 MiB. */
#define IO_CONTROL_GPA   0x201000u
#define IO_CONTROL_MAGIC UINT64_C(0x4f49363858534947)

enum io_op {
    IO_NOP,
    IO_RUN,       /* the code, with the registers `in` */
    IO_RUN_REAL,  /* the code in real mode at IO_REAL_SEG:0, registers of 32 bits and a0: DS, ES */
    IO_RUN_32,    /* the code in 32-bit protected mode, enum io_paging a0 */
    IO_START_CPU, /* vCPU a0; result */
    IO_SET_PAGE,  /* entry a0 of the view: the page table entry a1 */
    IO_GET_PAGE,  /* entry a0 of the view; result */
    IO_HYPERCALL, /* RAX of `in`, with RDI, RSI, RDX; result */
    IO_TICKS,     /* REP INSB of a1 elements of port a0 to a device at in's RDI while the timer
                     ticks; result: ticks, and all ones if a register is wrong in the end */
    IO_READ_PORT, /* a0 times 4 bytes of port a1; result: how many were not io_pattern() */
    IO_CPUID,     /* leaf a0, subleaf a1; result: EBX and above it ECX */
    IO_POWER_OFF,
};

enum io_paging { IO_UNPAGED, IO_TWO_LEVELS, IO_PAE };

/* The order in which struct trap_frame (arch_cpu.h) has them. */
enum io_reg { R15, R14, R13, R12, R11, R10, R9, R8, RBP, RDI, RSI, RDX, RCX, RBX, RAX, IO_NR_REGS };

struct io_regs {
    uint64_t r[IO_NR_REGS];
    uint64_t vector, error; /* out only */
    uint64_t rip, cs, rflags, rsp, ss;
    uint64_t cr2; /* out only */
};

#define IO_CODE_SIZE 64

struct io_box {
    uint32_t seq;  /* written by the control domain: a new number is a new command */
    uint32_t done; /* written by the guest: the number of the last one that is done */
    uint32_t op, pad;
    uint64_t a0, a1, result;
    struct io_regs in, out;
    uint64_t code_at; /* the address of the following, by the guest */
    uint8_t code[IO_CODE_SIZE];
};

#define IO_MAX_BOXES 7

struct io_control {
    uint64_t magic;
    uint32_t ready; /* the guest polls */
    uint32_t pad;
    uint64_t ram; /* address of IO_RAM_PAGES pages that the code may use */
    struct io_box box[IO_MAX_BOXES];
};
_Static_assert(sizeof(struct io_control) <= 4096, "one page");

/*
 * 2 MiB of linear addresses in pages of 4 KiB, which are as IO_SET_PAGE says; none is there at
 * first. Beside it memory is at its own linear address, the first 4 GiB.
 */
#define IO_VIEW      0x10000000u
#define IO_RAM_PAGES 4

/* Addresses that nothing backs. */
#define IO_WINDOW 0xd0000000u

/* Selectors of the guest. */
#define SEL_CODE64  0x08
#define SEL_DATA    0x10
#define SEL_CODE32  0x18
#define SEL_CODE16  0x20 /* its base is the box's code */
#define SEL_USER    0x2b /* 64-bit code */
#define SEL_USER_SS 0x33
#define SEL_TSS     0x40
#define SEL_WIDE    0x50 /* data: 64 KiB at IO_SEGMENT */
#define SEL_SMALL   0x58 /* data: 256 bytes there */

#define IO_SEGMENT (IO_WINDOW + 0x180000u)

/* The only ports that the TSS allows at CPL 3. */
#define IO_USER_PORT 0x300u
#define IO_USER_LAST 0x31fu

/* In real mode: the code's segment, and the stack's, whose pointer is at 0x800. */
#define IO_REAL_SEG   0x700u
#define IO_REAL_STACK 0x400u

static inline uint32_t io_pattern(uint64_t n)
{
    return (uint32_t)(n * 2654435761u) ^ 0x5bd1e995u;
}

#endif
