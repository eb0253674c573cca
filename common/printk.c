/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's log: lines assembled per CPU and handed whole to the console. gprintk() is what
 * a guest or device model can cause, and is limited for each domain.
 */
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>
#include <wherry/percpu.h>
#include <wherry/printk.h>
#include <wherry/sched.h>
#include <wherry/timer.h>

#define PREFIX "(wherry) "

/* A line under construction: own CPU only, which is never preempted. */
struct printk_line {
    char text[256];
    unsigned int n;
};

static DEFINE_PER_CPU(struct printk_line, printk_line);

static void line_flush(struct printk_line *line)
{
    line->text[line->n++] = '\n';
    console_write(line->text, line->n);
    line->n = 0;
}

static void line_add(struct printk_line *line, char c)
{
    const size_t prefix = sizeof(PREFIX) - 1;

    if (line->n == 0) {
        memcpy(line->text, PREFIX, prefix);
        line->n = prefix;
    }
    if (c == '\n') {
        line_flush(line);
        return;
    }
    line->text[line->n++] = c;
    if (line->n == sizeof(line->text) - 1) /* room for the newline is kept */
        line_flush(line);
}

void vprintk(const char *fmt, va_list args)
{
    char text[256];
    struct printk_line *line = &this_cpu(printk_line);

    vsnprintf(text, sizeof(text), fmt, args);
    for (const char *p = text; *p != '\0'; p++)
        line_add(line, *p);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
}

/*
 * The limit: a bucket that holds LOG_BURST lines and gains one each LOG_INTERVAL. log_budget is the
 * time at which the bucket would be full again: one word, so that vCPUs need no lock.
 */
#define LOG_INTERVAL MILLISECS(100)
#define LOG_BURST    20

static bool log_allowed(struct domain *d)
{
    uint64_t now = (uint64_t)arch_now();
    uint64_t full_at = atomic64_read(&d->log_budget);
    uint64_t next;

    do {
        next = MAX(full_at, now) + LOG_INTERVAL;
        if (next > now + LOG_BURST * LOG_INTERVAL) {
            atomic32_fetch_add(&d->log_dropped, 1);
            return false;
        }
    } while (!atomic64_cmpxchg(&d->log_budget, &full_at, next));
    return true;
}

void gprintk(const char *fmt, ...)
{
    struct vcpu *v = current;
    va_list args;
    char text[224];
    uint32_t dropped;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (v == NULL) { /* the boot, not a guest */
        printk("%s", text);
        return;
    }
    if (!log_allowed(v->domain))
        return;
    dropped = atomic32_xchg(&v->domain->log_dropped, 0);
    if (dropped != 0)
        printk("d%u: %u lines dropped\n", (unsigned int)v->domain->id, dropped);
    printk("d%uv%u %s", (unsigned int)v->domain->id, v->id, text);
    if (this_cpu(printk_line).n != 0)
        printk("\n"); /* cut off above: still a line of its own */
}
