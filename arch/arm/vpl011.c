/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PL011 in the hypervisor, on the shared console (DDI 0183). Output leaves at once, so the
 * transmit FIFO is always empty; input waits in a FIFO of the real size. The line configuration is
 * stored and otherwise without effect.
 */
#include <asm/guest.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <wherry/lib/errno.h>
#include <wherry/slab.h>

#include <public/arch-arm.h>

#define DR     0x00
#define RSR    0x04
#define FR     0x18
#define ILPR   0x20
#define IBRD   0x24
#define FBRD   0x28
#define LCR_H  0x2c
#define CR     0x30
#define IFLS   0x34
#define IMSC   0x38
#define RIS    0x3c
#define MIS    0x40
#define ICR    0x44
#define DMACR  0x48
#define ID_REG 0xfe0

#define FR_CTS  0x001
#define FR_DSR  0x002
#define FR_DCD  0x004
#define FR_RXFE 0x010
#define FR_RXFF 0x040
#define FR_TXFE 0x080

#define INT_RX   0x010
#define INT_TX   0x020
#define INT_RT   0x040
#define INT_MASK 0x7ff

#define LCR_H_FEN 0x10

#define CR_RESET   0x300 /* both directions enabled */
#define IFLS_RESET 0x12

#define FIFO_SIZE 32

struct vpl011 {
    struct spinlock lock; /* LOCK_RANK_VUART: all below */
    char rx[FIFO_SIZE];
    unsigned int rx_head, rx_count;
    uint32_t latched; /* raw interrupts that stay until cleared: INT_TX */
    uint32_t imsc;
    uint32_t ibrd, fbrd, lcr_h, cr, ifls, dmacr, ilpr;
    unsigned int irq; /* constant */
};

/* PeriphID0-3 of revision r1p5, and PCellID0-3. */
static const uint8_t id_bytes[] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static unsigned int rx_depth(const struct vpl011 *u)
{
    return (u->lcr_h & LCR_H_FEN) ? FIFO_SIZE : 1;
}

/* Receive interrupt level: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO. */
static unsigned int rx_trigger(const struct vpl011 *u)
{
    static const uint8_t level[8] = {4, 8, 16, 24, 28, 28, 28, 28};

    return (u->lcr_h & LCR_H_FEN) ? level[(u->ifls >> 3) & 7] : 1;
}

/*
 * Raw interrupts. There is no line to be silent for 32 bit times: what waits below the trigger
 * counts as timed out at once, and both receive interrupts last as long as their cause.
 */
static uint32_t raw_interrupts(const struct vpl011 *u)
{
    uint32_t ris = u->latched;

    if (u->rx_count >= rx_trigger(u))
        ris |= INT_RX;
    if (u->rx_count != 0)
        ris |= INT_RT;
    return ris;
}

/* Set the interrupt line. Lock held. */
static void update_line(struct domain *d, const struct vpl011 *u)
{
    vgic_inject(d, NULL, u->irq, (raw_interrupts(u) & u->imsc) != 0);
}

/* Move console input into the FIFO. Lock held. */
static void fill_rx(struct domain *d, struct vpl011 *u)
{
    while (u->rx_count < rx_depth(u)) {
        char c;

        if (console_guest_read(d, &c, 1) == 0)
            return;
        u->rx[(u->rx_head + u->rx_count) % FIFO_SIZE] = c;
        u->rx_count++;
    }
}

/* Console input for d arrived. */
static void vpl011_input(struct domain *d)
{
    struct vpl011 *u = d->arch.vpl011;

    spin_lock(&u->lock);
    fill_rx(d, u);
    update_line(d, u);
    spin_unlock(&u->lock);
}

static uint64_t read_data(struct domain *d, struct vpl011 *u)
{
    char c;

    if (u->rx_count == 0)
        return 0;
    c = u->rx[u->rx_head];
    u->rx_head = (u->rx_head + 1) % FIFO_SIZE;
    u->rx_count--;
    fill_rx(d, u);
    return (unsigned char)c;
}

static uint64_t flags(const struct vpl011 *u)
{
    uint64_t fr = FR_TXFE | FR_CTS | FR_DSR | FR_DCD;

    if (u->rx_count == 0)
        fr |= FR_RXFE;
    if (u->rx_count >= rx_depth(u))
        fr |= FR_RXFF;
    return fr;
}

static uint64_t reg_read(struct domain *d, struct vpl011 *u, uint32_t offset)
{
    switch (offset) {
    case DR:
        return read_data(d, u);
    case FR:
        return flags(u);
    case ILPR:
        return u->ilpr;
    case IBRD:
        return u->ibrd;
    case FBRD:
        return u->fbrd;
    case LCR_H:
        return u->lcr_h;
    case CR:
        return u->cr;
    case IFLS:
        return u->ifls;
    case IMSC:
        return u->imsc;
    case RIS:
        return raw_interrupts(u);
    case MIS:
        return raw_interrupts(u) & u->imsc;
    case DMACR:
        return u->dmacr;
    default:
        return offset >= ID_REG ? id_bytes[(offset - ID_REG) / 4] : 0;
    }
}

static void reg_write(struct domain *d, struct vpl011 *u, uint32_t offset, uint32_t val)
{
    char c = (char)val;

    switch (offset) {
    case DR:
        console_guest_write(d, &c, 1);
        u->latched |= INT_TX; /* the FIFO has drained below its trigger again */
        break;
    case ILPR:
        u->ilpr = val & 0xff;
        break;
    case IBRD:
        u->ibrd = val & 0xffff;
        break;
    case FBRD:
        u->fbrd = val & 0x3f;
        break;
    case LCR_H:
        u->lcr_h = val & 0xff;
        fill_rx(d, u);
        break;
    case CR:
        u->cr = val & 0xffff;
        break;
    case IFLS:
        u->ifls = val & 0x3f;
        break;
    case IMSC:
        u->imsc = val & INT_MASK;
        break;
    case ICR:
        u->latched &= ~val;
        break;
    case DMACR:
        u->dmacr = val & 7;
        break;
    default: /* RSR clears errors that never happen; the rest is read-only or reserved */
        break;
    }
}

/* Registers are words; narrower accesses see their low part, as Linux may do with SBSA. */
static bool vpl011_access(struct vcpu *v, struct mmio_access *access, void *opaque)
{
    struct vpl011 *u = opaque;
    uint32_t offset = (uint32_t)(access->addr.v & 0xfff);

    if (access->size > 4 || (offset & 3) != 0)
        return false;
    spin_lock(&u->lock);
    if (access->read)
        access->data = reg_read(v->domain, u, offset) & insn_size_mask(access->size);
    else
        reg_write(v->domain, u, offset, (uint32_t)access->data);
    update_line(v->domain, u);
    spin_unlock(&u->lock);
    return true;
}

int vpl011_init(struct domain *d)
{
    const struct arch_domain_config *config = &d->arch.config;
    struct vpl011 *u = kzalloc(sizeof(*u));
    int rc;

    if (u == NULL)
        return -ENOMEM;
    spin_lock_init(&u->lock, LOCK_RANK_VUART, "vpl011");
    u->irq = config->vpl011_irq;
    u->cr = CR_RESET;
    u->ifls = IFLS_RESET;
    rc = mmio_register(d, gpaddr(config->vpl011_base), GUEST_PL011_SIZE, vpl011_access, u);
    if (rc != 0) {
        kfree(u);
        return rc;
    }
    d->arch.vpl011 = u;
    console_set_input_hook(d, vpl011_input);
    return 0;
}

void vpl011_destroy(struct domain *d)
{
    kfree(d->arch.vpl011);
    d->arch.vpl011 = NULL;
}
