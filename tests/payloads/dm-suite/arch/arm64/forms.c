/* SPDX-License-Identifier: Apache-2.0 */
/* Every size and form of access: what the request says, and what the guest's registers get. */
#include "suite.h"

#define FORM(n, text, load, size, ext, pair, offset, step, index) \
    {text, load, size, ext, pair, offset, step, index},
static const struct form forms[] = {FORMS};
#undef FORM

#define BASE  (WINDOW_DEVICE + 0x800)
#define DATA  UINT64_C(0x91a2b3c4d5e6f788)
#define DATA2 UINT64_C(0x8877665544332211)
#define READ1 UINT64_C(0xfedcba98f6e4d2c1)
#define READ2 UINT64_C(0x0123456789abcdef)

static uint64_t mask(unsigned int size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

static uint64_t extend(const struct form *f, uint64_t v, uint64_t unchanged)
{
    uint64_t sign = UINT64_C(1) << (8 * f->size - 1);

    v &= mask(f->size);
    if (f->ext == NO_REG)
        return unchanged;
    if (f->ext == ZERO || !(v & sign))
        return v;
    v |= ~mask(f->size);
    return f->ext == SIGN32 ? (uint32_t)v : v;
}

static bool request_ok(const struct form *f, unsigned int n, uint64_t data)
{
    const struct ioreq *r = &seen[n];
    uint64_t addr = BASE + (uint64_t)(int64_t)f->offset + n * f->size;
    bool ok = r->addr == addr && r->size == f->size && r->count == 1 && !r->data_is_ptr && !r->df &&
              r->type == IOREQ_TYPE_COPY && r->dir == f->load;

    if (ok && !f->load)
        ok = r->data == (f->ext == NO_REG ? 0 : data & mask(f->size));
    if (ok && f->load)
        ok = r->data == 0;
    if (!ok)
        print("# request %u: addr %llx size %u dir %u data %llx", n, (unsigned long long)r->addr,
              r->size, r->dir, (unsigned long long)r->data);
    return ok;
}

static void forwarded(struct box *b, const struct form *f)
{
    uint64_t want = f->load ? extend(f, READ1, DATA) : DATA;
    uint64_t want2 = f->load && f->pair ? extend(f, READ2, DATA2) : DATA2;
    bool ok = nr_seen == (f->pair ? 2u : 1u) && !b->trapped;

    ok = ok && request_ok(f, 0, DATA) && (!f->pair || request_ok(f, 1, DATA2));
    if (!tap(ok, "%s: forwarded", f->text))
        print("# %u requests, trapped %u", nr_seen, b->trapped);
    if (!tap(b->arch.regs.data == want && b->arch.regs.data2 == want2, "%s: registers", f->text))
        print("# %llx %llx, want %llx %llx", (unsigned long long)b->arch.regs.data,
              (unsigned long long)b->arch.regs.data2, (unsigned long long)want,
              (unsigned long long)want2);
    tap_eq((int64_t)b->arch.regs.base, (int64_t)BASE + f->step, "%s: base", f->text);
}

static void refused(const struct box *b, const struct form *f)
{
    tap(b->trapped && nr_seen == 0 && ESR_EC(b->trap.esr) == ESR_EC_DABT_SAME_EL, "%s: aborts",
        f->text);
    tap(b->arch.regs.base == BASE && b->arch.regs.data == DATA && b->arch.regs.data2 == DATA2,
        "%s: changes nothing", f->text);
}

static void run_form(struct box *b, unsigned int n, uint64_t base, uint64_t index)
{
    b->a0 = n;
    b->arch.regs = (struct form_regs){.base = base, .data = DATA, .data2 = DATA2, .index = index};
    reply[0] = READ1;
    reply[1] = READ2;
    box_run(b, G_FORM);
}

static void stack_pointer(struct box *b)
{
    run_form(b, ARRAY_SIZE(forms), BASE, 0);
    tap(nr_seen == 1 && seen[0].addr == BASE && seen[0].size == 8 && b->arch.regs.data == READ1 &&
            b->arch.regs.base == BASE + 8,
        "ldr x10, [sp], #8 with SP_EL0");
    run_form(b, ARRAY_SIZE(forms) + 1, BASE, 0);
    tap(nr_seen == 1 && seen[0].addr == BASE - 16 && seen[0].size == 8 && seen[0].data == DATA &&
            b->arch.regs.base == BASE - 16,
        "str x10, [sp, #-16]! with SP_EL1");
}

/* Normal memory allows any alignment; the request has the address as it is. */
static void unaligned(struct box *b)
{
    static const struct {
        unsigned int form;
        uint32_t offset, size;
    } cases[] = {{1, 1, 2}, {2, 3, 4}, {3, 5, 8}, {10, 7, 2}, {12, 1, 8}, {3, 0xffc, 8}};

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t addr = WINDOW_NORMAL + cases[i].offset;

        run_form(b, cases[i].form, addr, 0);
        tap(nr_seen == 1 && seen[0].addr == addr && seen[0].size == cases[i].size && !b->trapped,
            "unaligned: %u bytes at +%#x is one request", cases[i].size, cases[i].offset);
    }
}

/* What the device model says beyond the access's size does not count. */
static void garbage(struct box *b)
{
    for (unsigned int n = 0; n < 4; n++) {
        reply[0] = UINT64_MAX;
        b->a0 = n;
        b->arch.regs = (struct form_regs){.base = BASE, .data = 0};
        box_run(b, G_FORM);
        tap_eq((int64_t)b->arch.regs.data, (int64_t)mask(forms[n].size),
               "%s: upper bits of the answer are cut off", forms[n].text);
    }
}

void test_forms(void)
{
    static struct dm_server s;
    struct box *b = box_of(GUEST, 0);

    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server for the forms"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    dm_map(GUEST, s.id, WINDOW_NORMAL, WINDOW_NORMAL + 0x1fff);
    serve_with(&s, NULL);
    for (unsigned int n = 0; n < ARRAY_SIZE(forms); n++) {
        const struct form *f = &forms[n];

        run_form(b, n, BASE, (uint64_t)(int64_t)f->index);
        if (f->ext == ABORTS)
            refused(b, f);
        else
            forwarded(b, f);
    }
    stack_pointer(b);
    unaligned(b);
    garbage(b);
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
