/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suite of what x86 instructions become for a device model: as control domain, over domain 1,
 * which runs io-guest. A case says what it expects, then runs an instruction: begin(), want_...(),
 * run(). Everything that was not said must be as before: registers, flags, the guest's memory.
 */
#ifndef IO_DM_SUITE_H
#define IO_DM_SUITE_H

#include "payload.h"
#include "io_control.h"

#define GUEST 1

/* Ports and memory of the servers; nobody has what is behind them. */
#define PORTS      0x200u
#define PORTS_LAST 0x3ffu
#define PORTS_LOW  0xc0u /* for those in one byte; to 0xdf */
#define MMIO       (IO_WINDOW + 0x10000u)
#define MMIO_LAST  (MMIO + 0x3fffu)

/* What the view shows, by page. */
enum view_page {
    V_RAM,             /* 4 pages */
    V_GAP = 4,         /* not there */
    V_MMIO = 5,        /* the 4 of MMIO */
    V_GAP2 = 9,        /* not there */
    V_MMIO_FIRST = 10, /* MMIO, then RAM page 0, then MMIO's second */
    V_MMIO_RAM,
    V_MMIO_LAST,
    V_READ_ONLY, /* RAM page 1 */
    V_RAM_END,   /* RAM page 3; behind it nothing */
};
#define VIEW(page) (IO_VIEW + (page)*PAGE_SIZE)

#define PTE_RAM (UINT64_C(7) | 0x60)

/* --- the guest --- */

extern struct io_box *boxes;
extern uint64_t guest_ram; /* its address there */
extern uint8_t *ram;       /* its pages here */

struct io_box *box_of(unsigned int vcpu);
/* Post a command: fill in the box, then go. */
void box_go(struct io_box *b, enum io_op op);
/* Serve until it is done; ends the suite when it is not and nothing comes either. */
void box_finish(struct io_box *b);
void box_run(struct io_box *b, enum io_op op);
void set_page(unsigned int page, uint64_t pte);

/* --- cases --- */

enum { WRITE = 0, READ = 1, BATCH = 2, DOWN = 4 }; /* BATCH: data_is_ptr */

/* A new case: nothing is expected but that the instruction is over. */
void begin(void);
/* Register values for the instruction, and as expected afterwards. */
void give(enum io_reg reg, uint64_t value);
void give_flags(uint64_t flags);
void give_rsp(uint64_t value);
void want_rsp(uint64_t value);
/* A register has this afterwards. */
void want(enum io_reg reg, uint64_t value);
/* These flags have this afterwards. */
void want_flags(uint64_t mask, uint64_t value);
/* It ends with an exception at the instruction, not behind it. */
void want_trap(unsigned int vector, uint64_t error, uint64_t cr2);
/* It goes to an address. */
void want_rip(uint64_t rip);
/* Bytes of the guest's RAM, by offset, have these values afterwards. */
void want_ram(unsigned int offset, const void *data, unsigned int bytes);
void want_ram_int(unsigned int offset, uint64_t value, unsigned int bytes);
/* The same before and afterwards. */
void give_ram_int(unsigned int offset, uint64_t value, unsigned int bytes);
/*
 * The next request; `data` is what a write has, or what a read is answered with. A batch moves
 * count elements, which are element(n) from n = data on, and `at` is its data's address.
 */
void want_request(unsigned int type, unsigned int flags, uint64_t addr, unsigned int size,
                  uint64_t data);
void want_batch(unsigned int type, unsigned int flags, uint64_t addr, unsigned int size,
                unsigned int count, uint64_t at, uint64_t data);
/* Several times the same value: REP STOS. */
void want_fill(unsigned int flags, uint64_t addr, unsigned int size, unsigned int count,
               uint64_t data);

static inline void want_in(uint16_t port, unsigned int size, uint64_t answer)
{
    want_request(IOREQ_TYPE_PIO, READ, port, size, answer);
}
static inline void want_out(uint16_t port, unsigned int size, uint64_t data)
{
    want_request(IOREQ_TYPE_PIO, WRITE, port, size, data);
}
static inline void want_read(uint64_t addr, unsigned int size, uint64_t answer)
{
    want_request(IOREQ_TYPE_COPY, READ, addr, size, answer);
}
static inline void want_write(uint64_t addr, unsigned int size, uint64_t data)
{
    want_request(IOREQ_TYPE_COPY, WRITE, addr, size, data);
}

/* Code of the guest. */
struct code {
    const uint8_t *start, *end;
};
/* The first statement has no operands, so that % is itself; the second follows it directly. */
#define CODE(insns)                                                                  \
    ({                                                                               \
        struct code c_;                                                              \
        __asm__ volatile(".pushsection .rodata\n771: " insns "\n772:\n.popsection"); \
        __asm__ volatile("leaq 771b(%%rip), %0\n\tleaq 772b(%%rip), %1"              \
                         : "=r"(c_.start), "=r"(c_.end));                            \
        c_;                                                                          \
    })
/* Assembled for 32- or 16-bit code. */
#define CODE32(insns) CODE(".code32\n" insns "\n.code64")
#define CODE16(insns) CODE(".code16\n" insns "\n.code64")

/* Run it on vCPU 0 with a case, and report. */
bool run_code(const char *text, struct code code);
#define RUN(insns)          run_code(insns, CODE(insns))
#define RUN_AS(text, insns) run_code(text, CODE(insns))
/* Selectors of the code that the next case runs: SEL_CODE64 if not said. */
void code_is(unsigned int cs);

/* After begin(): in real mode, DS and ES this segment; registers have 32 bits. */
void real_mode(uint16_t segment);
/* After begin(): 32-bit protected mode, outside long mode. */
void protected_mode(enum io_paging paging);

/* Element n of a string: only its lower bytes count. */
static inline uint64_t element(uint64_t n)
{
    return UINT64_C(0x0706050403020100) + n * UINT64_C(0x0101010101010101) * 9;
}

/* These flags are undefined. */
void ignore_flags(uint64_t mask);
/* run_code() in two: the guest runs, and serving is the caller's; then serve the rest, and judge.
 */
void start_code(struct code code);
bool finish_code(const char *text);
/* The judgement alone; the guest has run. */
bool code_ok(void);
/* Only run it; result has what came out. */
void run_in_guest(struct code code);

/* Of the last run. */
extern struct io_regs *result;
extern unsigned int nr_requests;
extern struct ioreq requests[];

/* The guest gives a page of its memory to the hypervisor, or gets one; what the call returns. */
long give_back(uint64_t gpa);
long populate(uint64_t gpa);

/* --- servers --- */

extern struct dm_server server, other;

long range(bool map, ioservid_t id, unsigned int type, uint64_t start, uint64_t end);
long range_of(domid_t dom, bool map, ioservid_t id, unsigned int type, uint64_t start,
              uint64_t end);
/* Answers by this instead of by cases while set. */
extern uint64_t (*answer_fn)(const struct ioreq *r);
/* Called with a slot that is about to be answered, while set. */
extern void (*spoil_fn)(struct ioreq *slot);

/* --- without serving (answers.c) --- */

/* Wait for a request of the vCPU without taking it. */
bool comes(struct dm_server *s, unsigned int vcpu);
/* Wait until the box is done; false: it is not. */
bool box_comes(const struct io_box *b);
/* The box is not done for so long. */
bool stays(const struct io_box *b, unsigned int ms);

static inline uint64_t size_mask(unsigned int size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

void test_ports(void);
void test_operands(void);
void test_strings(void);
void test_pages(void);
void test_pci(void);
void test_stack(void);
void test_routes(void);
void test_modes(void);
void test_real_mode(void);
void test_protected_mode(void);
void test_answers(void);
void test_vcpus(void);
void test_events(void);
void test_types(void);
void test_hostile(void);
void test_fuzz(void);

#endif
