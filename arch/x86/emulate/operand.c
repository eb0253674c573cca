/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands of the instruction emulator: registers, effective addresses, segmentation (Intel SDM
 * vol. 3, chapter 5; vol. 1, 3.3.7), and memory through the caller's callbacks.
 */
#include "emul.h"

/* Real mode pushes no error code (SDM vol. 3, 21.1.4). */
enum x86_emul_result x86_raise(struct x86_state *s, enum x86_vector vector, uint32_t error)
{
    bool has_error = vector == X86_EXC_GP || vector == X86_EXC_SS || vector == X86_EXC_PF;

    s->e->event = (struct x86_event){
        .vector = (uint8_t)vector,
        .has_error = has_error && (s->r->cr0 & X86_CR0_PE),
        .error = error,
    };
    return X86_EMUL_EXCEPTION;
}

bool x86_canonical(const struct x86_state *s, uint64_t linear)
{
    unsigned int unused = s->r->cr4 & X86_CR4_LA57 ? 7 : 16;

    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

uint64_t x86_get_gpr(const struct x86_state *s, unsigned int reg, unsigned int bytes)
{
    return s->r->gpr[reg] & x86_mask(bytes);
}

/* 32-bit results clear the upper half, smaller ones leave the rest alone. */
void x86_set_gpr(struct x86_state *s, unsigned int reg, unsigned int bytes, uint64_t value)
{
    uint64_t mask = x86_mask(bytes);

    if (bytes >= 4)
        s->r->gpr[reg] = value & mask;
    else
        s->r->gpr[reg] = (s->r->gpr[reg] & ~mask) | (value & mask);
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
static bool is_high_byte(const struct x86_state *s, unsigned int reg, unsigned int bytes)
{
    return bytes == 1 && !s->in->rex && reg >= 4 && reg < 8;
}

uint64_t x86_get_reg(const struct x86_state *s, unsigned int reg, unsigned int bytes)
{
    if (is_high_byte(s, reg, bytes))
        return s->r->gpr[reg - 4] >> 8 & 0xff;
    return x86_get_gpr(s, reg, bytes);
}

void x86_set_reg(struct x86_state *s, unsigned int reg, unsigned int bytes, uint64_t value)
{
    if (is_high_byte(s, reg, bytes))
        s->r->gpr[reg - 4] = (s->r->gpr[reg - 4] & ~UINT64_C(0xff00)) | (value & 0xff) << 8;
    else
        x86_set_gpr(s, reg, bytes, value);
}

void x86_effective_address(struct x86_state *s)
{
    const struct x86_insn *in = s->in;
    uint64_t ea = (uint64_t)in->disp;

    if (in->base != X86_NO_REG)
        ea += s->r->gpr[in->base];
    if (in->index != X86_NO_REG)
        ea += s->r->gpr[in->index] << in->scale;
    if (in->rip_relative)
        ea += s->next;
    s->ea = ea & x86_mask(in->ad_size);
}

/* Is this kind of access what the segment is for. */
static bool seg_allows(const struct x86_state *s, const struct x86_seg *seg, enum x86_access access)
{
    bool write = access == X86_ACCESS_WRITE || access == X86_ACCESS_RMW;

    if (!x86_protected(s))
        return true;
    if (!(seg->attr & X86_SEG_P) || !(seg->attr & X86_SEG_S))
        return false;
    if (seg->attr & X86_SEG_CODE)
        return !write && (seg->attr & X86_SEG_WRITE);
    return !write || (seg->attr & X86_SEG_WRITE);
}

/* Are bytes offset to last all inside. A segment that expands down is valid above its limit. */
static bool seg_holds(const struct x86_seg *seg, uint32_t offset, uint32_t last)
{
    bool down = (seg->attr & (X86_SEG_CODE | X86_SEG_DOWN)) == X86_SEG_DOWN;

    if (last < offset)
        return false;
    if (!down)
        return last <= seg->limit;
    return offset > seg->limit && (last <= 0xffff || (seg->attr & X86_SEG_DB));
}

/*
 * The linear address of bytes at an offset of a segment, which is #GP(0), or #SS(0) for the stack,
 * where they are not accessible.
 */
enum x86_emul_result x86_linear(struct x86_state *s, unsigned int seg_nr, uint64_t offset,
                                unsigned int bytes, enum x86_access access, uint64_t *linear)
{
    const struct x86_seg *seg = &s->r->seg[seg_nr];
    enum x86_vector fault = seg_nr == X86_SS ? X86_EXC_SS : X86_EXC_GP;

    if (x86_mode64(s)) {
        *linear = offset + (seg_nr >= X86_FS ? seg->base : 0);
        if (!x86_canonical(s, *linear) || !x86_canonical(s, *linear + bytes - 1))
            return x86_raise(s, fault, 0);
        return X86_EMUL_OKAY;
    }
    if (!seg_allows(s, seg, access) ||
        !seg_holds(seg, (uint32_t)offset, (uint32_t)offset + bytes - 1))
        return x86_raise(s, fault, 0);
    *linear = (uint32_t)(seg->base + offset);
    return X86_EMUL_OKAY;
}

/* Bytes before linear addresses wrap; all of them where they do not. */
static unsigned int before_wrap(const struct x86_state *s, uint64_t linear, unsigned int bytes)
{
    uint64_t top = x86_mode64(s) ? ~UINT64_C(0) : UINT32_MAX;

    return bytes - 1 > top - linear ? (unsigned int)(top - linear) + 1 : bytes;
}

enum x86_emul_result x86_read(struct x86_state *s, unsigned int seg, uint64_t offset, void *buf,
                              unsigned int bytes, enum x86_access access)
{
    uint64_t linear = 0;
    unsigned int first;
    enum x86_emul_result res = x86_linear(s, seg, offset, bytes, access, &linear);

    if (res != X86_EMUL_OKAY)
        return res;
    first = before_wrap(s, linear, bytes);
    res = s->e->ops->read(s->e, linear, buf, first, access);
    if (res != X86_EMUL_OKAY || first == bytes)
        return res;
    return s->e->ops->read(s->e, 0, (uint8_t *)buf + first, bytes - first, access);
}

enum x86_emul_result x86_write(struct x86_state *s, unsigned int seg, uint64_t offset,
                               const void *buf, unsigned int bytes)
{
    uint64_t linear = 0;
    unsigned int first;
    enum x86_emul_result res = x86_linear(s, seg, offset, bytes, X86_ACCESS_WRITE, &linear);

    if (res != X86_EMUL_OKAY)
        return res;
    first = before_wrap(s, linear, bytes);
    res = s->e->ops->write(s->e, linear, buf, first);
    if (res != X86_EMUL_OKAY || first == bytes)
        return res;
    return s->e->ops->write(s->e, 0, (const uint8_t *)buf + first, bytes - first);
}

enum x86_emul_result x86_read_int(struct x86_state *s, unsigned int seg, uint64_t offset,
                                  unsigned int bytes, enum x86_access access, uint64_t *value)
{
    *value = 0; /* little endian, so a short read fills the low bytes */
    return x86_read(s, seg, offset, value, bytes, access);
}

enum x86_emul_result x86_write_int(struct x86_state *s, unsigned int seg, uint64_t offset,
                                   unsigned int bytes, uint64_t value)
{
    return x86_write(s, seg, offset, &value, bytes);
}

enum x86_emul_result x86_read_e(struct x86_state *s, unsigned int bytes, uint64_t *value)
{
    if (s->in->mem)
        return x86_read_int(s, s->ea_seg, s->ea, bytes, X86_ACCESS_READ, value);
    *value = x86_get_reg(s, s->in->rm, bytes);
    return X86_EMUL_OKAY;
}

enum x86_emul_result x86_write_e(struct x86_state *s, unsigned int bytes, uint64_t value)
{
    if (s->in->mem)
        return x86_write_int(s, s->ea_seg, s->ea, bytes, value);
    x86_set_reg(s, s->in->rm, bytes, value);
    return X86_EMUL_OKAY;
}
