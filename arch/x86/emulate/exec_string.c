/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions, IN and OUT of the instruction emulator. With REP one call does one element,
 * or a batch through the caller's hook; rip stays until the count is used up.
 */
#include "emul.h"

#define MAX_BATCH 4096u

/* rSI and rDI advance with DF and wrap at the address size. */
static void advance(struct x86_state *s, unsigned int reg, uint32_t count)
{
    uint64_t step = (uint64_t)count * s->size;
    uint64_t value = s->r->gpr[reg];

    x86_set_gpr(s, reg, s->in->ad_size, s->r->rflags & X86_FLAG_DF ? value - step : value + step);
}

static uint64_t counter(const struct x86_state *s)
{
    return x86_get_gpr(s, X86_RCX, s->in->ad_size);
}

/* A repeat of nothing does not touch memory; 32-bit counts clear their upper half even so. */
static bool nothing_to_do(struct x86_state *s)
{
    return s->in->rep && counter(s) == 0;
}

/* `count` elements are through. */
static void count_down(struct x86_state *s, uint32_t count, bool stop)
{
    if (!s->in->rep)
        return;
    x86_set_gpr(s, X86_RCX, s->in->ad_size, counter(s) - count);
    if (counter(s) == 0 || stop)
        return;
    s->r->rip = s->start;
    s->e->again = true;
}

static unsigned int src_seg(const struct x86_state *s)
{
    return s->in->seg != X86_NO_REG ? s->in->seg : X86_DS;
}

static uint64_t string_offset(const struct x86_state *s, unsigned int reg)
{
    return x86_get_gpr(s, reg, s->in->ad_size);
}

/*
 * The lowest byte of `count` elements at a string register, as a linear address in `linear`'s terms
 * of the first element. False: they wrap or leave the segment, and go one by one.
 */
static bool batch_range(struct x86_state *s, unsigned int seg, unsigned int reg, uint32_t count,
                        enum x86_access access, uint64_t *linear)
{
    uint64_t offset = string_offset(s, reg), low = 0;
    uint64_t below = (uint64_t)(count - 1) * s->size;
    unsigned int bytes = count * s->size;

    if (!(s->r->rflags & X86_FLAG_DF))
        below = 0;
    if (offset < below || bytes - 1 > x86_mask(s->in->ad_size) - (offset - below))
        return false;
    if (x86_linear(s, seg, offset - below, bytes, access, &low) != X86_EMUL_OKAY)
        return false;
    if (!x86_mode64(s) && bytes - 1 > UINT32_MAX - low)
        return false;
    *linear = low + below;
    return true;
}

/* Offer the rest to the caller. UNHANDLEABLE: one by one. */
static enum x86_emul_result batch(struct x86_state *s, struct x86_rep *rep)
{
    bool uses_src = rep->kind == X86_REP_OUTS || rep->kind == X86_REP_MOVS;
    uint64_t left = counter(s);
    uint32_t done = 0;
    enum x86_emul_result res;

    if (!s->in->rep || !s->e->ops->rep || left < 2)
        return X86_EMUL_UNHANDLEABLE;
    rep->bytes = (uint8_t)s->size;
    rep->down = s->r->rflags & X86_FLAG_DF;
    rep->count = left < MAX_BATCH ? (uint32_t)left : MAX_BATCH;
    if (uses_src && !batch_range(s, src_seg(s), X86_RSI, rep->count, X86_ACCESS_READ, &rep->src))
        return X86_EMUL_UNHANDLEABLE;
    if (rep->kind != X86_REP_OUTS &&
        !batch_range(s, X86_ES, X86_RDI, rep->count, X86_ACCESS_WRITE, &rep->dst))
        return X86_EMUL_UNHANDLEABLE;
    res = s->e->ops->rep(s->e, rep, &done);
    if (res != X86_EMUL_OKAY)
        return res;
    if (done == 0 || done > rep->count)
        return X86_EMUL_UNHANDLEABLE;
    if (uses_src)
        advance(s, X86_RSI, done);
    if (rep->kind != X86_REP_OUTS)
        advance(s, X86_RDI, done);
    count_down(s, done, false);
    return X86_EMUL_OKAY;
}

static enum x86_emul_result read_src(struct x86_state *s, uint64_t *value)
{
    return x86_read_int(s, src_seg(s), string_offset(s, X86_RSI), s->size, X86_ACCESS_READ, value);
}

enum x86_emul_result x86_exec_movs(struct x86_state *s)
{
    struct x86_rep rep = {.kind = X86_REP_MOVS};
    uint64_t value = 0;
    enum x86_emul_result res;

    if (nothing_to_do(s))
        return X86_EMUL_OKAY;
    res = batch(s, &rep);
    if (res != X86_EMUL_UNHANDLEABLE)
        return res;
    res = read_src(s, &value);
    if (res == X86_EMUL_OKAY)
        res = x86_write_int(s, X86_ES, string_offset(s, X86_RDI), s->size, value);
    if (res != X86_EMUL_OKAY)
        return res;
    advance(s, X86_RSI, 1);
    advance(s, X86_RDI, 1);
    count_down(s, 1, false);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_stos(struct x86_state *s)
{
    struct x86_rep rep = {.kind = X86_REP_STOS, .value = x86_get_gpr(s, X86_RAX, s->size)};
    enum x86_emul_result res;

    if (nothing_to_do(s))
        return X86_EMUL_OKAY;
    res = batch(s, &rep);
    if (res != X86_EMUL_UNHANDLEABLE)
        return res;
    res = x86_write_int(s, X86_ES, string_offset(s, X86_RDI), s->size, rep.value);
    if (res != X86_EMUL_OKAY)
        return res;
    advance(s, X86_RDI, 1);
    count_down(s, 1, false);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_lods(struct x86_state *s)
{
    uint64_t value = 0;
    enum x86_emul_result res;

    if (nothing_to_do(s))
        return X86_EMUL_OKAY;
    res = read_src(s, &value);
    if (res != X86_EMUL_OKAY)
        return res;
    x86_set_gpr(s, X86_RAX, s->size, value);
    advance(s, X86_RSI, 1);
    count_down(s, 1, false);
    return X86_EMUL_OKAY;
}

/* REPE goes on while ZF is set, REPNE while it is clear. */
static void count_down_compare(struct x86_state *s)
{
    bool equal = s->r->rflags & X86_FLAG_ZF;

    count_down(s, 1, equal != (s->in->rep == 0xf3));
}

enum x86_emul_result x86_exec_cmps(struct x86_state *s)
{
    uint64_t a = 0, b = 0;
    enum x86_emul_result res;

    if (nothing_to_do(s))
        return X86_EMUL_OKAY;
    res = read_src(s, &a);
    if (res == X86_EMUL_OKAY)
        res = x86_read_int(s, X86_ES, string_offset(s, X86_RDI), s->size, X86_ACCESS_READ, &b);
    if (res != X86_EMUL_OKAY)
        return res;
    x86_alu_sub(s, a, b, 0);
    advance(s, X86_RSI, 1);
    advance(s, X86_RDI, 1);
    count_down_compare(s);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_scas(struct x86_state *s)
{
    uint64_t value = 0;
    enum x86_emul_result res;

    if (nothing_to_do(s))
        return X86_EMUL_OKAY;
    res = x86_read_int(s, X86_ES, string_offset(s, X86_RDI), s->size, X86_ACCESS_READ, &value);
    if (res != X86_EMUL_OKAY)
        return res;
    x86_alu_sub(s, x86_get_gpr(s, X86_RAX, s->size), value, 0);
    advance(s, X86_RDI, 1);
    count_down_compare(s);
    return X86_EMUL_OKAY;
}

/* Ports have no 64-bit accesses. CPL above IOPL and virtual-8086 mode ask the TSS. */
static enum x86_emul_result check_port(struct x86_state *s, uint16_t port)
{
    bool vm86 = s->r->rflags & X86_FLAG_VM;
    enum x86_emul_result (*check)(struct x86_emul *, uint16_t, unsigned int) =
        s->e->ops->port_check;

    if (s->size > 4)
        s->size = 4;
    if (!(s->r->cr0 & X86_CR0_PE) || (!vm86 && s->r->cpl <= (s->r->rflags >> 12 & 3)))
        return X86_EMUL_OKAY;
    return check ? check(s->e, port, s->size) : x86_raise(s, X86_EXC_GP, 0);
}

/* May an element be stored at [rDI]. */
static enum x86_emul_result probe_dst(struct x86_state *s)
{
    uint64_t linear = 0;
    enum x86_emul_result res =
        x86_linear(s, X86_ES, string_offset(s, X86_RDI), s->size, X86_ACCESS_WRITE, &linear);

    if (res != X86_EMUL_OKAY || !s->e->ops->probe)
        return res;
    return s->e->ops->probe(s->e, linear, s->size, X86_ACCESS_WRITE);
}

/* The destination is checked before the port is read, for a device's read may change it. */
enum x86_emul_result x86_exec_ins(struct x86_state *s)
{
    struct x86_rep rep = {.kind = X86_REP_INS, .port = (uint16_t)s->r->gpr[X86_RDX]};
    uint32_t value = 0;
    enum x86_emul_result res = check_port(s, rep.port);

    if (res != X86_EMUL_OKAY || nothing_to_do(s))
        return res;
    res = batch(s, &rep);
    if (res != X86_EMUL_UNHANDLEABLE)
        return res;
    res = probe_dst(s);
    if (res == X86_EMUL_OKAY)
        res = s->e->ops->port_in(s->e, rep.port, s->size, &value);
    if (res == X86_EMUL_OKAY)
        res = x86_write_int(s, X86_ES, string_offset(s, X86_RDI), s->size, value);
    if (res != X86_EMUL_OKAY)
        return res;
    advance(s, X86_RDI, 1);
    count_down(s, 1, false);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_exec_outs(struct x86_state *s)
{
    struct x86_rep rep = {.kind = X86_REP_OUTS, .port = (uint16_t)s->r->gpr[X86_RDX]};
    uint64_t value = 0;
    enum x86_emul_result res = check_port(s, rep.port);

    if (res != X86_EMUL_OKAY || nothing_to_do(s))
        return res;
    res = batch(s, &rep);
    if (res != X86_EMUL_UNHANDLEABLE)
        return res;
    res = read_src(s, &value);
    if (res == X86_EMUL_OKAY)
        res = s->e->ops->port_out(s->e, rep.port, s->size, (uint32_t)value);
    if (res != X86_EMUL_OKAY)
        return res;
    advance(s, X86_RSI, 1);
    count_down(s, 1, false);
    return X86_EMUL_OKAY;
}

static uint16_t io_port(const struct x86_state *s)
{
    return s->in->op.form == F_NONE ? (uint16_t)s->r->gpr[X86_RDX] : (uint8_t)s->in->imm;
}

enum x86_emul_result x86_exec_in(struct x86_state *s)
{
    uint32_t value = 0;
    enum x86_emul_result res = check_port(s, io_port(s));

    if (res == X86_EMUL_OKAY)
        res = s->e->ops->port_in(s->e, io_port(s), s->size, &value);
    if (res == X86_EMUL_OKAY)
        x86_set_gpr(s, X86_RAX, s->size, value);
    return res;
}

enum x86_emul_result x86_exec_out(struct x86_state *s)
{
    enum x86_emul_result res = check_port(s, io_port(s));

    if (res != X86_EMUL_OKAY)
        return res;
    return s->e->ops->port_out(s->e, io_port(s), s->size,
                               (uint32_t)x86_get_gpr(s, X86_RAX, s->size));
}
