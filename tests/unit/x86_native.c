/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction on the build host's processor (x86_native.h). A trampoline loads all registers
 * from x86_native, jumps to a page with the instruction and a jump back behind it, and stores them
 * again; addresses are relative to rip, so that no register is needed. A fault goes the same way
 * back.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "x86_native.h"

#define CODE_SIZE 4096u
#define PAD       100u /* as far as a short branch goes */
#define PAD_SEEN  96u
#define ENTRY     512u /* of legacy code: a far jump, and its pointer 16 bytes on */
#define LEAVE     576u

struct native_state x86_native;
extern uint64_t x86_native_target;
extern uint8_t x86_native_avx;
extern const char x86_native_return[];
void x86_native_enter(void);

uint64_t x86_native_target;
uint8_t x86_native_avx;
static uint8_t *code, *mem;
static volatile int fault_vector;
static volatile uint64_t fault_error;
static uint8_t fault_stack[65536];

__asm__(".pushsection .bss\n"
        "native_host_sp: .quad 0\n"
        ".popsection\n"
        ".pushsection .text\n"
        ".set flags, x86_native + 128\n"
        ".set vec, x86_native + 136\n"
        ".globl x86_native_enter, x86_native_return\n"
        "x86_native_enter:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, native_host_sp(%rip)\n"
        "cmpb $0, x86_native_avx(%rip)\n"
        "je 1f\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vmovdqu vec + 32 * \\n(%rip), %ymm\\n\n"
        ".endr\n"
        "jmp 2f\n"
        "1:\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movdqu vec + 32 * \\n(%rip), %xmm\\n\n"
        ".endr\n"
        "2:\n"
        "pushq flags(%rip); popfq\n"
        "mov x86_native(%rip), %rax\n"
        "mov x86_native + 8(%rip), %rcx\n"
        "mov x86_native + 16(%rip), %rdx\n"
        "mov x86_native + 24(%rip), %rbx\n"
        "mov x86_native + 32(%rip), %rsp\n"
        "mov x86_native + 40(%rip), %rbp\n"
        "mov x86_native + 48(%rip), %rsi\n"
        "mov x86_native + 56(%rip), %rdi\n"
        ".irp n, 8,9,10,11,12,13,14,15\n"
        "mov x86_native + 8 * \\n(%rip), %r\\n\n"
        ".endr\n"
        "jmp *x86_native_target(%rip)\n"
        "x86_native_return:\n"
        "mov %rax, x86_native(%rip)\n"
        "mov %rcx, x86_native + 8(%rip)\n"
        "mov %rdx, x86_native + 16(%rip)\n"
        "mov %rbx, x86_native + 24(%rip)\n"
        "mov %rsp, x86_native + 32(%rip)\n"
        "mov %rbp, x86_native + 40(%rip)\n"
        "mov %rsi, x86_native + 48(%rip)\n"
        "mov %rdi, x86_native + 56(%rip)\n"
        ".irp n, 8,9,10,11,12,13,14,15\n"
        "mov %r\\n, x86_native + 8 * \\n(%rip)\n"
        ".endr\n"
        "mov native_host_sp(%rip), %rsp\n"
        "pushfq; popq flags(%rip)\n"
        "pushq $2; popfq\n"
        "cmpb $0, x86_native_avx(%rip)\n"
        "je 1f\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "vmovdqu %ymm\\n, vec + 32 * \\n(%rip)\n"
        ".endr\n"
        "vzeroupper\n"
        "jmp 2f\n"
        "1:\n"
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "movdqu %xmm\\n, vec + 32 * \\n(%rip)\n"
        ".endr\n"
        "2:\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".popsection\n");

static void on_fault(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];

    (void)info;
    if ((uc->uc_mcontext.gregs[REG_CSGSFS] & 4) != 0) /* of the LDT: back to 64 bits */
        uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x33;
    else if (rip - (uintptr_t)code >= CODE_SIZE) { /* not ours: a bug of the test */
        struct sigaction sa = {.sa_handler = SIG_DFL};

        sigaction(signal, &sa, NULL);
        return;
    }
    fault_vector = (int)uc->uc_mcontext.gregs[REG_TRAPNO];
    fault_error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)x86_native_return;
}

static uint8_t *map_low(size_t bytes, int prot)
{
    void *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

void native_setup(void)
{
    stack_t stack = {.ss_sp = fault_stack, .ss_size = sizeof(fault_stack)};

    if (code)
        return;
    code = map_low(CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    mem = map_low(NATIVE_MEM_SIZE + 2 * 65536, PROT_NONE) + 65536;
    if (mprotect(mem, NATIVE_MEM_SIZE, PROT_READ | PROT_WRITE))
        abort();
    x86_native_avx = __builtin_cpu_supports("avx") != 0;
    if (sigaltstack(&stack, NULL))
        abort();
}

/* For one run only: cmocka and libFuzzer have handlers of their own. */
static void catch_faults(bool on)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    static struct sigaction before[sizeof(signals) / sizeof(signals[0])];
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (on)
            sigaction(signals[i], &sa, &before[i]);
        else
            sigaction(signals[i], &before[i], NULL);
    }
}

uint8_t *native_mem(void)
{
    return mem;
}

uint64_t native_code(void)
{
    return (uintptr_t)code;
}

uint64_t native_pad(void)
{
    return (uintptr_t)code + PAD;
}

bool native_has_avx(void)
{
    return x86_native_avx;
}

/* Of the C library's thread: an instruction with an FS override goes there. */
uint64_t native_fs_base(void)
{
    unsigned long base = 0;

    syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    return base;
}

/* jmp *0(%rip), then the address. */
static void put_return(uint8_t *at)
{
    uint64_t target = (uintptr_t)x86_native_return;

    memcpy(at, "\xff\x25\0\0\0\0", 6);
    memcpy(at + 6, &target, 8);
}

/* movb $1, PAD_SEEN; and back. */
static void put_pad(void)
{
    uint32_t seen = (uint32_t)(uintptr_t)code + PAD_SEEN;

    code[PAD_SEEN] = 0;
    memcpy(code + PAD, "\xc6\x04\x25", 3);
    memcpy(code + PAD + 3, &seen, 4);
    code[PAD + 7] = 1;
    put_return(code + PAD + 8);
}

bool native_branched(void)
{
    return code[PAD_SEEN] != 0;
}

int native_run(const uint8_t *insn, unsigned int bytes, uint64_t *error)
{
    memcpy(code, insn, bytes);
    put_return(code + bytes);
    put_pad();
    catch_faults(true);
    x86_native_target = (uintptr_t)code;
    fault_vector = -1;
    fault_error = 0;
    x86_native_enter();
    catch_faults(false);
    *error = fault_error;
    return fault_vector;
}

static bool set_segment(unsigned int entry, const void *base, uint32_t limit, unsigned int contents,
                        bool wide)
{
    struct user_desc desc = {
        .entry_number = entry,
        .base_addr = (uint32_t)(uintptr_t)base,
        .limit = limit,
        .seg_32bit = wide,
        .contents = contents,
    };

    return syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)) == 0;
}

bool native_setup_legacy(void)
{
    return set_segment(0, code, CODE_SIZE - 1, MODIFY_LDT_CONTENTS_CODE, false) &&
           set_segment(1, code, CODE_SIZE - 1, MODIFY_LDT_CONTENTS_CODE, true) &&
           set_segment(2, mem, NATIVE_MEM_SIZE - 1, MODIFY_LDT_CONTENTS_DATA, true);
}

/* jmp far 33h:LEAVE, of 32 bits. */
static void put_far_return(uint8_t *at, unsigned int bits)
{
    uint32_t target = (uint32_t)(uintptr_t)code + LEAVE;

    if (bits == 16)
        *at++ = 0x66;
    *at++ = 0xea;
    memcpy(at, &target, 4);
    memcpy(at + 4, "\x33\0", 2);
}

static void set_data_segments(unsigned int selector)
{
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(selector));
}

int native_run_legacy(unsigned int bits, const uint8_t *insn, unsigned int bytes, uint64_t *error)
{
    uint64_t pointer = (uint64_t)(bits == 16 ? 0x07 : 0x0f) << 32; /* selector:0 */

    memcpy(code, insn, bytes);
    put_far_return(code + bytes, bits);
    memcpy(code + ENTRY, "\xff\x2d\x0a\0\0\0", 6); /* jmp far [rip + 10] */
    memcpy(code + ENTRY + 16, &pointer, 8);
    put_return(code + LEAVE);
    x86_native_target = (uintptr_t)code + ENTRY;
    fault_vector = -1;
    fault_error = 0;
    catch_faults(true);
    set_data_segments(NATIVE_DATA_SEL);
    x86_native_enter();
    set_data_segments(0);
    catch_faults(false);
    *error = fault_error;
    return fault_vector;
}
