/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared serial console (include/wherry/console.h): output of the hypervisor and of each
 * domain with its prefix, input to one of them.
 *
 * The domain that has the input is written through at once, so that prompts show and echo works;
 * all others are collected into lines. Whoever finds somebody else's unfinished line starts a new
 * one.
 */
#include <public/xen.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/evtchn.h>
#include <wherry/init.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>
#include <wherry/printk.h>
#include <wherry/slab.h>
#include <wherry/spinlock.h>

#define LINE_MAX     160 /* longer lines of a domain are cut into several */
#define INPUT_RING   256
#define RX_BURST     64 /* characters taken in one interrupt */
#define SWITCH_KEY   '\x01'
#define SWITCH_TIMES 3
#define WRITER_HV    (-1)
#define EARLY_SIZE   2048

struct console_domain {
    char line[LINE_MAX];
    unsigned int n;
    char input[INPUT_RING];
    unsigned int in, out; /* free running */
    void (*hook)(struct domain *d);
    struct rcu_head rcu;
};

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE, "console");

/* All under console_lock, which a panic ignores. */
static const struct serial_ops *serial;
static char early[EARLY_SIZE]; /* text from before the serial port */
static size_t early_n;
static int writer = WRITER_HV; /* whose line is unfinished */
static bool mid_line;
static int focus = WRITER_HV; /* who gets the input: a domain id */
static unsigned int switch_count;

static bool in_panic; /* set once: no locks from then on */

/* --- output, lock held --- */

static void raw_putc(char c)
{
    if (serial != NULL)
        serial->putc(c);
    else if (early_n < EARLY_SIZE)
        early[early_n++] = c;
}

static void out_char(char c)
{
    if (c == '\n')
        raw_putc('\r');
    raw_putc(c);
    mid_line = c != '\n';
}

static void out_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out_char(s[i]);
}

/* `id` writes next: end a line that another one left unfinished. */
static void take_line(int id)
{
    if (mid_line && writer != id)
        out_char('\n');
    writer = id;
}

static void out_prefix(int id)
{
    char prefix[16];

    snprintf(prefix, sizeof(prefix), "(d%d) ", id);
    out_text(prefix, strlen(prefix));
}

static void hv_write(const char *s, size_t n)
{
    take_line(WRITER_HV);
    out_text(s, n);
}

static void flush_line(struct console_domain *c, int id)
{
    if (c->n == 0)
        return;
    take_line(id);
    if (!mid_line)
        out_prefix(id);
    out_text(c->line, c->n);
    out_char('\n');
    c->n = 0;
}

/* The domain with the input: character by character. */
static void write_through(int id, char ch)
{
    take_line(id);
    if (!mid_line) {
        if (ch == '\r')
            return;
        out_prefix(id);
    }
    out_char(ch);
}

static void collect(struct console_domain *c, int id, char ch)
{
    unsigned char u = (unsigned char)ch;

    if (ch == '\n') {
        if (c->n == 0) {
            take_line(id);
            out_prefix(id);
            out_char('\n');
        }
        flush_line(c, id);
        return;
    }
    if ((u < ' ' && ch != '\t') || u == 0x7f)
        return;
    c->line[c->n++] = ch;
    if (c->n == LINE_MAX)
        flush_line(c, id);
}

/* --- output, interface --- */

void console_set_serial(const struct serial_ops *ops)
{
    spin_lock(&console_lock);
    if (serial == NULL) {
        serial = ops;
        for (size_t i = 0; i < early_n; i++)
            raw_putc(early[i]);
        early_n = 0;
    }
    spin_unlock(&console_lock);
}

void console_write(const char *s, size_t n)
{
    if (READ_ONCE(in_panic)) {
        console_write_force(s, n);
        return;
    }
    spin_lock(&console_lock);
    hv_write(s, n);
    spin_unlock(&console_lock);
}

void console_write_force(const char *s, size_t n)
{
    hv_write(s, n);
}

void console_start_panic(void)
{
    WRITE_ONCE(in_panic, true);
}

void console_guest_write(struct domain *d, const char *s, size_t n)
{
    struct console_domain *c = d->console;

    spin_lock(&console_lock);
    for (size_t i = 0; i < n; i++) {
        if (focus == d->id)
            write_through(d->id, s[i]);
        else
            collect(c, d->id, s[i]);
    }
    spin_unlock(&console_lock);
}

/* --- input --- */

/* Give the input to `id` and say so. Lock held. */
static void set_focus(int id)
{
    struct domain *d = id == WRITER_HV ? NULL : domain_by_id((domid_t)id);
    char text[96];

    if (d != NULL && d->console != NULL && d->console->n != 0) {
        take_line(id);
        out_prefix(id);
        out_text(d->console->line, d->console->n);
        d->console->n = 0;
    }
    focus = id;
    if (id == WRITER_HV)
        snprintf(text, sizeof(text), "(wherry) *** input to the hypervisor ('h' for help)\n");
    else
        snprintf(text, sizeof(text), "(wherry) *** input to d%d (Ctrl-A three times to switch)\n",
                 id);
    hv_write(text, strlen(text));
}

/* Hypervisor, then the domains by id, then the hypervisor again. Lock held. */
static void next_focus(void)
{
    struct domain *d = domain_next((unsigned int)(focus + 1));

    set_focus(d != NULL ? (int)d->id : WRITER_HV);
}

/* Count switch keys; returns how many characters to deliver: earlier switch keys, and `ch`. */
static unsigned int filter_switch_key(char ch)
{
    unsigned int n;

    if (ch != SWITCH_KEY) {
        n = switch_count + 1;
        switch_count = 0;
        return n;
    }
    if (++switch_count == SWITCH_TIMES) {
        switch_count = 0;
        next_focus();
    }
    return 0;
}

static void input_push(struct console_domain *c, char ch)
{
    if (c->in - c->out < INPUT_RING)
        c->input[c->in++ % INPUT_RING] = ch;
}

/* One character from the serial port; returns the domain that got input, if any. */
static struct domain *rx_char(char ch)
{
    struct domain *d = NULL;
    bool key = false;
    unsigned int n;

    spin_lock(&console_lock);
    n = filter_switch_key(ch);
    if (n != 0) {
        if (focus == WRITER_HV)
            key = true;
        else
            d = domain_by_id((domid_t)focus);
    }
    if (d != NULL && d->console == NULL)
        d = NULL;
    if (d != NULL) {
        while (--n != 0)
            input_push(d->console, SWITCH_KEY);
        input_push(d->console, ch);
    }
    spin_unlock(&console_lock);

    if (key)
        debugkey_run(ch);
    return d;
}

static void notify_input(struct domain *d)
{
    struct console_domain *c = READ_ONCE(d->console);
    void (*hook)(struct domain *) = c != NULL ? READ_ONCE(c->hook) : NULL;

    if (hook != NULL)
        hook(d);
    else
        evtchn_send_global_virq(d, VIRQ_CONSOLE);
}

/* From the serial driver's interrupt handler; no lock held. */
static void console_rx(void)
{
    struct domain *last = NULL;

    for (unsigned int i = 0; i < RX_BURST; i++) {
        struct domain *d;
        int ch = serial->getc();

        if (ch < 0)
            break;
        d = rx_char((char)ch);
        if (last != NULL && d != last)
            notify_input(last);
        last = d;
    }
    if (last != NULL)
        notify_input(last);
}

size_t console_guest_read(struct domain *d, char *s, size_t n)
{
    struct console_domain *c = d->console;
    size_t got = 0;

    spin_lock(&console_lock);
    while (got < n && c->out != c->in)
        s[got++] = c->input[c->out++ % INPUT_RING];
    spin_unlock(&console_lock);
    return got;
}

void console_set_input_hook(struct domain *d, void (*fn)(struct domain *d))
{
    WRITE_ONCE(d->console->hook, fn);
}

/* --- domains --- */

int console_init_domain(struct domain *d)
{
    d->console = kzalloc(sizeof(*d->console));
    if (d->console == NULL)
        return -ENOMEM;
    spin_lock(&console_lock);
    if (d->is_control || focus == WRITER_HV)
        focus = d->id;
    spin_unlock(&console_lock);
    return 0;
}

static void free_console(struct rcu_head *head)
{
    kfree(container_of(head, struct console_domain, rcu));
}

void console_destroy_domain(struct domain *d)
{
    struct console_domain *c = d->console;

    if (c == NULL)
        return;
    spin_lock(&console_lock);
    flush_line(c, d->id);
    if (focus == d->id)
        set_focus(WRITER_HV);
    WRITE_ONCE(d->console, NULL);
    spin_unlock(&console_lock);
    rcu_call(&c->rcu, free_console); /* an input interrupt elsewhere may have just found it */
}

static int console_enable_input(void)
{
    int rc = serial != NULL && serial->enable_rx != NULL ? serial->enable_rx(console_rx) : -ENODEV;

    if (rc != 0)
        printk("console: no input (%d)\n", rc);
    return 0;
}
INIT_CALL(INIT_DRIVERS, console_enable_input);
