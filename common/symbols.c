/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to function names, for backtraces. The build links the image a second time with this
 * table, sorted by address; offsets count from the start of the image.
 */
#include <wherry/symbols.h>

extern const uint32_t wherry_syms_count;
extern const uint32_t wherry_syms_offsets[];
extern const uint32_t wherry_syms_name_offsets[];
extern const char wherry_syms_names[];
extern const char _start[], _text_end[];

const char *symbol_lookup(uintptr_t addr, uintptr_t *offset)
{
    uintptr_t off = addr - (uintptr_t)_start;
    uint32_t low = 0, high = wherry_syms_count;

    if (addr < (uintptr_t)_start || high == 0 || off < wherry_syms_offsets[0])
        return NULL;
    if (off >= (uintptr_t)(_text_end - _start) && off > wherry_syms_offsets[high - 1])
        return NULL;
    /* The last symbol at or below off: offsets[low] <= off < offsets[high]. */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;

        if (wherry_syms_offsets[mid] <= off)
            low = mid;
        else
            high = mid;
    }
    *offset = off - wherry_syms_offsets[low];
    return &wherry_syms_names[wherry_syms_name_offsets[low]];
}
