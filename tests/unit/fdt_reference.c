/* SPDX-License-Identifier: Apache-2.0 */
/* fdt_reference.h. The names that lib_names.h gave away are libfdt's here. */
#undef fdt_getprop
#undef fdt_first_subnode
#undef fdt_next_subnode
#undef fdt_next_node

#include <libfdt.h>
#include <stdbool.h>

#include "fdt_reference.h"

/*
 * Formats before version 16 keep a node's whole path as its name. fdt_check_full() of libfdt 1.6
 * reads through a null pointer when the root's has no slash; our reader takes no such format.
 */
static bool names_are_paths(const void *blob, size_t size)
{
    return size >= FDT_V1_SIZE && fdt_version(blob) < 16;
}

int ref_check(const void *blob, size_t size)
{
    if (names_are_paths(blob, size))
        return -FDT_ERR_BADVERSION;
    return fdt_check_full(blob, size);
}

int ref_first_subnode(const void *blob, int node)
{
    return fdt_first_subnode(blob, node);
}

int ref_next_subnode(const void *blob, int node)
{
    return fdt_next_subnode(blob, node);
}

int ref_next_node(const void *blob, int node)
{
    return fdt_next_node(blob, node, NULL);
}

int ref_parent(const void *blob, int node)
{
    return fdt_parent_offset(blob, node);
}

int ref_find_path(const void *blob, const char *path)
{
    return fdt_path_offset(blob, path);
}

int ref_find_phandle(const void *blob, uint32_t phandle)
{
    return fdt_node_offset_by_phandle(blob, phandle);
}

int ref_find_compatible(const void *blob, int after, const char *s)
{
    return fdt_node_offset_by_compatible(blob, after, s);
}

const char *ref_node_name(const void *blob, int node)
{
    return fdt_get_name(blob, node, NULL);
}

int ref_node_path(const void *blob, int node, char *buf, int size)
{
    return fdt_get_path(blob, node, buf, size);
}

const void *ref_getprop(const void *blob, int node, const char *name, int *len)
{
    return fdt_getprop(blob, node, name, len);
}

int ref_first_prop(const void *blob, int node)
{
    return fdt_first_property_offset(blob, node);
}

int ref_next_prop(const void *blob, int prop)
{
    return fdt_next_property_offset(blob, prop);
}

const void *ref_prop(const void *blob, int prop, const char **name, int *len)
{
    return fdt_getprop_by_offset(blob, prop, name, len);
}

int ref_nr_reserved(const void *blob)
{
    return fdt_num_mem_rsv(blob);
}

int ref_reserved(const void *blob, int n, uint64_t *addr, uint64_t *size)
{
    return fdt_get_mem_rsv(blob, n, addr, size);
}
