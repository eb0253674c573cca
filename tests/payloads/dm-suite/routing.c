/* SPDX-License-Identifier: Apache-2.0 */
/* Which server gets an access, if any; and two vCPUs at once. */
#include "suite.h"

static struct dm_server a, b;

static void expect_claimed(struct box *x, uint64_t addr, ioservid_t id, const char *text)
{
    reply[0] = addr * 3;
    guest_read(x, addr);
    tap(!x->trapped && nr_seen == 1 && seen_server[0] == id && x->result == addr * 3, "%s", text);
}

static void expect_nobody(struct box *x, uint64_t addr, const char *text)
{
    guest_read(x, addr);
    tap(nothing_there(x, addr), "%s", text);
}

static void edges(struct box *x)
{
    uint64_t w = WINDOW_NORMAL;

    dm_map(GUEST, a.id, w + 0x100, w + 0x1ff);
    expect_claimed(x, w + 0x100, a.id, "the first bytes of a range");
    expect_claimed(x, w + 0x1f8, a.id, "the last bytes of a range");
    expect_nobody(x, w + 0x200, "behind it: nobody's");
    expect_nobody(x, w + 0xf8, "before it: nobody's");
    expect_nobody(x, w + 0x1fc, "half in it: nobody's");
    expect_nobody(x, w + 0xfc, "the other half in it: nobody's");
    dm_map(GUEST, a.id, w + 0x200, w + 0x2ff);
    expect_claimed(x, w + 0x1fc, a.id, "across two neighbours of one server");
    dm_unmap(GUEST, a.id, w + 0x180, w + 0x187);
    expect_nobody(x, w + 0x180, "a part taken out: nobody's");
    expect_claimed(x, w + 0x178, a.id, "what is before it stays");
    expect_claimed(x, w + 0x188, a.id, "what is behind it stays");
    dm_map(GUEST, b.id, w + 0x300, w + 0x3ff);
    expect_nobody(x, w + 0x2fc, "half one server's, half another's: nobody's");
    dm_unmap(GUEST, b.id, w + 0x300, w + 0x3ff);
}

static void states(struct box *x)
{
    uint64_t w = WINDOW_NORMAL;

    dm_set_state(GUEST, a.id, false);
    expect_nobody(x, w + 0x100, "a disabled server gets nothing");
    dm_set_state(GUEST, a.id, true);
    expect_claimed(x, w + 0x100, a.id, "enabled again, it does");
}

static void overlap(struct box *x)
{
    uint64_t w = WINDOW_NORMAL;

    tap_eq(dm_map(GUEST, b.id, w + 0x140, w + 0x17f), 0, "two servers may claim the same");
    expect_claimed(x, w + 0x140, b.id, "the higher number wins");
    expect_claimed(x, w + 0x100, a.id, "where it does not claim, the lower serves");
    expect_claimed(x, w + 0x13c, a.id, "so it does where the higher claims only half");
    dm_set_state(GUEST, b.id, false);
    expect_claimed(x, w + 0x140, a.id, "without the higher the lower serves");
    dm_set_state(GUEST, b.id, true);
    expect_claimed(x, w + 0x140, b.id, "and the higher again");
    dm_unmap(GUEST, b.id, w + 0x140, w + 0x17f);
    expect_claimed(x, w + 0x140, a.id, "unmapped, the lower serves");
}

void test_routing(void)
{
    struct box *x = box_of(GUEST, 0);

    if (!tap(dm_server_open(&a, GUEST) == 0 && dm_server_open(&b, GUEST) == 0, "two servers"))
        return;
    serve_with(&a, &b);
    expect_nobody(x, WINDOW_NORMAL, "no range, nobody's");
    edges(x);
    states(x);
    overlap(x);
    dm_server_close(&a);
    dm_server_close(&b);
    serve_with(NULL, NULL);
    expect_nobody(x, WINDOW_NORMAL + 0x100, "no server, nobody's");
}

static uint64_t answer_pattern(const struct ioreq *r)
{
    nr_seen = 0;
    return r->dir == IOREQ_READ ? pattern_at(r->addr) : 0;
}

static void both_wait(struct box *x, struct box *y)
{
    uint64_t w = WINDOW_DEVICE;

    x->a0 = w;
    y->a0 = w + 0x40;
    box_go(x, G_READ_GPA);
    box_go(y, G_READ_GPA);
    tap(wait_ready(&a, 0) && wait_ready(&a, 1), "two vCPUs wait at once, each in its slot");
    tap(dm_slot(&a, 0)->addr == w && dm_slot(&a, 1)->addr == w + 0x40, "with its own address");
    dm_answer(&a, 1, 0x222);
    tap(box_comes(y) && y->result == 0x222, "the second is answered first");
    tap(!box_done_within(x, 3000), "the first still waits");
    dm_answer(&a, 0, 0x111);
    tap(box_comes(x) && x->result == 0x111, "and gets its own");
}

static void storm(struct box *x, struct box *y)
{
    struct box *boxes[2] = {x, y};

    dm_map(GUEST, b.id, WINDOW_DEVICE + 0x10000, WINDOW_DEVICE + 0x10fff);
    serve_with(&a, &b);
    answer_fn = answer_pattern;
    for (unsigned int i = 0; i < 2; i++) {
        boxes[i]->a0 = 3000;
        boxes[i]->a1 = WINDOW_DEVICE + i * 0x10000;
        boxes[i]->a2 = 0x1000;
        box_go(boxes[i], G_READ_MANY);
    }
    tap(box_finish(x) && box_finish(y), "3000 reads of each vCPU, two servers, are served");
    tap_eq((int64_t)(x->result + y->result), 0, "every answer was the right one");
    answer_fn = NULL;
}

void test_vcpus(void)
{
    struct box *x = box_of(GUEST, 0), *y = box_of(GUEST, 1);

    if (!tap(dm_server_open(&a, GUEST) == 0 && dm_server_open(&b, GUEST) == 0, "two servers"))
        return;
    dm_map(GUEST, a.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&a, &b);
    x->a0 = 1;
    tap(box_run(x, G_START_CPU) && x->result == 0, "the guest starts its second vCPU");
    y->a0 = 0;
    tap(box_run(y, G_NOP), "which polls");
    both_wait(x, y);
    storm(x, y);
    dm_server_close(&a);
    dm_server_close(&b);
    serve_with(NULL, NULL);
}
