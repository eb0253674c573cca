/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Near branches of the instruction emulator. A target outside the code segment or non-canonical is
 * #GP(0) of the branch itself, before it changes anything.
 */
#include "emul.h"

static enum x86_emul_result check_target(struct x86_state *s, uint64_t *target)
{
    if (x86_mode64(s))
        return x86_canonical(s, *target) ? X86_EMUL_OKAY : x86_raise(s, X86_EXC_GP, 0);
    *target &= x86_mask(s->size);
    return *target <= s->r->seg[X86_CS].limit ? X86_EMUL_OKAY : x86_raise(s, X86_EXC_GP, 0);
}

static enum x86_emul_result jump(struct x86_state *s, uint64_t target)
{
    enum x86_emul_result res = check_target(s, &target);

    s->r->rip = target;
    return res;
}

static enum x86_emul_result call(struct x86_state *s, uint64_t target)
{
    enum x86_emul_result res = check_target(s, &target);

    if (res == X86_EMUL_OKAY)
        res = x86_push(s, s->size, s->next);
    s->r->rip = target;
    return res;
}

static uint64_t relative(const struct x86_state *s)
{
    return s->next + (uint64_t)s->in->imm;
}

enum x86_emul_result x86_exec_jcc(struct x86_state *s)
{
    return x86_condition(s, s->in->opcode) ? jump(s, relative(s)) : X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_jmp(struct x86_state *s)
{
    return jump(s, relative(s));
}

enum x86_emul_result x86_exec_jmp_e(struct x86_state *s)
{
    return jump(s, s->dst);
}

enum x86_emul_result x86_exec_call(struct x86_state *s)
{
    return call(s, relative(s));
}

enum x86_emul_result x86_exec_call_e(struct x86_state *s)
{
    return call(s, s->dst);
}

enum x86_emul_result x86_exec_ret(struct x86_state *s)
{
    uint64_t target = 0;
    enum x86_emul_result res = x86_pop(s, s->size, &target);

    if (res == X86_EMUL_OKAY)
        res = jump(s, target);
    if (res == X86_EMUL_OKAY)
        x86_release_stack(s, (uint64_t)s->in->imm);
    return res;
}

/* LOOPNE, LOOPE, LOOP, JrCXZ by the address size. */
enum x86_emul_result x86_exec_loop(struct x86_state *s)
{
    uint64_t count = x86_get_gpr(s, X86_RCX, s->in->ad_size);
    bool zero = s->r->rflags & X86_FLAG_ZF, taken;

    if ((s->in->opcode & 3) == 3) {
        taken = count == 0;
    } else {
        count = (count - 1) & x86_mask(s->in->ad_size);
        taken = count != 0;
    }
    if ((s->in->opcode & 3) < 2)
        taken = taken && zero == (s->in->opcode & 1);
    if (taken) {
        enum x86_emul_result res = jump(s, relative(s));

        if (res != X86_EMUL_OKAY)
            return res;
    }
    if ((s->in->opcode & 3) != 3)
        x86_set_gpr(s, X86_RCX, s->in->ad_size, count);
    return X86_EMUL_OKAY;
}
