/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses of guests to ports and to memory that is not there: local devices, then device models.
 */
#include <asm/desc.h>
#include <wherry/bug.h>
#include <wherry/console.h>
#include <wherry/domain.h>
#include <public/hvm/ioreq.h>

#define PORT_DEBUG      0xe9 /* a character for the console */
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

/* Devices of the hypervisor's own; the index register of PCI is only noted. */
static bool local_port(struct vcpu *v, uint16_t port, unsigned int size, bool in)
{
    uint64_t rax = v->arch.regs.r[REG_RAX];

    if (in)
        return false;
    if (port == PORT_PCI_INDEX && size == 4)
        WRITE_ONCE(v->domain->arch.pci_cf8, (uint32_t)rax);
    if (port != PORT_DEBUG || size != 1)
        return false;
    console_guest_write(v->domain, (const char *)&rax, 1);
    return true;
}

void hvm_port_io(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t next)
{
    struct ioreq_access a = {
        .addr = port,
        .data = in ? 0 : v->arch.regs.r[REG_RAX] & ((UINT64_C(1) << size * 8) - 1),
        .count = 1,
        .size = (uint8_t)size,
        .type = IOREQ_TYPE_PIO,
        .space = IOREQ_SPACE_PORT,
        .read = in,
    };

    if (local_port(v, port, size, in)) {
        step_to(v, next);
        return;
    }
    pci_access(v->domain, port, &a);
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

void arch_ioreq_complete(struct vcpu *v, const struct ioreq_access *access, bool answered)
{
    (void)answered; /* without an answer the data is all ones, as if nobody had claimed it */
    BUG_ON(v->arch.io.kind == HVM_IO_NONE);
    if (v->arch.io.kind == HVM_IO_PORT)
        complete_port(v, access);
    v->arch.io.kind = HVM_IO_NONE;
}

/* There is no emulator yet: what needs one is refused, as every instruction that it does not know.
 */
void hvm_emulate(struct vcpu *v)
{
    atomic64_count(&v->domain->stats.undecoded);
    hvm_inject_exception(v, VEC_GP, true, 0);
}

void hvm_nested_fault(struct vcpu *v, uint64_t gpa, bool write, bool exec)
{
    (void)write;
    (void)exec;
    if (p2m_fault_is_spurious(v->domain, gpaddr_to_gfn(gpaddr(gpa))))
        return;
    hvm_emulate(v);
}
