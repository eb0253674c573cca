/* SPDX-License-Identifier: Apache-2.0 */
/* XSAVE and AVX as a guest finds them: CPUID, CR4.OSXSAVE, XSETBV, upper halves of registers. */
#include "xstate.h"

#define MXCSR     0x1f80
#define XCR0_PKRU 9 /* QEMU, an AMD, lets a guest write XCR0 by itself, and has this */

static bool is_amd(void)
{
    return cpuid(0, 0).c == 0x444d4163; /* "cAMD" */
}

void ymm_fill(uint64_t seed)
{
    uint64_t b[4];

#define YMM_FILL(n)                                        \
    __asm__ volatile("vmovups %%ymm" #n ", %0" : "=m"(b)); \
    b[2] = seed + (n), b[3] = ~seed * ((n) + 3);           \
    __asm__ volatile("vmovups %0, %%ymm" #n ::"m"(b));
    EACH_XMM(YMM_FILL)
}

unsigned int ymm_differs(uint64_t seed)
{
    unsigned int wrong = 0;
    uint64_t b[4];

#define YMM_DIFFERS(n)                                     \
    __asm__ volatile("vmovups %%ymm" #n ", %0" : "=m"(b)); \
    wrong += b[2] != seed + (n) || b[3] != ~seed * ((n) + 3);
    EACH_XMM(YMM_DIFFERS)
    return wrong;
}

static bool in_cpuid(void)
{
    return cpuid(1, 0).c >> 27 & 1;
}

static bool traps(uint32_t index, uint64_t value, unsigned int vector)
{
    uint64_t before = vector == VEC_UD ? 0 : xgetbv(0);
    struct trap_info t;

    expect_trap();
    xsetbv(index, value);
    return trap_taken(&t) && t.vector == vector && t.error == 0 &&
           (vector == VEC_UD || xgetbv(0) == before);
}

static void switching_on(void)
{
    tap(!in_cpuid(), "xsave: CPUID says that it is off");
    tap(traps(0, 1, VEC_UD), "xsave: XSETBV is undefined while it is off");
    osxsave(true);
    tap(in_cpuid(), "xsave: CPUID says that it is on");
    tap_eq((int64_t)xgetbv(0), 1, "xsave: XCR0 begins with x87 alone");
    osxsave(false);
    tap(!in_cpuid(), "xsave: off again");
    osxsave(true);
}

static void bad_values(void)
{
    uint64_t most = cpuid(0xd, 0).a, all = most | (uint64_t)cpuid(0xd, 0).d << 32;
    unsigned int taken = 0;

    tap(traps(0, 0, VEC_GP), "xsetbv: not without x87");
    tap(traps(0, 2, VEC_GP), "xsetbv: nor with SSE alone");
    tap(traps(0, 5, VEC_GP), "xsetbv: AVX wants SSE");
    tap(traps(1, 1, VEC_GP), "xsetbv: there is one register");
    tap(traps(UINT32_MAX, 1, VEC_GP), "xsetbv: and no last one");
    for (unsigned int i = 1; i < 64; i++)
        if (!(all >> i & 1) && !(i == XCR0_PKRU && is_amd()))
            taken += !traps(0, 3 | UINT64_C(1) << i, VEC_GP);
    tap_eq(taken, 0, "xsetbv: no bit that CPUID does not have");
}

static void sizes(void)
{
    struct cpuid all = cpuid(0xd, 0), opt = cpuid(0xd, 1), avx = cpuid(0xd, 2);

    tap((all.a & 3) == 3 && all.d == 0, "xsave: x87 and SSE are offered # %#x", all.a);
    tap_eq(all.c, has_avx() ? 832 : 576, "xsave: bytes of all that is offered");
    tap_eq(all.a >> 2, has_avx() ? 1 : 0, "xsave: AVX if there is AVX, and no more");
    tap((opt.a & 8) == 0 && opt.c == 0 && opt.d == 0, "xsave: no XSAVES");
    tap(has_avx() ? avx.a == 256 && avx.b == 576 : avx.a == 0 && avx.b == 0,
        "xsave: where AVX's part is");
    xsetbv(0, 3);
    tap_eq((int64_t)xgetbv(0), 3, "xsetbv: x87 and SSE");
    tap_eq(cpuid(0xd, 0).b, 576, "xsave: bytes of those");
    tap_eq(cpuid(0xd, 0).c, all.c, "xsave: the most stays");
}

/* SDM vol. 1, 13.5.1: what XSAVE writes of the registers, and XRSTOR takes back. */
static void saving(void)
{
    static uint8_t area[832] __attribute__((aligned(64)));
    uint64_t bv, low = 0;

    xsetbv(0, 3);
    __asm__ volatile("movq %0, %%xmm9" ::"r"(UINT64_C(0x1122334455667788)));
    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(7), "d"(0));
    bv = *(const uint64_t *)(const void *)(area + 512);
    tap((bv & 2) != 0 && bv >> 2 == 0, "xsave: SSE is in use, what is off is not # %#x",
        (unsigned int)bv);
    tap_eq(*(const uint32_t *)(const void *)(area + 24), MXCSR, "xsave: MXCSR");
    __asm__ volatile("movq %0, %%xmm9" ::"r"(UINT64_C(0)));
    __asm__ volatile("xrstor64 %0" ::"m"(area), "a"(7), "d"(0));
    __asm__ volatile("movq %%xmm9, %0" : "=r"(low));
    tap_eq((int64_t)low, 0x1122334455667788, "xrstor: a register of SSE comes back");
}

static void avx(void)
{
    const uint64_t seed = UINT64_C(0xfedcba9876543210);
    struct trap_info t;
    uint64_t b[4] = {1, 1, 1, 1};

    xsetbv(0, 3);
    expect_trap();
    __asm__ volatile(MAY_TRAP("vmovups %%ymm0, %0") : "=m"(b));
    tap(trap_taken(&t) && t.vector == VEC_UD, "avx: undefined while it is not in XCR0");
    xsetbv(0, 7);
    tap_eq((int64_t)xgetbv(0), 7, "xsetbv: AVX");
    tap_eq(cpuid(0xd, 0).b, 832, "xsave: bytes with AVX");
    __asm__ volatile("vmovups %%ymm0, %0" : "=m"(b));
    tap(b[2] == 0 && b[3] == 0, "avx: upper halves begin as 0");
    ymm_fill(seed);
    cpuid(1, 0);
    yield_cpu();
    tap_eq(ymm_differs(seed), 0, "avx: exits leave the upper halves alone");
    xsetbv(0, 1);
    yield_cpu();
    delay_us(15000); /* longer than a slice: others of this pCPU run */
    xsetbv(0, 7);
    tap_eq(ymm_differs(seed), 0, "avx: nor are they lost while it is off");
    osxsave(false);
    expect_trap();
    __asm__ volatile(MAY_TRAP("vmovups %%ymm0, %0") : "=m"(b));
    tap(trap_taken(&t) && t.vector == VEC_UD, "avx: undefined without CR4.OSXSAVE");
    osxsave(true);
    tap_eq((int64_t)xgetbv(0), 7, "xsave: XCR0 does not change with CR4");
}

void test_xstate(void)
{
    if (!has_xsave()) {
        tap(!has_avx(), "no XSAVE, no AVX");
        return;
    }
    switching_on();
    sizes();
    bad_values();
    saving();
    if (has_avx())
        avx();
    xsetbv(0, 1);
    osxsave(false);
}
