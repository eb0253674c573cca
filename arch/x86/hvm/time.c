/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual clock: how a guest makes nanoseconds of the TSC. */
#include <asm/guest.h>
#include <asm/time.h>
#include <wherry/domain.h>
#include <public/version.h>
#include <wherry/version.h>

void hvm_tsc_scale(uint32_t *mul, int8_t *shift)
{
    uint64_t hz = time_tsc_hz();
    int s = 0;

    while (hz > 2000000000) {
        hz >>= 1;
        s--;
    }
    while (hz <= 1000000000) {
        hz <<= 1;
        s++;
    }
    *mul = (uint32_t)((UINT64_C(1000000000) << 32) / hz);
    *shift = (int8_t)s;
}

/* What it says does not change, so most times it is there; a guest may have cleared the page. */
static bool is_there(const struct vcpu_time_info *t)
{
    uint32_t version = READ_ONCE(t->version);

    return version != 0 && (version & 1) == 0 && READ_ONCE(t->tsc_timestamp) == time_boot_tsc() &&
           READ_ONCE(t->system_time) == 0 && READ_ONCE(t->tsc_to_system_mul) != 0 &&
           READ_ONCE(t->flags) == 1;
}

void hvm_time_update(struct vcpu *v)
{
    struct vcpu_info *info = v->evtchn.info;
    struct vcpu_time_info *t;
    uint32_t version;

    if (info == NULL)
        return;
    t = &info->time;
    if (likely(is_there(t)))
        return;
    version =
        (READ_ONCE(t->version) + 1) | 1; /* odd while it changes; partner: the guest's reader */
    WRITE_ONCE(t->version, version);
    smp_wmb(); /* odd before the rest; partner as above */
    hvm_tsc_scale(&t->tsc_to_system_mul, &t->tsc_shift);
    WRITE_ONCE(t->tsc_timestamp, time_boot_tsc());
    WRITE_ONCE(t->system_time, 0);
    t->flags = 1; /* the TSCs of all pCPUs agree */
    store_release(&t->version, version + 1);
}

/* With words of 4 bytes: behind two times 128 bytes of ports, the last member somewhere else. */
static void wallclock32(struct shared_info *s, uint64_t seconds)
{
    uint32_t *wc = (uint32_t *)(void *)((char *)s->evtchn_pending + 256);

    wc[1] = (uint32_t)seconds;
    wc[2] = 0;
    wc[9] = (uint32_t)(seconds >> 32);
    wc[0] = 2; /* even: complete */
}

void hvm_wallclock_init(struct shared_info *s, bool words32)
{
    uint64_t seconds = time_boot_wallclock();

    if (words32) {
        wallclock32(s, seconds);
        return;
    }
    s->wc_sec = (uint32_t)seconds;
    s->wc_sec_hi = (uint32_t)(seconds >> 32);
    s->wc_nsec = 0;
    s->wc_version = 2; /* even: complete */
}

const char *arch_version_capabilities(void)
{
    return "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";
}

uint32_t arch_version_features(const struct domain *d)
{
    (void)d;
    return BIT(XENFEAT_memory_op_vnode_supported) | BIT(XENFEAT_hvm_callback_vector) |
           BIT(XENFEAT_hvm_safe_pvclock) | BIT(XENFEAT_not_direct_mapped);
}
