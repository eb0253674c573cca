/* SPDX-License-Identifier: Apache-2.0 */
/* Basic and address types. Frame numbers and addresses of different spaces are distinct structs. */
#ifndef WHERRY_TYPES_H
#define WHERRY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wherry/compiler.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef uint16_t domid_t;

/* A machine (host) physical byte address. */
typedef struct {
    uint64_t v;
} paddr_t;

/* A guest physical byte address (IPA on Arm). */
typedef struct {
    uint64_t v;
} gpaddr_t;

/* A machine frame number: paddr >> PAGE_SHIFT. */
typedef struct {
    uint64_t v;
} mfn_t;

/* A guest frame number: gpaddr >> PAGE_SHIFT. */
typedef struct {
    uint64_t v;
} gfn_t;

#define INVALID_MFN ((mfn_t){~UINT64_C(0)})
#define INVALID_GFN ((gfn_t){~UINT64_C(0)})

static inline paddr_t paddr(uint64_t v)
{
    return (paddr_t){v};
}

static inline gpaddr_t gpaddr(uint64_t v)
{
    return (gpaddr_t){v};
}

static inline mfn_t mfn(uint64_t v)
{
    return (mfn_t){v};
}

static inline gfn_t gfn(uint64_t v)
{
    return (gfn_t){v};
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.v == b.v;
}

static inline bool gfn_eq(gfn_t a, gfn_t b)
{
    return a.v == b.v;
}

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return (mfn_t){m.v + n};
}

static inline gfn_t gfn_add(gfn_t g, uint64_t n)
{
    return (gfn_t){g.v + n};
}

static inline paddr_t mfn_to_paddr(mfn_t m)
{
    return (paddr_t){m.v << PAGE_SHIFT};
}

static inline mfn_t paddr_to_mfn(paddr_t p)
{
    return (mfn_t){p.v >> PAGE_SHIFT};
}

static inline gpaddr_t gfn_to_gpaddr(gfn_t g)
{
    return (gpaddr_t){g.v << PAGE_SHIFT};
}

static inline gfn_t gpaddr_to_gfn(gpaddr_t p)
{
    return (gfn_t){p.v >> PAGE_SHIFT};
}

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define BIT(n)                          (1UL << (n))
#define BIT64(n)                        (UINT64_C(1) << (n))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

#endif
