/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges and byte swaps of the instruction emulator. A read-modify-write of forwarded memory is
 * a read and a write, LOCK or not; a comparison that fails writes nothing.
 */
#include "emul.h"

enum x86_emul_result x86_exec_xadd(struct x86_state *s)
{
    uint64_t sum = x86_alu_add(s, s->dst, s->src, 0);

    x86_set_reg(s, s->in->reg, s->size, s->dst);
    s->dst = sum;
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_cmpxchg(struct x86_state *s)
{
    uint64_t rax = x86_get_gpr(s, X86_RAX, s->size);

    x86_alu_sub(s, rax, s->dst, 0);
    if (rax == s->dst) {
        s->dst = s->src;
        return X86_EMUL_OKAY;
    }
    x86_set_gpr(s, X86_RAX, s->size, s->dst);
    s->dst_skip = true;
    return X86_EMUL_OKAY;
}

/* CMPXCHG8B and, with REX.W, CMPXCHG16B, whose operand is aligned or #GP(0). */
enum x86_emul_result x86_exec_cmpxchg8b(struct x86_state *s)
{
    unsigned int half = s->in->rex_w ? 8 : 4;
    uint64_t old[2] = {0, 0}, new[2], linear = 0;
    uint8_t buf[16];
    enum x86_emul_result res;

    res = x86_linear(s, s->ea_seg, s->ea, half * 2, X86_ACCESS_RMW, &linear);
    if (res != X86_EMUL_OKAY)
        return res;
    if (half == 8 && (linear & 15))
        return x86_raise(s, X86_EXC_GP, 0);
    res = x86_read(s, s->ea_seg, s->ea, buf, half * 2, X86_ACCESS_RMW);
    if (res != X86_EMUL_OKAY)
        return res;
    for (unsigned int i = 0; i < half * 2; i++)
        old[i / half] |= (uint64_t)buf[i] << (i % half * 8);
    if (old[0] != x86_get_gpr(s, X86_RAX, half) || old[1] != x86_get_gpr(s, X86_RDX, half)) {
        x86_set_gpr(s, X86_RAX, half, old[0]);
        x86_set_gpr(s, X86_RDX, half, old[1]);
        x86_flags_set(s, X86_FLAG_ZF, 0);
        return X86_EMUL_OKAY;
    }
    new[0] = s->r->gpr[X86_RBX];
    new[1] = s->r->gpr[X86_RCX];
    for (unsigned int i = 0; i < half * 2; i++)
        buf[i] = (uint8_t)(new[i / half] >> (i % half * 8));
    x86_flags_set(s, X86_FLAG_ZF, X86_FLAG_ZF);
    return x86_write(s, s->ea_seg, s->ea, buf, half * 2);
}

static uint64_t swap_bytes(uint64_t value, unsigned int bytes)
{
    return __builtin_bswap64(value) >> (64 - bytes * 8);
}

enum x86_emul_result x86_exec_movbe(struct x86_state *s)
{
    s->dst = swap_bytes(s->src, s->size);
    return X86_EMUL_OKAY;
}

/* No prefix makes anything else of it, and a word has no such store. */
enum x86_emul_result x86_exec_movnti(struct x86_state *s)
{
    if (x86_prefix(s->in) != X86_PP_NONE)
        return X86_EMUL_UNDEFINED;
    s->dst = s->src;
    return X86_EMUL_OKAY;
}

/* Of 16 bits undefined by the manual; processors give zero. */
enum x86_emul_result x86_exec_bswap(struct x86_state *s)
{
    s->dst = s->size == 2 ? 0 : swap_bytes(s->dst, s->size);
    return X86_EMUL_OKAY;
}
