/* SPDX-License-Identifier: Apache-2.0 */
/* tests/payloads/arch/x86_64/include/build_abi.h against libxen-dev. Compiled only, by `make
 * layout`. */
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/hvm/save.h>
#include "build_abi.h"

#define SAME(a, b)              _Static_assert((a) == (b), #a)
#define FIELD(o, f, t, g)       SAME(offsetof(struct o, f), offsetof(struct t, g))
#define CREATE(f)               FIELD(build_create, f, xen_domctl_createdomain, f)
#define CPU(f, g)               FIELD(build_cpu, f, hvm_hw_cpu, g)
#define RECORD(name, structure) SAME(HVM_SAVE_CODE(name), structure)

SAME(DOMCTL_CREATEDOMAIN, XEN_DOMCTL_createdomain);
SAME(DOMCTL_MAX_MEM, XEN_DOMCTL_max_mem);
SAME(DOMCTL_MAX_VCPUS, XEN_DOMCTL_max_vcpus);
SAME(DOMCTL_GETHVMCONTEXT, XEN_DOMCTL_gethvmcontext);
SAME(DOMCTL_SETHVMCONTEXT, XEN_DOMCTL_sethvmcontext);
SAME(DOMCTL_SET_PAGING_MEMPOOL_SIZE, XEN_DOMCTL_set_paging_mempool_size);
SAME(CDF_HVM, XEN_DOMCTL_CDF_hvm);
SAME(CDF_HAP, XEN_DOMCTL_CDF_hap);
SAME(EMU_LAPIC, XEN_X86_EMU_LAPIC);
SAME(sizeof(struct build_domctl), sizeof(struct xen_domctl));
FIELD(build_domctl, u, xen_domctl, u);
SAME(sizeof(struct build_create), sizeof(struct xen_domctl_createdomain));
CREATE(handle);
CREATE(flags);
CREATE(max_vcpus);
CREATE(max_evtchn_port);
CREATE(max_grant_frames);
CREATE(grant_opts);
CREATE(cpupool_id);
FIELD(build_create, emulation_flags, xen_domctl_createdomain, arch.emulation_flags);
SAME(sizeof(((struct xen_domctl *)0)->u.max_vcpus), 4);
SAME(sizeof(((struct xen_domctl *)0)->u.max_mem), 8);
SAME(sizeof(((struct xen_domctl *)0)->u.paging_mempool), 8);
FIELD(build_hvmcontext, buffer, xen_domctl_hvmcontext, buffer);
RECORD(END, SAVE_END);
RECORD(HEADER, SAVE_HEADER);
RECORD(CPU, SAVE_CPU);
SAME(sizeof(struct build_record), sizeof(struct hvm_save_descriptor));
SAME(sizeof(struct build_header), sizeof(struct hvm_save_header));
SAME(sizeof(struct build_cpu), sizeof(struct hvm_hw_cpu));
CPU(rbx, rbx);
CPU(rip, rip);
CPU(cr0, cr0);
CPU(dr6, dr6);
CPU(sel, cs_sel);
CPU(limit, cs_limit);
CPU(limit[SEG_TR], tr_limit);
CPU(base, cs_base);
CPU(base[8], idtr_base);
CPU(rights[SEG_SS], ss_arbytes);
CPU(rights[SEG_TR], tr_arbytes);
CPU(rights[SEG_LDT], ldtr_arbytes);
CPU(efer, msr_efer);
CPU(tsc, tsc);
CPU(flags, flags);
