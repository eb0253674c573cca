/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's libfdt, whose names are partly those of ours, behind other names. */
#ifndef WHERRY_TESTS_FDT_REFERENCE_H
#define WHERRY_TESTS_FDT_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

/* A node is an offset of the structure block, as it is in ours; negative: none. */
int ref_check(const void *blob, size_t size);
int ref_first_subnode(const void *blob, int node);
int ref_next_subnode(const void *blob, int node);
int ref_next_node(const void *blob, int node);
int ref_parent(const void *blob, int node);
int ref_find_path(const void *blob, const char *path);
int ref_find_phandle(const void *blob, uint32_t phandle);
int ref_find_compatible(const void *blob, int after, const char *s);
const char *ref_node_name(const void *blob, int node);
int ref_node_path(const void *blob, int node, char *buf, int size);
const void *ref_getprop(const void *blob, int node, const char *name, int *len);
int ref_first_prop(const void *blob, int node);
int ref_next_prop(const void *blob, int prop);
const void *ref_prop(const void *blob, int prop, const char **name, int *len);
int ref_nr_reserved(const void *blob);
int ref_reserved(const void *blob, int n, uint64_t *addr, uint64_t *size);

#endif
