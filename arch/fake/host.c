/* SPDX-License-Identifier: Apache-2.0 */
/* The host of the fake architecture: memory, time, CPUs; guest memory by virtual address. */
#include <asm/fake.h>
#include <asm/relax.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wherry/domain.h>
#include <wherry/irq.h>
#include <wherry/guest_access.h>
#include <wherry/lib/errno.h>

static struct page frame_table[FAKE_RAM_FRAMES];
struct page *const arch_frame_table = frame_table;
unsigned char fake_ram[FAKE_RAM_FRAMES << PAGE_SHIFT] __aligned(4096);
unsigned char fake_gva[FAKE_GVA_SIZE];
bool fake_gva_read_only;
uint64_t fake_now;
unsigned int fake_kicks;
bool fake_irq_pending_flag;
void (*fake_complete_hook)(struct vcpu *v);

_Thread_local uintptr_t fake_percpu_offset;
uintptr_t percpu_offset[CONFIG_NR_CPUS];
DEFINE_PER_CPU(unsigned int, cpu_id);
uint64_t cpu_online_mask = 1;

void fake_arch_reset(void)
{
    memset(fake_gva, 0, sizeof(fake_gva));
    fake_gva_read_only = false;
    fake_now = 0;
    fake_kicks = 0;
    fake_irq_pending_flag = false;
    fake_complete_hook = NULL;
}

s_time_t arch_now(void)
{
    return (s_time_t)fake_now;
}

void arch_relax(void)
{
    syscall(SYS_sched_yield); /* sched_yield() is another function here */
}

void arch_smp_kick(unsigned int cpu)
{
    (void)cpu;
    __atomic_fetch_add(&fake_kicks, 1, __ATOMIC_RELAXED);
}

void irq_release_guest(struct domain *d)
{
    (void)d; /* there are none */
}

bool arch_irq_pending(void)
{
    return fake_irq_pending_flag;
}

/* Guest memory by virtual address. */

static bool gva_ok(uint64_t gva, size_t size)
{
    return gva >= FAKE_GVA_BASE && size <= FAKE_GVA_SIZE &&
           gva - FAKE_GVA_BASE <= FAKE_GVA_SIZE - size;
}

int guest_copy_from(void *dst, uint64_t gva, size_t size)
{
    if (!gva_ok(gva, size))
        return -EFAULT;
    memcpy(dst, fake_gva + (gva - FAKE_GVA_BASE), size);
    return 0;
}

int guest_copy_to(uint64_t gva, const void *src, size_t size)
{
    if (fake_gva_read_only || !gva_ok(gva, size))
        return -EFAULT;
    memcpy(fake_gva + (gva - FAKE_GVA_BASE), src, size);
    return 0;
}

struct page *guest_get_page(uint64_t gva)
{
    if (gva < FAKE_GVA_FRAMES || gva >= FAKE_GVA_FRAMES + (FAKE_P2M_FRAMES << PAGE_SHIFT))
        return NULL;
    return p2m_get_page(current->domain, gfn((gva - FAKE_GVA_FRAMES) >> PAGE_SHIFT), true, false,
                        NULL);
}
