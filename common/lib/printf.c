/* SPDX-License-Identifier: Apache-2.0 */
/* include/wherry/lib/printf.h: one pass over the format, output counted and clipped. */
#include <stdbool.h>
#include <stdint.h>
#include <wherry/lib/printf.h>
#include <wherry/lib/string.h>

struct out {
    char *buf;
    size_t size, len; /* len counts what did not fit, too */
};

struct spec {
    bool left, plus, space, zero, alt, upper;
    int width, precision; /* precision -1: none */
    char length;          /* 'H' hh, 'h', 'l', 'L' ll, 'z', or 0 */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, int len)
{
    if (!s->left)
        pad(o, ' ', s->width - len);
    for (int i = 0; i < len; i++)
        put(o, text[i]);
    if (s->left)
        pad(o, ' ', s->width - len);
}

/* Digits of v, last first; returns how many. Zero with precision 0 has none. */
static int digits(char *buf, uint64_t v, unsigned int base, bool upper, int precision)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int n = 0;

    if (v == 0 && precision != 0)
        buf[n++] = '0';
    for (; v != 0; v /= base)
        buf[n++] = set[v % base];
    return n;
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned int base,
                       const char *prefix)
{
    char buf[24];
    int n = digits(buf, v, base, s->upper, s->precision);
    int len = (int)strlen(prefix);
    int zeros = s->precision > n ? s->precision - n : 0;

    if (s->zero && !s->left && s->precision < 0 && s->width > n + len)
        zeros = s->width - n - len;
    if (base == 8 && s->alt && zeros == 0 && (n == 0 || buf[n - 1] != '0'))
        zeros = 1; /* the octal form starts with a zero, whichever it is */
    if (!s->left)
        pad(o, ' ', s->width - n - len - zeros);
    while (*prefix != '\0')
        put(o, *prefix++);
    pad(o, '0', zeros);
    for (int i = n; i > 0; i--)
        put(o, buf[i - 1]);
    if (s->left)
        pad(o, ' ', s->width - n - len - zeros);
}

static int64_t signed_arg(char length, va_list *args)
{
    switch (length) {
    case 'H':
        return (signed char)va_arg(*args, int);
    case 'h':
        return (short)va_arg(*args, int);
    case 'l':
    case 'z':
        return va_arg(*args, long);
    case 'L':
        return va_arg(*args, long long);
    default:
        return va_arg(*args, int);
    }
}

static uint64_t unsigned_arg(char length, va_list *args)
{
    switch (length) {
    case 'H':
        return (unsigned char)va_arg(*args, unsigned int);
    case 'h':
        return (unsigned short)va_arg(*args, unsigned int);
    case 'l':
    case 'z':
        return va_arg(*args, unsigned long);
    case 'L':
        return va_arg(*args, unsigned long long);
    default:
        return va_arg(*args, unsigned int);
    }
}

static void put_signed(struct out *o, const struct spec *s, va_list *args)
{
    int64_t v = signed_arg(s->length, args);
    const char *prefix = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

    put_number(o, s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, prefix);
}

static void put_hex(struct out *o, const struct spec *s, va_list *args)
{
    uint64_t v = unsigned_arg(s->length, args);
    const char *prefix = !s->alt || v == 0 ? "" : s->upper ? "0X" : "0x";

    put_number(o, s, v, 16, prefix);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    if (text == NULL)
        text = "(null)";
    put_text(o, s, text,
             (int)(s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text)));
}

static const char *parse_number(const char *f, int *out, va_list *args)
{
    *out = 0;
    if (*f == '*') {
        *out = va_arg(*args, int);
        return f + 1;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        if (*out < 10000)
            *out = *out * 10 + (*f - '0');
    return f;
}

static const char *parse_flags(const char *f, struct spec *s)
{
    for (;; f++) {
        if (*f == '-')
            s->left = true;
        else if (*f == '+')
            s->plus = true;
        else if (*f == ' ')
            s->space = true;
        else if (*f == '0')
            s->zero = true;
        else if (*f == '#')
            s->alt = true;
        else
            return f;
    }
}

static const char *parse_length(const char *f, struct spec *s)
{
    if (*f == 'h' || *f == 'l') {
        s->length = *f++;
        if (*f == s->length) {
            s->length = *f == 'h' ? 'H' : 'L';
            f++;
        }
    } else if (*f == 'z' || *f == 't') {
        s->length = 'z';
        f++;
    } else if (*f == 'j') {
        s->length = 'L';
        f++;
    }
    return f;
}

/* One conversion; f is behind the percent sign. Returns behind the conversion. */
static const char *convert(struct out *o, const char *f, va_list *args)
{
    struct spec s = {.precision = -1};
    char c;

    f = parse_flags(f, &s);
    f = parse_number(f, &s.width, args);
    if (s.width < 0) {
        s.left = true;
        s.width = -s.width;
    }
    if (*f == '.')
        f = parse_number(f + 1, &s.precision, args);
    f = parse_length(f, &s);

    switch (*f) {
    case 'd':
    case 'i':
        put_signed(o, &s, args);
        break;
    case 'u':
        put_number(o, &s, unsigned_arg(s.length, args), 10, "");
        break;
    case 'o':
        put_number(o, &s, unsigned_arg(s.length, args), 8, "");
        break;
    case 'X':
        s.upper = true;
        put_hex(o, &s, args);
        break;
    case 'x':
        put_hex(o, &s, args);
        break;
    case 'p':
        put_number(o, &s, (uintptr_t)va_arg(*args, void *), 16, "0x");
        break;
    case 's':
        put_string(o, &s, va_arg(*args, const char *));
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_text(o, &s, &c, 1);
        break;
    case '\0':
        return f;
    default:
        put(o, *f);
        break;
    }
    return f + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {.buf = buf, .size = size};
    va_list ap;

    va_copy(ap, args);
    while (*fmt != '\0') {
        if (*fmt == '%')
            fmt = convert(&o, fmt + 1, &ap);
        else
            put(&o, *fmt++);
    }
    va_end(ap);
    if (size > 0)
        buf[o.len < size ? o.len : size - 1] = '\0';
    return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}
