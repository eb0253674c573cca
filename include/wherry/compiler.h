/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes and the single-access macros; included by nearly everything. */
#ifndef WHERRY_COMPILER_H
#define WHERRY_COMPILER_H

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The C library of a host build has one of this name. */
#undef __always_inline

#define __noreturn     __attribute__((__noreturn__))
#define __packed       __attribute__((__packed__))
#define __aligned(n)   __attribute__((__aligned__(n)))
#define __section(s)   __attribute__((__section__(s)))
#define __used         __attribute__((__used__))
#define __maybe_unused __attribute__((__unused__))
#define __must_check   __attribute__((__warn_unused_result__))
#define __printf(f, a) __attribute__((__format__(__printf__, f, a)))
#undef __always_inline /* the C library of host-side tests has one too */
#define __always_inline inline __attribute__((__always_inline__))
#define noinline        __attribute__((__noinline__))

/* Code and data that only the boot path uses. */
#define __init     __section(".init.text")
#define __initdata __section(".init.data")

/*
 * Exactly one load or store of a scalar. Everything that another CPU, a guest or a device
 * model can change goes through these: read once into a local, check, then use.
 */
#ifdef WHERRY_TSAN /* the thread sanitizer takes volatile accesses for plain ones */
#define READ_ONCE(x)     __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#else
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#endif

#define barrier() __asm__ volatile("" ::: "memory")

#endif
