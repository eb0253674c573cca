/* SPDX-License-Identifier: Apache-2.0 */
/* The xen_version hypercall: which ABI this is, and what it has. */
#include <wherry/cmdline.h>
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <wherry/lib/string.h>
#include <wherry/version.h>
#include <public/features.h>
#include <public/version.h>

/* Copy a string into the guest's fixed-size field, zeros behind it up to `size`. */
static int copy_string(uint64_t arg, const char *s, size_t size)
{
    char chunk[64];
    size_t len = strlen(s);

    for (size_t off = 0; off < size; off += sizeof(chunk)) {
        size_t n = MIN(sizeof(chunk), size - off);
        size_t have = off < len ? MIN(n, len - off) : 0;

        memset(chunk, 0, sizeof(chunk));
        memcpy(chunk, s + (off < len ? off : len), have);
        if (guest_copy_to(arg + off, chunk, n) != 0)
            return -EFAULT;
    }
    return 0;
}

static int get_compile_info(uint64_t arg)
{
    struct xen_compile_info info = {.compiler = __VERSION__, .compile_by = "wherry"};

    return guest_copy_to(arg, &info, sizeof(info));
}

static uint32_t features(const struct domain *d)
{
    uint32_t f = BIT(XENFEAT_writable_page_tables) | BIT(XENFEAT_auto_translated_physmap) |
                 BIT(XENFEAT_supervisor_mode_kernel) | arch_version_features(d);

    if (d->is_control)
        f |= BIT(XENFEAT_dom0);
    return f;
}

static int get_features(uint64_t arg)
{
    struct xen_feature_info info;

    if (guest_copy_from(&info, arg, sizeof(info)) != 0)
        return -EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = features(current->domain);
    return guest_copy_to(arg, &info, sizeof(info));
}

static int get_platform_parameters(uint64_t arg)
{
    struct xen_platform_parameters p = {.virt_start = 0};

    return guest_copy_to(arg, &p, guest_word_bytes());
}

static int get_guest_handle(uint64_t arg)
{
    xen_domain_handle_t handle = {0};

    return guest_copy_to(arg, handle, sizeof(handle));
}

static long xen_version(const uint64_t args[NR_HYPERCALL_ARGS])
{
    uint64_t arg = args[1];

    switch ((int)args[0]) {
    case XENVER_version:
        return WHERRY_ABI_MAJOR << 16 | WHERRY_ABI_MINOR;
    case XENVER_extraversion:
        return copy_string(arg, ".0-wherry", sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return get_compile_info(arg);
    case XENVER_capabilities:
        return copy_string(arg, arch_version_capabilities(), sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return copy_string(arg, "wherry " WHERRY_VERSION, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        return get_platform_parameters(arg);
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return get_guest_handle(arg);
    case XENVER_commandline:
        if (!current->domain->is_control)
            return copy_string(arg, "", sizeof(xen_commandline_t));
        return copy_string(arg, cmdline_text(), sizeof(xen_commandline_t));
    case XENVER_build_id:
        return -ENODATA;
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_xen_version, xen_version);
