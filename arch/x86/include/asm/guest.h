/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of hvm/. */
#ifndef WHERRY_ASM_GUEST_H
#define WHERRY_ASM_GUEST_H

#include <asm/hvm.h>

struct ioreq_access;
struct shared_info;
struct vcpu_hvm_context;
struct x86_vec;

#define HVM_DEBUG_PORT 0xe9 /* a character for the console */

/* --- emulate.c --- */
/*
 * The access that the instruction waits for is answered (or will not be, and a read of it is all
 * ones): go on with it.
 */
void hvm_emulate_answer(struct vcpu *v, const struct ioreq_access *a, bool answered);

/* --- io.c --- */
/*
 * Is it for a device of the hypervisor's own? Then it is done. The index register of PCI is only
 * noted.
 */
bool hvm_local_port(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint32_t value);
/* Do strings to the port go element by element, as hvm_local_port() has to see each? */
bool hvm_port_is_watched(uint16_t port, unsigned int size, bool in);
/* An access to a port as it is forwarded: PCI configuration by function. */
void hvm_port_request(const struct vcpu *v, uint16_t port, unsigned int size, bool in,
                      uint32_t value, struct ioreq_access *a);

/* The answer to the access that v, current, waits for; all ones if there is none. */
void hvm_io_answer(struct vcpu *v, const struct ioreq_access *access, bool answered);

/* --- fpu.c: v is current --- */
/* The vector registers into v->arch.fpu, XCR0 into v->arch.xcr0; the registers back. */
void hvm_fpu_sync(struct vcpu *v);
void hvm_fpu_reload(struct vcpu *v);
/* XCR0 takes a value that it may have. */
void hvm_fpu_set_xcr0(struct vcpu *v, uint64_t value);
/* As it is now; 0 where there is no XSAVE. */
uint64_t hvm_fpu_xcr0(const struct vcpu *v);

/* --- fpu.c --- */
void hvm_fpu_reset(struct vcpu *v);

/* --- xstate.c --- */
/* May a guest write this to XCR0? */
bool hvm_xcr0_is_valid(uint64_t value);
/* Bytes of XSAVE's area, in either form, with these components. */
uint32_t hvm_xstate_size(uint64_t xcr0);
/* 16 vector registers from v->arch.fpu, and into it. */
void hvm_get_vectors(const struct vcpu *v, struct x86_vec *regs);
void hvm_put_vectors(struct vcpu *v, const struct x86_vec *regs);

/* --- hvm.c --- */
/* DR0 to DR3 of v, current or not running, as after INIT. */
void hvm_debug_reset(struct vcpu *v);

/* --- hypercall.c --- */
/* Fill the page with stubs; 0 or -EFAULT. */
int hvm_write_hypercall_page(struct domain *d, gpaddr_t at);

/* --- time.c --- */
/* The clock in v's vcpu_info; v is current. */
void hvm_time_update(struct vcpu *v);
/* The wall clock at time 0; it does not change. Where it is, the size of the guest's words says. */
void hvm_wallclock_init(struct shared_info *s, bool words32);

/* --- compat.c --- */
/* v is current, and does what says how shared_info is to be laid out: as its mode is. */
void hvm_note_layout(struct vcpu *v);

/* How ticks become nanoseconds: ((ticks << shift) * mul) >> 32; a negative shift goes right. */
void hvm_tsc_scale(uint32_t *mul, int8_t *shift);

/* --- vcpu.c --- */
/* Start a vCPU of the domain builder's at a PVH entry. */
void hvm_vcpu_enter_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info);
/* v, current, may have been started by an IPI: take its reset state. */
void hvm_vcpu_begin(struct vcpu *v);
void hvm_vcpu_nmi(struct vcpu *v);
/* As after INIT, at page:0 in real mode. v is not running, or current. */
void hvm_vcpu_reset(struct vcpu *v, uint8_t page);

/* --- acpi.c --- */
/* Tables for its vCPUs, all there, into the page at `at`. Boot. 0 or -EFAULT. */
int hvm_write_acpi(struct domain *d, uint64_t at);

/* --- context.c --- */
#define HVM_START_CLAIMED UINT32_MAX /* v->arch.start: somebody gives it its registers */
/* VCPUOP_initialise: -EINVAL (the processor would refuse), -EEXIST (it has some). */
int hvm_vcpu_initialise(struct vcpu *v, const struct vcpu_hvm_context *in);

/* --- vcpu_op.c --- */
void hvm_timers_init(struct vcpu *v);
void hvm_timers_stop(struct vcpu *v);

#endif
