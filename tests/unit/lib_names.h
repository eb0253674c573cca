/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the library's functions that the C library also has names of their own, so that a test can
 * link both: memcpy() in the source is the hypervisor's, __builtin_memcpy() the C library's.
 */
#ifndef WHERRY_TESTS_LIB_NAMES_H
#define WHERRY_TESTS_LIB_NAMES_H

#define memcpy    wherry_memcpy
#define memmove   wherry_memmove
#define memset    wherry_memset
#define memcmp    wherry_memcmp
#define memchr    wherry_memchr
#define strlen    wherry_strlen
#define strnlen   wherry_strnlen
#define strcmp    wherry_strcmp
#define strncmp   wherry_strncmp
#define strchr    wherry_strchr
#define snprintf  wherry_snprintf
#define vsnprintf wherry_vsnprintf

/* ... and those that libfdt has. */
#define fdt_getprop       wherry_fdt_getprop
#define fdt_first_subnode wherry_fdt_first_subnode
#define fdt_next_subnode  wherry_fdt_next_subnode
#define fdt_next_node     wherry_fdt_next_node

#endif
