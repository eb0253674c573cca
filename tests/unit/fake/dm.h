/* SPDX-License-Identifier: Apache-2.0 */
/* A device model's calls as the tests make them: through the hypercall, in guest memory. */
#ifndef WHERRY_TESTS_DM_H
#define WHERRY_TESTS_DM_H

#include <public/hvm/dm_op.h>
#include <public/hvm/ioreq.h>

#include "fake.h"

/* One op with a buffer of exactly the size it needs; OUT fields come back in *op. */
long dm_op(domid_t domid, struct xen_dm_op *op);
/* With another buffer size or number of buffers. */
long dm_op_raw(domid_t domid, struct xen_dm_op *op, uint64_t size, uint32_t nr_bufs);

long dm_create(struct domain *d); /* id or -errno */
long dm_destroy(struct domain *d, unsigned int id);
long dm_enable(struct domain *d, unsigned int id, bool on);
long dm_map(struct domain *d, unsigned int id, uint32_t type, uint64_t start, uint64_t end);
long dm_unmap(struct domain *d, unsigned int id, uint32_t type, uint64_t start, uint64_t end);

/* The slot of a vCPU as the device model sees it, through acquire_resource. */
ioreq_t *dm_slot(struct domain *d, unsigned int id, unsigned int vcpu);
/* Its first byte 30, whole. */
uint8_t *dm_slot_bits(struct domain *d, unsigned int id, unsigned int vcpu);

/* A guest's memory access, v current: as the arch's fault handler would forward it. */
enum ioreq_result guest_access(struct vcpu *v, uint64_t addr, unsigned int size, bool read,
                               uint64_t data);

#endif
