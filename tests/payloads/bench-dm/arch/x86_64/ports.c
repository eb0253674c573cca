/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of the benchmark's device model. Called by bench-dm/main.c. */
#include "bench.h"

long bench_port_range(bool map, domid_t dom, const struct dm_server *s, unsigned int i)
{
    struct xen_dm_op op = {.op = map ? XEN_DMOP_map_io_range_to_ioreq_server
                                     : XEN_DMOP_unmap_io_range_from_ioreq_server};

    op.u.map_io_range_to_ioreq_server.id = s->id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_PORT;
    op.u.map_io_range_to_ioreq_server.start = BENCH_PORT + i * BENCH_PORT_STRIDE;
    op.u.map_io_range_to_ioreq_server.end = BENCH_PORT + i * BENCH_PORT_STRIDE + BENCH_PORTS - 1;
    return dm_op(dom, &op);
}
