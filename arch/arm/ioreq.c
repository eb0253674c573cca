/* SPDX-License-Identifier: Apache-2.0 */
/* What is Arm's own of the device-model interface: completion of an access, DM op 19. */
#include <wherry/domain.h>
#include <wherry/ioreq.h>
#include <wherry/lib/errno.h>

#include <asm/guest.h>

#include <public/hvm/dm_op.h>

#define FIRST_SPI 32u

/*
 * An access whose server went away was taken on, so it ends like one that the device model gave up:
 * a read sees all ones (access->data says so), a write is lost. It does not abort.
 */
void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    (void)answered;
    abort_end_element(v, access->data);
}

unsigned int arch_dm_op_size(uint32_t op)
{
    return op == XEN_DMOP_set_irq_level ? sizeof(struct xen_dm_op_set_irq_level) : 0;
}

/* The level of a shared interrupt line that no host interrupt drives. */
static int set_irq_level(struct domain *d, const struct xen_dm_op_set_irq_level *op)
{
    if (op->pad[0] != 0 || op->pad[1] != 0 || op->pad[2] != 0)
        return -EINVAL;
    if (op->irq < FIRST_SPI || op->irq >= FIRST_SPI + d->arch.config.nr_spis || op->level > 1)
        return -EINVAL;
    if (vgic_irq_is_assigned(d, op->irq))
        return -EINVAL;
    vgic_inject(d, NULL, op->irq, op->level != 0);
    return 0;
}

int arch_dm_op(struct domain *d, struct xen_dm_op *op, bool *copy_back)
{
    *copy_back = false;
    if (op->op != XEN_DMOP_set_irq_level)
        return -EOPNOTSUPP;
    return set_irq_level(d, &op->u.set_irq_level);
}
