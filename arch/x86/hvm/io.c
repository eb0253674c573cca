/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses of guests to ports and to memory that is not there: local devices, then device models.
 */
#include <asm/desc.h>
#include <asm/guest.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <public/hvm/ioreq.h>

#define PORT_PCI_INDEX  0xcf8
#define PORT_PCI_DATA   0xcfc
#define PCI_INDEX_VALID BIT(31)

/* The register's low bytes; 4 bytes clear the upper half (as each 32-bit write does). */
static void set_rax(struct vcpu *v, unsigned int size, uint64_t data)
{
    uint64_t *rax = &v->arch.regs.r[REG_RAX];

    if (size == 4)
        *rax = (uint32_t)data;
    else if (size == 2)
        *rax = (*rax & ~UINT64_C(0xffff)) | (data & 0xffff);
    else
        *rax = (*rax & ~UINT64_C(0xff)) | (data & 0xff);
}

static void step_to(struct vcpu *v, uint64_t next)
{
    v->arch.regs.rip = next;
    hvm_advance(v, 0);
}

/* Configuration space through 0xCFC to 0xCFF goes by function, not by port. */
static void pci_access(const struct domain *d, uint16_t port, struct ioreq_access *a)
{
    uint32_t index = READ_ONCE(d->arch.pci_cf8);

    if ((port & ~3) != PORT_PCI_DATA || !(index & PCI_INDEX_VALID))
        return;
    a->space = IOREQ_SPACE_PCI;
    a->type = IOREQ_TYPE_PCI_CONFIG;
    a->addr = (uint64_t)((index >> 8) & 0xffff) << 32 | (index & 0xfc) | (port & 3);
}

bool hvm_local_port(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint32_t value)
{
    char c = (char)value;

    if (in)
        return false;
    if (port == PORT_PCI_INDEX && size == 4)
        WRITE_ONCE(v->domain->arch.pci_cf8, value);
    if (port != HVM_DEBUG_PORT || size != 1)
        return false;
    console_guest_write(v->domain, &c, 1);
    return true;
}

bool hvm_port_is_watched(uint16_t port, unsigned int size, bool in)
{
    return !in && ((port == PORT_PCI_INDEX && size == 4) || port == HVM_DEBUG_PORT);
}

void hvm_port_request(const struct vcpu *v, uint16_t port, unsigned int size, bool in,
                      uint32_t value, struct ioreq_access *a)
{
    *a = (struct ioreq_access){
        .addr = port,
        .data = in ? 0 : value & ((UINT64_C(1) << size * 8) - 1),
        .count = 1,
        .size = (uint8_t)size,
        .type = IOREQ_TYPE_PIO,
        .space = IOREQ_SPACE_PORT,
        .read = in,
    };
    pci_access(v->domain, port, a);
}

void hvm_port_io(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t next)
{
    struct ioreq_access a;

    if (hvm_local_port(v, port, size, in, (uint32_t)v->arch.regs.r[REG_RAX])) {
        step_to(v, next);
        return;
    }
    hvm_port_request(v, port, size, in, (uint32_t)v->arch.regs.r[REG_RAX], &a);
    v->arch.io = (struct hvm_io){.kind = HVM_IO_PORT, .next = next};
    switch (ioreq_forward(v, &a)) {
    case IOREQ_SENT:
    case IOREQ_RETRY:
        return;
    case IOREQ_UNCLAIMED:
        if (in)
            set_rax(v, size, ~UINT64_C(0));
        break;
    case IOREQ_DONE:
        break;
    }
    v->arch.io.kind = HVM_IO_NONE;
    step_to(v, next);
}

static void complete_port(struct vcpu *v, const struct ioreq_access *a)
{
    if (a->read)
        set_rax(v, a->size, a->data);
    step_to(v, v->arch.io.next);
}

void hvm_io_answer(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    unsigned int kind = v->arch.io.kind;

    BUG_ON(kind == HVM_IO_NONE);
    v->arch.io.kind = HVM_IO_NONE;
    if (kind == HVM_IO_PORT) /* without an answer the data is all ones, as if nobody claimed it */
        complete_port(v, access);
    else
        hvm_emulate_answer(v, access, answered);
}

/* What the entry that is there does not allow. */
static bool is_denied(struct domain *d, gfn_t g, bool write, bool exec)
{
    enum p2m_type t;

    p2m_lookup(d, g, &t);
    return (write && p2m_is_read_only(t)) || (exec && !p2m_is_ram(t));
}

void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool exec)
{
    gfn_t g = gpaddr_to_gfn(gpaddr(gpa));
    bool instruction = hvm->can_inject(v); /* no event was being delivered */
    bool mapped =
        unlikely(p2m_changed(&v->domain->p2m, &v->arch.p2m_seq) || exec || !instruction) &&
        p2m_fault_is_spurious(v->domain, g);

    if (unlikely(mapped) && !is_denied(v->domain, g, write, exec))
        return;
    if (unlikely(!instruction))
        hvm_triple_fault(v); /* nothing to emulate: the one at RIP has not begun */
    else if (mapped && exec)
        hvm_inject_exception(v, VEC_GP, true, 0); /* another domain's page, or a device's */
    else
        hvm_emulate(v); /* writes to what may only be read are lost */
}
