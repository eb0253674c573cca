/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest may not do to its device model, nor to others. */
#include "suite.h"

static long guest_dm_op(struct box *b, domid_t dom)
{
    struct xen_dm_op *op = (struct xen_dm_op *)b->buffer;
    struct xen_dm_op_buf *buf = (struct xen_dm_op_buf *)(b->buffer + 32);

    memset(b->buffer, 0, sizeof(b->buffer));
    op->op = XEN_DMOP_nr_vcpus;
    buf->h.q = b->where;
    buf->size = sizeof(*op);
    return guest_hypercall(b, __HYPERVISOR_dm_op, dom, 1, b->where + 32);
}

static long guest_event_op(struct box *b, unsigned int cmd, evtchn_port_t port)
{
    memset(b->buffer, 0, sizeof(b->buffer));
    if (cmd == EVTCHNOP_status)
        *(struct evtchn_status *)b->buffer =
            (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    else
        *(evtchn_port_t *)b->buffer = port;
    return guest_hypercall(b, __HYPERVISOR_event_channel_op, cmd, b->where, 0);
}

static long guest_foreign(struct box *b, domid_t dom)
{
    struct xen_add_to_physmap_batch *op = (struct xen_add_to_physmap_batch *)b->buffer;
    uint64_t *idx = (uint64_t *)(b->buffer + 40);
    int *err = (int *)(b->buffer + 56);
    long rc;

    memset(b->buffer, 0, sizeof(b->buffer));
    op->domid = DOMID_SELF;
    op->space = XENMAPSPACE_gmfn_foreign;
    op->size = 1;
    op->u.foreign_domid = dom;
    op->idxs.q = b->where + 40;
    op->gpfns.q = b->where + 48;
    op->errs.q = b->where + 56;
    idx[0] = CONTROL_GPA >> PAGE_SHIFT;
    idx[1] = FOREIGN_GFN;
    rc = guest_hypercall(b, __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, b->where, 0);
    return rc != 0 ? rc : *err;
}

void test_guest_rights(void)
{
    static struct dm_server s;
    struct box *b = box_of(GUEST, 0);
    struct evtchn_status *st = (struct evtchn_status *)b->buffer;
    evtchn_port_t port;

    tap_eq(guest_dm_op(b, 0), -XEN_EPERM, "a guest's dm_op on the control domain");
    tap_eq(guest_dm_op(b, GUEST), -XEN_EPERM, "on itself");
    tap_eq(guest_dm_op(b, 2), -XEN_EPERM, "on another guest");
    tap_eq(guest_dm_op(b, 0x7000), -XEN_ESRCH, "on nobody");
    tap_eq(guest_foreign(b, 0), -XEN_EPERM, "a guest maps no page of the control domain");
    tap_eq(guest_foreign(b, 2), -XEN_EPERM, "nor of another guest");
    if (!tap_eq(dm_server_open(&s, GUEST), 0, "a server"))
        return;
    dm_map(GUEST, s.id, WINDOW_DEVICE, WINDOW_DEVICE + 0xfff);
    serve_with(&s, NULL);
    port = dm_slot(&s, 0)->vp_eport;
    tap_eq(guest_event_op(b, EVTCHNOP_status, port), 0, "the guest sees the server's port");
    tap_eq(st->status, EVTCHNSTAT_interdomain, "as one between domains");
    tap_eq(guest_event_op(b, EVTCHNOP_send, port), -XEN_EINVAL, "but cannot send on it");
    tap_eq(guest_event_op(b, EVTCHNOP_close, port), -XEN_EINVAL, "nor close it");
    *(domid_t *)b->buffer = DOMID_SELF;
    tap_eq(guest_hypercall(b, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, b->where, 0), 0,
           "a reset of all its ports");
    reply[0] = 0x4711;
    guest_read(b, WINDOW_DEVICE);
    tap(!b->trapped && b->result == 0x4711, "leaves that one: requests still come");
    dm_server_close(&s);
    serve_with(NULL, NULL);
}
