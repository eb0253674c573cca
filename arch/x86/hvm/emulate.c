/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction emulator at work for a guest: memory that nothing backs goes to device models,
 * piece by piece; RAM is accessed directly.
 *
 * An instruction runs until an access has to be forwarded; the vCPU waits, and with the answer the
 * same instruction (its bytes are kept) runs again from its start. What was answered, or sent, is
 * in the operands below: each access to a linear address in a direction has one, and is done once.
 */
#include "memory.h"

#include <asm/desc.h>
#include <asm/guest.h>
#include <wherry/bug.h>
#include <wherry/domain.h>
#include <wherry/lib/string.h>
#include <public/hvm/ioreq.h>

static struct hvm_operand *find_operand(struct hvm_emulation *he, uint64_t key, uint8_t kind)
{
    for (unsigned int i = 0; i < he->nr_operands; i++)
        if (he->operand[i].key == key && he->operand[i].kind == kind)
            return &he->operand[i];
    if (he->nr_operands == HVM_MAX_OPERANDS)
        return NULL;
    he->operand[he->nr_operands] = (struct hvm_operand){.key = key, .kind = kind};
    return &he->operand[he->nr_operands++];
}

/* Nearly all operands are of these sizes. */
static inline void copy_operand(void *to, const void *from, unsigned int bytes)
{
    switch (bytes) {
    case 8:
        __builtin_memcpy(to, from, 8);
        break;
    case 4:
        __builtin_memcpy(to, from, 4);
        break;
    case 1:
        *(uint8_t *)to = *(const uint8_t *)from;
        break;
    default:
        memcpy(to, from, bytes);
    }
}

static uint64_t size_mask(unsigned int size)
{
    return size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << size * 8) - 1;
}

static enum x86_emul_result page_fault(struct x86_emul *e, uint64_t linear, uint32_t error)
{
    e->event =
        (struct x86_event){.vector = X86_EXC_PF, .has_error = true, .error = error, .cr2 = linear};
    return X86_EMUL_EXCEPTION;
}

static enum x86_emul_result translate(struct x86_emul *e, uint64_t linear, enum x86_access access,
                                      uint64_t *gpa)
{
    struct x86_walk w;

    switch (hvm_translate(current, e->regs, e->regs->cpl == 3, linear, access, &w)) {
    case X86_WALK_OKAY:
        *gpa = w.gpa;
        return X86_EMUL_OKAY;
    case X86_WALK_FAULT:
        return page_fault(e, linear, w.error);
    case X86_WALK_AGAIN:
        return X86_EMUL_RETRY;
    default:
        return X86_EMUL_UNHANDLEABLE;
    }
}

/*
 * Forward one piece for `op`. OKAY: nobody claims it, and it is over; RETRY: the vCPU waits, and
 * the operand goes on with the answer.
 */
static enum x86_emul_result forward(struct vcpu *v, struct hvm_operand *op, struct ioreq_access *a)
{
    struct hvm_emulation *he = &v->arch.emul;

    he->waits_for = op;
    v->arch.io.kind = HVM_IO_EMULATE;
    switch (ioreq_forward(v, a)) {
    case IOREQ_SENT:
        return X86_EMUL_RETRY;
    case IOREQ_RETRY: /* shutting down: the instruction is for later, from its start */
        v->arch.io.kind = HVM_IO_NONE;
        he->nr_operands = 0;
        return X86_EMUL_RETRY;
    case IOREQ_UNCLAIMED:
    case IOREQ_DONE:
        break;
    }
    v->arch.io.kind = HVM_IO_NONE;
    if (a->read && !a->data_is_ptr)
        a->data = size_mask(a->size);
    return X86_EMUL_OKAY;
}

/* The largest power of two that fits into a request, the operand and the page (ABI: 8, 4, 2, 1). */
static unsigned int piece_size(uint64_t gpa, unsigned int left)
{
    uint64_t in_page = PAGE_SIZE - (gpa & ~PAGE_MASK);
    unsigned int size = 8;

    while (size > left || size > in_page)
        size /= 2;
    return size;
}

/* Nothing comes back from a single write to a VGA card's memory, so nobody needs to wait for it. */
static bool is_buffered(const struct domain *d, uint64_t gpa, bool read)
{
    return !read && d->arch.vga && gpa >= HVM_VGA_BASE && gpa < HVM_VGA_END;
}

/* The next piece of an operand that is not RAM. */
static enum x86_emul_result device_piece(struct hvm_operand *op, uint64_t gpa, unsigned int left,
                                         bool read)
{
    unsigned int size = piece_size(gpa, left);
    struct ioreq_access a = {
        .addr = gpa,
        .count = 1,
        .size = (uint8_t)size,
        .type = IOREQ_TYPE_COPY,
        .space = IOREQ_SPACE_MEMORY,
        .read = read,
        .buffered = is_buffered(current->domain, gpa, read),
    };
    enum x86_emul_result res;

    if (!read)
        copy_operand(&a.data, op->data + op->done, size);
    res = forward(current, op, &a);
    if (res != X86_EMUL_OKAY)
        return res;
    if (read)
        copy_operand(op->data + op->done, &a.data, size);
    op->done = (uint8_t)(op->done + size);
    return X86_EMUL_OKAY;
}

/* Bytes of an operand up to the end of a page. */
static unsigned int page_part(uint64_t linear, unsigned int left)
{
    uint64_t in_page = PAGE_SIZE - (linear & ~PAGE_MASK);

    return left < in_page ? left : (unsigned int)in_page;
}

/* Go on with an operand until it is through, faults, or waits. */
static enum x86_emul_result run_operand(struct x86_emul *e, struct hvm_operand *op,
                                        unsigned int bytes, enum x86_access access)
{
    bool read = op->kind == HVM_OPERAND_READ;

    while (op->done < bytes) {
        uint64_t linear = op->key + op->done, gpa;
        unsigned int part = page_part(linear, bytes - op->done);
        enum x86_emul_result res = translate(e, linear, access, &gpa);
        enum p2m_type type;
        void *host;

        if (res != X86_EMUL_OKAY)
            return res;
        host = hvm_gpa_lookup(current, gpa, &type);
        if (host != NULL) {
            if (read)
                memcpy(op->data + op->done, host, part);
            else if (!p2m_is_read_only(type)) /* else it is lost */
                memcpy(host, op->data + op->done, part);
            op->done = (uint8_t)(op->done + part);
            continue;
        }
        res = device_piece(op, gpa, part, read);
        if (res != X86_EMUL_OKAY)
            return res;
    }
    return X86_EMUL_OKAY;
}

static enum x86_emul_result emul_probe(struct x86_emul *e, uint64_t linear, unsigned int bytes,
                                       enum x86_access access)
{
    unsigned int first = page_part(linear, bytes);
    uint64_t gpa;
    enum x86_emul_result res = translate(e, linear, access, &gpa);

    if (res != X86_EMUL_OKAY || first == bytes)
        return res;
    return translate(e, linear + first, access, &gpa);
}

/* Each page of it, before the first byte is touched: a fault in the second shows no half. */
static enum x86_emul_result check_pages(struct x86_emul *e, uint64_t linear, unsigned int bytes,
                                        enum x86_access access)
{
    if (page_part(linear, bytes) == bytes)
        return X86_EMUL_OKAY;
    return emul_probe(e, linear, bytes, access);
}

static enum x86_emul_result emul_read(struct x86_emul *e, uint64_t linear, void *buf,
                                      unsigned int bytes, enum x86_access access)
{
    struct hvm_operand *op = find_operand(&current->arch.emul, linear, HVM_OPERAND_READ);
    enum x86_emul_result res;

    if (op == NULL)
        return X86_EMUL_UNHANDLEABLE;
    res = op->done == 0 ? check_pages(e, linear, bytes, access) : X86_EMUL_OKAY;
    if (res == X86_EMUL_OKAY)
        res = run_operand(e, op, bytes, access);
    if (res == X86_EMUL_OKAY)
        copy_operand(buf, op->data, bytes);
    return res;
}

static enum x86_emul_result emul_write(struct x86_emul *e, uint64_t linear, const void *buf,
                                       unsigned int bytes)
{
    struct hvm_operand *op = find_operand(&current->arch.emul, linear, HVM_OPERAND_WRITE);
    enum x86_emul_result res;

    if (op == NULL)
        return X86_EMUL_UNHANDLEABLE;
    if (op->done == 0)
        copy_operand(op->data, buf, bytes);
    res = op->done == 0 ? check_pages(e, linear, bytes, X86_ACCESS_WRITE) : X86_EMUL_OKAY;
    return res == X86_EMUL_OKAY ? run_operand(e, op, bytes, X86_ACCESS_WRITE) : res;
}

static enum x86_emul_result emul_fetch(struct x86_emul *e, uint64_t linear, void *buf,
                                       unsigned int bytes)
{
    const void *host;
    uint64_t gpa;
    enum x86_emul_result res = translate(e, linear, X86_ACCESS_FETCH, &gpa);

    if (res != X86_EMUL_OKAY)
        return res;
    host = hvm_gpa_to_host(current, gpa, false);
    if (host == NULL)
        return X86_EMUL_UNHANDLEABLE;
    memcpy(buf, host, bytes);
    return X86_EMUL_OKAY;
}

static enum x86_emul_result port_access(uint16_t port, unsigned int bytes, bool in, uint32_t *value)
{
    struct hvm_operand *op =
        find_operand(&current->arch.emul, port, in ? HVM_OPERAND_PORT_IN : HVM_OPERAND_PORT_OUT);
    struct ioreq_access a;
    enum x86_emul_result res = X86_EMUL_OKAY;

    if (op == NULL)
        return X86_EMUL_UNHANDLEABLE;
    if (op->done == 0 && hvm_local_port(current, port, bytes, in, *value))
        op->done = (uint8_t)bytes;
    if (op->done == 0) {
        hvm_port_request(current, port, bytes, in, *value, &a);
        res = forward(current, op, &a);
    }
    if (res != X86_EMUL_OKAY)
        return res;
    if (in && op->done == 0)
        copy_operand(op->data, &a.data, bytes);
    op->done = (uint8_t)bytes;
    if (in) {
        *value = 0;
        copy_operand(value, op->data, bytes);
    }
    return X86_EMUL_OKAY;
}

static enum x86_emul_result emul_in(struct x86_emul *e, uint16_t port, unsigned int bytes,
                                    uint32_t *value)
{
    (void)e;
    return port_access(port, bytes, true, value);
}

static enum x86_emul_result emul_out(struct x86_emul *e, uint16_t port, unsigned int bytes,
                                     uint32_t value)
{
    (void)e;
    return port_access(port, bytes, false, &value);
}

/* --- batches of string instructions --- */

struct batch {
    uint64_t gpa;  /* of the device's first element; or the port */
    uint64_t data; /* of the RAM's first element */
    bool read;     /* from the device */
    bool is_port, has_data;
};

/* Elements from this one on that stay inside the page. */
static uint32_t in_page(uint64_t addr, unsigned int bytes, bool down, uint32_t count)
{
    uint64_t offset = addr & ~PAGE_MASK;
    uint64_t n;

    if (offset + bytes > PAGE_SIZE)
        return 0;
    n = down ? offset / bytes + 1 : (PAGE_SIZE - offset) / bytes;
    return n < count ? (uint32_t)n : count;
}

static enum x86_emul_result locate(struct x86_emul *e, uint64_t linear, enum x86_access access,
                                   uint64_t *gpa, bool *ram)
{
    enum x86_emul_result res = translate(e, linear, access, gpa);
    enum p2m_type type;

    if (res != X86_EMUL_OKAY)
        return res;
    *ram = hvm_gpa_lookup(current, *gpa, &type) != NULL;
    /* What is lost goes element by element. */
    return access == X86_ACCESS_WRITE && p2m_is_read_only(type) ? X86_EMUL_UNHANDLEABLE
                                                                : X86_EMUL_OKAY;
}

/* Which side is the device's; UNHANDLEABLE: none, or both. Clips the count to the pages. */
static enum x86_emul_result plan_movs(struct x86_emul *e, const struct x86_rep *r, struct batch *b,
                                      uint32_t *n)
{
    bool src_ram, dst_ram;
    uint64_t src, dst;
    enum x86_emul_result res = locate(e, r->src, X86_ACCESS_READ, &src, &src_ram);

    if (res == X86_EMUL_OKAY)
        res = locate(e, r->dst, X86_ACCESS_WRITE, &dst, &dst_ram);
    if (res != X86_EMUL_OKAY)
        return res;
    if (src_ram == dst_ram)
        return X86_EMUL_UNHANDLEABLE;
    b->read = dst_ram;
    b->gpa = dst_ram ? src : dst;
    b->data = dst_ram ? dst : src;
    b->has_data = true;
    *n = in_page(b->gpa, r->bytes, r->down, in_page(b->data, r->bytes, r->down, *n));
    return X86_EMUL_OKAY;
}

static enum x86_emul_result plan_stos(struct x86_emul *e, const struct x86_rep *r, struct batch *b,
                                      uint32_t *n)
{
    bool ram;
    enum x86_emul_result res = locate(e, r->dst, X86_ACCESS_WRITE, &b->gpa, &ram);

    if (res != X86_EMUL_OKAY)
        return res;
    if (ram)
        return X86_EMUL_UNHANDLEABLE;
    *n = in_page(b->gpa, r->bytes, r->down, *n);
    return X86_EMUL_OKAY;
}

static enum x86_emul_result plan_port(struct x86_emul *e, const struct x86_rep *r, struct batch *b,
                                      uint32_t *n)
{
    bool in = r->kind == X86_REP_INS, ram;
    enum x86_emul_result res =
        locate(e, in ? r->dst : r->src, in ? X86_ACCESS_WRITE : X86_ACCESS_READ, &b->data, &ram);

    if (res != X86_EMUL_OKAY)
        return res;
    if (!ram || hvm_port_is_watched(r->port, r->bytes, in))
        return X86_EMUL_UNHANDLEABLE;
    b->read = in;
    b->is_port = b->has_data = true;
    *n = in_page(b->data, r->bytes, r->down, *n);
    return X86_EMUL_OKAY;
}

/* Nobody answers a batch that reads: the RAM it goes to is all ones. It is inside one page. */
static void fill_ones(const struct ioreq_access *a)
{
    uint64_t first = a->df ? a->data - (uint64_t)(a->count - 1) * a->size : a->data;
    void *host;

    if (!a->read || !a->data_is_ptr)
        return;
    host = hvm_gpa_to_host(current, first, true);
    if (host != NULL)
        memset(host, 0xff, (size_t)a->count * a->size);
}

static void batch_request(const struct x86_rep *r, const struct batch *b, uint32_t n,
                          struct ioreq_access *a)
{
    if (b->is_port)
        hvm_port_request(current, r->port, r->bytes, b->read, 0, a);
    else
        *a = (struct ioreq_access){.addr = b->gpa,
                                   .size = r->bytes,
                                   .type = IOREQ_TYPE_COPY,
                                   .space = IOREQ_SPACE_MEMORY,
                                   .read = b->read};
    a->count = n;
    a->df = r->down;
    a->data_is_ptr = b->has_data;
    a->data = b->has_data ? b->data : r->value;
}

static enum x86_emul_result emul_rep(struct x86_emul *e, const struct x86_rep *r, uint32_t *done)
{
    struct hvm_emulation *he = &current->arch.emul;
    struct batch b = {0};
    struct ioreq_access a;
    uint32_t n = r->count;
    enum x86_emul_result res;

    if (he->batch_done != 0) { /* the answer is there */
        *done = he->batch_done;
        return X86_EMUL_OKAY;
    }
    if (he->nr_operands != 0 || (e->regs->rflags & X86_FLAG_TF))
        return X86_EMUL_UNHANDLEABLE; /* in the middle of one element, or step by step */
    if (r->kind == X86_REP_MOVS)
        res = plan_movs(e, r, &b, &n);
    else if (r->kind == X86_REP_STOS)
        res = plan_stos(e, r, &b, &n);
    else
        res = plan_port(e, r, &b, &n);
    if (res != X86_EMUL_OKAY)
        return res;
    if (n < 2)
        return X86_EMUL_UNHANDLEABLE;
    batch_request(r, &b, n, &a);
    he->batch = n;
    res = forward(current, NULL, &a);
    if (res != X86_EMUL_OKAY)
        return res;
    he->batch = 0;
    fill_ones(&a);
    *done = n;
    return X86_EMUL_OKAY;
}

static const struct x86_emul_ops ops = {
    .fetch = emul_fetch,
    .read = emul_read,
    .write = emul_write,
    .port_in = emul_in,
    .port_out = emul_out,
    .port_check = hvm_port_check,
    .probe = emul_probe,
    .rep = emul_rep,
};

/* --- the instruction --- */

static void forget(struct hvm_emulation *he)
{
    he->nr_operands = 0;
    he->insn.nr_bytes = 0;
    he->insn.resume = false;
    he->batch = he->batch_done = 0;
    he->waits_for = NULL;
}

static void inject(struct vcpu *v, const struct x86_event *event)
{
    if (event->vector == X86_EXC_PF)
        hvm_inject_page_fault(v, event->cr2, event->error);
    else
        hvm_inject_exception(v, event->vector, event->has_error, event->error);
}

/* Only moves of vectors need them, and those are few: a second try. */
static enum x86_emul_result with_vectors(struct vcpu *v, struct x86_emul *e)
{
    static DEFINE_PER_CPU(struct x86_vec, vec[16]);
    struct x86_vec *regs = this_cpu(vec);
    enum x86_emul_result res;

    hvm_fpu_sync(v);
    hvm_get_regs(v, e->regs); /* the first try may have changed them */
    e->resume = false;
    hvm_get_vectors(v, regs);
    e->regs->vec = regs;
    res = x86_emulate_in_place(e);
    if (res != X86_EMUL_OKAY)
        return res;
    hvm_put_vectors(v, regs);
    hvm_fpu_reload(v);
    return res;
}

static void conclude(struct vcpu *v, const struct x86_emul *e, enum x86_emul_result res)
{
    bool step = v->arch.regs.rflags & X86_FLAG_TF;

    switch (res) {
    case X86_EMUL_OKAY: /* or one element of a string, which is a step too */
        hvm_put_regs(v, e);
        hvm_retire(v, step);
        if (e->again)
            v->arch.regs.rflags = e->regs->rflags; /* RF is for all elements */
        break;
    case X86_EMUL_EXCEPTION:
        inject(v, &e->event);
        break;
    case X86_EMUL_UNDEFINED:
        hvm_inject_exception(v, VEC_UD, false, 0);
        break;
    default:
        atomic64_count(&v->domain->stats.undecoded);
        hvm_inject_exception(v, VEC_GP, true, 0);
    }
    forget(&v->arch.emul);
}

void hvm_emulate(struct vcpu *v)
{
    struct x86_emul *e = &v->arch.emul.insn;
    struct x86_regs regs;
    enum x86_emul_result res;

    hvm_get_regs(v, &regs);
    e->regs = &regs;
    e->ops = &ops;
    res = x86_emulate_in_place(e);
    if (unlikely(res == X86_EMUL_UNHANDLEABLE))
        res = with_vectors(v, e);
    if (res != X86_EMUL_RETRY)
        conclude(v, e, res);
    else if (v->arch.io.kind == HVM_IO_NONE) /* nothing was sent: all of it again, later */
        forget(&v->arch.emul);
    else
        e->resume = true;
}

void hvm_emulate_answer(struct vcpu *v, const struct ioreq_access *a, bool answered)
{
    struct hvm_emulation *he = &v->arch.emul;
    struct hvm_operand *op = he->waits_for;

    if (he->batch != 0) {
        if (!answered)
            fill_ones(a);
        he->batch_done = he->batch;
        he->batch = 0;
    } else if (op != NULL) {
        if (a->read)
            copy_operand(op->data + op->done, &a->data, a->size);
        op->done = (uint8_t)(op->done + a->size);
    }
    he->waits_for = NULL;
    hvm_emulate(v);
}
