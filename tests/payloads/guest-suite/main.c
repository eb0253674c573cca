/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of dm-suite: does what its boxes in the control page say (include/suite_control.h). */
#include "guest.h"

struct control control __attribute__((section(".control"), aligned(4096), visibility("hidden"))) = {
    .magic = CONTROL_MAGIC,
};

static void serve_boxes(void *arg_);

static uint64_t read_many(uint64_t n, uint64_t from, uint64_t bytes)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t a = from + i * 4 % bytes;

        wrong += mmio_read32(a) != pattern_at(a);
    }
    return wrong;
}

static void touch(struct box *b)
{
    struct trap_info t = {0};

    expect_trap();
    if (b->op == G_READ_GPA)
        b->result = mmio_read64(b->a0);
    else
        mmio_write64(b->a0, b->a1);
    b->trapped = trap_taken(&t);
    b->trap = t;
}

static void execute(struct box *b)
{
    b->trapped = 0;
    switch (b->op) {
    case G_HYPERCALL:
        b->result = (uint64_t)hypercall((unsigned int)b->nr, b->a0, b->a1, b->a2, b->a3, b->a4);
        break;
    case G_START_CPU:
        b->result = (uint64_t)(int64_t)cpu_start((unsigned int)b->a0, serve_boxes, NULL);
        break;
    case G_READ_MANY:
        b->result = read_many(b->a0, b->a1, b->a2);
        break;
    case G_READ_GPA:
    case G_WRITE_GPA:
        touch(b);
        break;
    case G_POWER_OFF:
        power_off();
    default:
        if (b->op >= G_ARCH)
            arch_execute(b);
        break;
    }
}

static void serve_boxes(void *arg_)
{
    struct box *b = &control.box[this_cpu()->index];

    (void)arg_;
    b->where = (uintptr_t)b->buffer;
    irqs_on();
    for (;;) {
        uint32_t seq = READ_ONCE(b->seq);

        if (seq == READ_ONCE(b->done)) {
            yield_cpu();
            continue;
        }
        rmb(); /* seq before the command; partner: command() in dm-suite */
        execute(b);
        wmb(); /* the answer before done; partner: the wait in dm-suite */
        WRITE_ONCE(b->done, seq);
    }
}

int main(void)
{
    mmu_map(WINDOW_NORMAL, 0x200000, MAP_RAM);
    if ((uintptr_t)&control != CONTROL_GPA)
        die("the image is not at the start of memory");
    wmb();
    WRITE_ONCE(control.ready, 1);
    serve_boxes(NULL);
    return 0;
}
