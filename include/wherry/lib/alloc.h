/* SPDX-License-Identifier: Apache-2.0 */
/* How library data structures get memory: the caller says, and can so charge and limit it. */
#ifndef WHERRY_LIB_ALLOC_H
#define WHERRY_LIB_ALLOC_H

#include <stddef.h>

struct lib_alloc {
    void *(*alloc)(void *ctx, size_t size); /* NULL: no memory; contents need not be zero */
    void (*free)(void *ctx, void *p);
    void *ctx;
};

#endif
