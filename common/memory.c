/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory_op hypercall: a domain's own reservation, and what is mapped into its address space.
 * Long operations keep their progress in the upper bits of the command (public/memory.h).
 */
#include <wherry/domain.h>
#include <wherry/guest_access.h>
#include <wherry/hypercall.h>
#include <wherry/lib/errno.h>
#include <public/memory.h>

#define CMD_BITS 6
#define CMD_MASK ((UINT64_C(1) << CMD_BITS) - 1)

/* Largest extent, 2 MiB: the work between two looks for an interrupt. */
#define MAX_ORDER 9

/* Give the pCPU back before element i; the call goes on from there. */
static long continue_at(uint64_t cmd, uint64_t i)
{
    arch_hypercall_set_arg(current, 0, (cmd & CMD_MASK) | i << CMD_BITS);
    return -ERESTART;
}

/* DOMID_SELF, the own id, or a domain that the caller serves. */
static int target_domain(domid_t id, struct domain **out)
{
    struct domain *me = current->domain;
    struct domain *d = id == DOMID_SELF ? me : domain_by_id(id);

    if (d == NULL)
        return -ESRCH;
    if (d != me && !domain_may_serve(me, d))
        return -EPERM;
    *out = d;
    return 0;
}

/* --- reservation --- */

static void put_block(struct page *pg, unsigned int order)
{
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
        page_put(pg + i);
}

static int populate_extent(struct domain *d, uint64_t frame, unsigned int order)
{
    struct page *pg;
    int rc;

    if (frame & ((UINT64_C(1) << order) - 1))
        return -EINVAL;
    pg = domain_alloc_pages(d, order, false);
    if (pg == NULL)
        return -ENOMEM;
    rc = p2m_map(d, gfn(frame), UINT64_C(1) << order, page_to_mfn(pg), P2M_RAM_RW);
    if (rc != 0)
        put_block(pg, order);
    return rc;
}

/* All frames of the extent must be the domain's RAM; checked first, so that none goes alone. */
static int decrease_extent(struct domain *d, uint64_t frame, unsigned int order)
{
    uint64_t n = UINT64_C(1) << order;
    enum p2m_type type;

    for (uint64_t i = 0; i < n; i++) {
        p2m_lookup(d, gfn(frame + i), &type);
        if (!p2m_is_ram(type))
            return -EINVAL;
    }
    return p2m_unmap(d, gfn(frame), n);
}

/*
 * populate and decrease: the result is the number of extents done, also when one cannot be; only
 * lack of rights is an error.
 */
static long reservation_op(uint64_t cmd, uint64_t arg, bool populate)
{
    uint64_t i = cmd >> CMD_BITS;
    uint64_t most = UINT64_MAX >> (64 - 8 * guest_word_bytes()) >> CMD_BITS;
    struct xen_memory_reservation r;
    struct domain *d;
    int rc;

    if (guest_struct_from(&r, arg, sizeof(r), "wwiih") != 0 || r.nr_extents > most ||
        i >= r.nr_extents || r.extent_order > MAX_ORDER)
        return (long)i;
    if (populate && (r.mem_flags & XENMEMF_populate_on_demand) != 0)
        return (long)i; /* there is none */
    rc = target_domain(r.domid, &d);
    if (rc != 0)
        return rc == -EPERM ? rc : (long)i;

    for (uint64_t start = i; i < r.nr_extents; i++) {
        uint64_t frame;

        if (i != start && hypercall_preempt_check())
            return continue_at(cmd, i);
        if (guest_word_from(&frame, r.extent_start.q, i) != 0)
            break;
        rc = populate ? populate_extent(d, frame, r.extent_order)
                      : decrease_extent(d, frame, r.extent_order);
        if (rc != 0)
            break;
    }
    return (long)i;
}

static long domain_figure(uint64_t op, uint64_t arg)
{
    struct xen_memory_domain req;
    struct domain *d;
    int rc;

    if (guest_copy_from(&req, arg, sizeof(req)) != 0)
        return -EFAULT;
    rc = target_domain(req.domid, &d);
    if (rc != 0)
        return rc;
    switch (op) {
    case XENMEM_current_reservation:
        return (long)READ_ONCE(d->tot_pages);
    case XENMEM_maximum_reservation:
        return (long)READ_ONCE(d->max_pages);
    default:
        return (long)p2m_max_gfn(d).v;
    }
}

/* --- mapping --- */

static int map_shared_info(struct domain *d, uint64_t idx, gfn_t g)
{
    int rc;

    if (idx != 0)
        return -EINVAL;
    page_get_held(d->shared_info_page);
    rc = p2m_map(d, g, 1, page_to_mfn(d->shared_info_page), P2M_RAM_RW);
    if (rc != 0)
        page_put(d->shared_info_page);
    return rc;
}

/* A page of another domain that the caller serves: its own reference goes with the entry. */
static int map_foreign(struct domain *d, domid_t foreign, uint64_t frame, gfn_t g)
{
    struct domain *fd = domain_by_id(foreign);
    enum p2m_type type;
    struct page *pg;
    int rc;

    if (fd == NULL)
        return -ESRCH;
    if (fd == current->domain || !domain_may_serve(current->domain, fd))
        return -EPERM;
    pg = p2m_get_page(fd, gfn(frame), false, false, &type);
    if (pg == NULL)
        return -EINVAL;
    rc = p2m_map(d, g, 1, page_to_mfn(pg), type == P2M_RAM_RO ? P2M_FOREIGN_RO : P2M_FOREIGN_RW);
    if (rc != 0)
        page_put(pg);
    return rc;
}

static int map_one(struct domain *d, unsigned int space, domid_t foreign, uint64_t idx, gfn_t g)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        return map_shared_info(d, idx, g);
    case XENMAPSPACE_gmfn_foreign:
        return map_foreign(d, foreign, idx, g);
    case XENMAPSPACE_grant_table:
        return -EOPNOTSUPP; /* there are no grants */
    case XENMAPSPACE_dev_mmio:
        return -EPERM; /* devices are given at boot */
    default:
        return -ENOSYS;
    }
}

static long add_to_physmap(uint64_t arg)
{
    struct xen_add_to_physmap op;
    struct domain *d;
    int rc;

    if (guest_struct_from(&op, arg, sizeof(op), "hhiww") != 0)
        return -EFAULT;
    if (op.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS; /* only the batch can name the other domain */
    rc = target_domain(op.domid, &d);
    if (rc != 0)
        return rc;
    return map_one(d, op.space, DOMID_INVALID, op.idx, gfn(op.gpfn));
}

/* One entry of the batch: its own result goes to errs[i]; only a bad list ends the call. */
static int batch_entry(struct domain *d, const struct xen_add_to_physmap_batch *op, uint64_t i)
{
    uint64_t idx, frame;
    int32_t err;

    if (guest_word_from(&idx, op->idxs.q, i) != 0 || guest_word_from(&frame, op->gpfns.q, i) != 0)
        return -EFAULT;
    err = map_one(d, op->space, op->u.foreign_domid, idx, gfn(frame));
    return guest_copy_to(op->errs.q + i * sizeof(err), &err, sizeof(err));
}

static long add_to_physmap_batch(uint64_t cmd, uint64_t arg)
{
    uint64_t start = cmd >> CMD_BITS;
    struct xen_add_to_physmap_batch op;
    struct domain *d;
    int rc;

    if (guest_struct_from(&op, arg, sizeof(op), "hhhhwww") != 0)
        return -EFAULT;
    if (start > op.size)
        return -EINVAL;
    rc = target_domain(op.domid, &d);
    if (rc != 0)
        return rc;
    if (op.space != XENMAPSPACE_gmfn_foreign && op.u.res0 != 0)
        return -EOPNOTSUPP;
    for (uint64_t i = start; i < op.size; i++) {
        if (i != start && hypercall_preempt_check())
            return continue_at(cmd, i);
        rc = batch_entry(d, &op, i);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static long remove_from_physmap(uint64_t arg)
{
    struct xen_remove_from_physmap op;
    enum p2m_type type;
    struct domain *d;
    mfn_t m;
    int rc;

    if (guest_struct_from(&op, arg, sizeof(op), "hw") != 0)
        return -EFAULT;
    rc = target_domain(op.domid, &d);
    if (rc != 0)
        return rc;
    m = p2m_lookup(d, gfn(op.gpfn), &type);
    if (!p2m_is_ram(type) && !p2m_is_foreign(type))
        return -ENOENT;
    return p2m_unmap_if(d, gfn(op.gpfn), m);
}

/* --- resources --- */

/* The caller acts on the other domain as its device model. */
static int resource_target(const struct xen_mem_acquire_resource *op, struct domain **out)
{
    struct domain *d = domain_by_id(op->domid);

    if (d == NULL)
        return -ESRCH;
    if (d == current->domain || !domain_may_serve(current->domain, d))
        return -EPERM;
    *out = d;
    return 0;
}

/* One frame of the resource at one of the caller's frames. */
static int acquire_one(struct domain *d, const struct xen_mem_acquire_resource *op, uint32_t i)
{
    struct page *pg;
    uint64_t frame;
    int rc;

    if (guest_word_from(&frame, op->frame_list.q, i) != 0)
        return -EFAULT;
    rc = ioreq_acquire_frame(d, op->id, op->frame + i, &pg);
    if (rc != 0)
        return rc;
    rc = p2m_map(current->domain, gfn(frame), 1, page_to_mfn(pg), P2M_FOREIGN_RW);
    if (rc != 0)
        page_put(pg);
    return rc;
}

static long acquire_frames(struct domain *d, const struct xen_mem_acquire_resource *op)
{
    /* There are two frames at most: the first one beyond fails, so this loop is short. */
    for (uint32_t i = 0; i < op->nr_frames; i++) {
        int rc = acquire_one(d, op, i);

        if (rc != 0)
            return i == 0 ? rc : -EIO;
    }
    return 0;
}

static long resource_size(struct domain *d, uint64_t arg, const struct xen_mem_acquire_resource *op)
{
    uint32_t nr = ioreq_nr_frames(d);

    if (op->nr_frames != 0)
        return -EINVAL;
    return guest_copy_to(arg + offsetof(struct xen_mem_acquire_resource, nr_frames), &nr,
                         sizeof(nr));
}

static long acquire_resource(uint64_t arg)
{
    struct xen_mem_acquire_resource op;
    struct domain *d;
    int rc;

    if (guest_struct_from(&op, arg, sizeof(op), "hhiiiqw") != 0)
        return -EFAULT;
    if (op.pad != 0 || op.frame > UINT32_MAX || op.frame + op.nr_frames > UINT32_MAX)
        return -EINVAL;
    rc = resource_target(&op, &d);
    if (rc != 0)
        return rc;
    if (op.type != XENMEM_resource_ioreq_server || ioreq_nr_frames(d) == 0)
        return -EOPNOTSUPP;
    if (op.frame_list.q == 0)
        return resource_size(d, arg, &op);
    if (op.nr_frames == 0)
        return -EINVAL;
    return acquire_frames(d, &op);
}

static long memory_op(const uint64_t args[NR_HYPERCALL_ARGS])
{
    uint64_t cmd = args[0];
    uint64_t op = cmd & CMD_MASK;
    uint64_t arg = args[1];

    switch (op) {
    case XENMEM_maximum_ram_page:
        return (long)(arch_frame_end - 1);
    case XENMEM_populate_physmap:
        return reservation_op(cmd, arg, true);
    case XENMEM_decrease_reservation:
        return reservation_op(cmd, arg, false);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return domain_figure(op, arg);
    case XENMEM_add_to_physmap:
        return add_to_physmap(arg);
    case XENMEM_add_to_physmap_batch:
        return add_to_physmap_batch(cmd, arg);
    case XENMEM_remove_from_physmap:
        return remove_from_physmap(arg);
    case XENMEM_acquire_resource:
        return acquire_resource(arg);
    default:
        return arch_memory_op(cmd, arg);
    }
}
HYPERCALL(__HYPERVISOR_memory_op, memory_op);
