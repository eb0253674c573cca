/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM leaves a domain while device models have mappings of it cached: two vCPUs that remove a page
 * each, two servers, and perhaps another domain that removes a third page, a server that is
 * disabled and enabled, or one that is destroyed. Checked by `make model`; docs/model.md.
 *
 * A vCPU that removed a page enters its guest only when no enabled server has it cached any more.
 * Waiting and waking are modelled in slot.pml; here they are reduced to flag and work bits.
 *
 * MODELS common/ioreq/invalidate.c: ioreq_ram_removed acknowledge prepare publish ask
 * MODELS common/ioreq/invalidate.c: ioreq_invalidate_work settle still_owed ioreq_invalidate_answers
 * MODELS common/ioreq/forward.c: ioreq_slot_prepare ioreq_start_waiting ioreq_slot_publish
 * MODELS common/ioreq/complete.c: ioreq_notified ioreq_wait_again ioreq_vcpu_work
 * MODELS common/ioreq/destroy.c: unpublish wake_waiters ioreq_server_destroy
 * MODELS common/ioreq/server.c: ioreq_server_set_state settle_disabled
 * MODELS common/ioreq/private.h: ioreq_invalidate_owed
 * MODELS common/sched.c: do_work sched_exit_to_guest
 *
 * -DFOREIGN: another domain removes a page. -DTOGGLE: server 1 is disabled, and another thread of
 * its owner enables it, perhaps while the first still waits. -DSOLO: only vCPU 0 removes; one
 * notification says nothing. -DSERVERS=2: only server 1 is there. -DDESTROY: server 1 is destroyed.
 * -DSTUCK: it never answers, until then. -DLIVE: with the property at the end.
 */
#define NVCPU 2
#define NSRV  2
#ifdef FOREIGN
#define PAGES 7 /* bit: page; vCPU v removes page v, the other domain page 2 */
#else
#define PAGES 3
#endif

#define NONE      0
#define READY     1
#define INPROCESS 2
#define RESP      3

#define W_RESCHED 1
#define W_IOREQ   2
#define W_INVAL   4

byte p2m = PAGES;
byte ram_generation;
#ifndef SERVERS
#define SERVERS 3
#endif
byte enable_bits = SERVERS, registry = SERVERS; /* bit: server */
byte acked[NSRV];                   /* inval_acked */
bool freed1;                        /* server 1 */

/* [server * 2 + vCPU]: the slot's state, and what the server owes. */
byte st[4], inval_state[4];
#define AT(s, v) ((s) * NVCPU + (v))
#define TOUCH(s) assert((s) == 0 || !freed1)

byte work[NVCPU];
bool flag[NVCPU]; /* VPF_IOREQ */
bool el2[NVCPU];
bool wait_v[NVCPU]; /* whom a grace period still waits for; one at a time */
bool closed1;       /* the ports of server 1 */
bool in_guest[NVCPU]; /* for the property at the end */
#ifdef TOGGLE
bool ioreq_lock;
bool settling;      /* server 1: disabled, and who did it is in its grace period */
bool disabled_once; /* by set_state() */
bool enabling;      /* the device model maps and answers nothing */
bool answering;     /* it is at work on a slot of server 1 */
#endif

byte cache[NSRV];   /* pages that a device model has mapped */
byte told[NVCPU];   /* pages whose removal is this vCPU's to wait for */

inline notified(v)
{
    work[v] = work[v] | W_IOREQ;
    flag[v] = 0
}

inline grace()
{
    d_step { wait_v[0] = el2[0]; wait_v[1] = el2[1] };
    (!wait_v[0] && !wait_v[1])
}

/* Whom the removal is announced to has to wait for it. */
inline tell(v, page)
{
    d_step { work[v] = work[v] | W_INVAL; told[v] = told[v] | (page) }
}

/* The caller takes it out of the p2m and the TLBs; ioreq_ram_removed() counts it. */
inline remove(page)
{
#ifdef MUT_COUNT_BEFORE_REMOVAL
    ram_generation++;
    p2m = p2m & ~(page)
#else
    p2m = p2m & ~(page);
    ram_generation++
#endif
}

/* What all is about. */
#define CLEAN(s, v) (!(enable_bits & (1 << (s))) || !(cache[s] & told[v]))

#ifdef MUT_OFF_BY_ONE
#define OFF_BY_ONE 1
#else
#define OFF_BY_ONE 0
#endif

/* Each atomic is one access of shared memory and what follows from it. */

/* prepare() for one server, if it is in the registry */
inline prepare(s)
{
    if
    :: (enabled_now & (1 << (s))) ->
        atomic {
            x = (registry & (1 << (s))) != 0;
            if :: x -> TOUCH(s); x = acked[s] + OFF_BY_ONE < wanted :: else fi
        };
        atomic {
            if
            :: x ->
                TOUCH(s);
                assert(st[AT(s, me)] == NONE || ((s) == 1 && closed1)); /* slot_usable() */
                x = st[AT(s, me)] == NONE && !((s) == 1 && closed1)
            :: else
            fi;
            if
            :: x -> inval_state[AT(s, me)] = READY; asked = asked | (1 << (s)); x = 0
            :: else
            fi
        }
    :: else
    fi
}

/* publish() for one server */
inline publish(s)
{
    if
    :: (asked & (1 << (s))) ->
        atomic {
            if :: (registry & (1 << (s))) -> TOUCH(s); st[AT(s, me)] = READY :: else fi
        }
    :: else
    fi
}

inline start_waiting()
{
    flag[me] = 1;
    work[me] = work[me] | W_RESCHED | W_IOREQ
}

/* ask() */
inline ask()
{
    d_step { enabled_now = enable_bits; asked = 0 };
    prepare(0);
    prepare(1);
    d_step { enabled_now = 0; waiting = asked };
    if
    :: asked != 0 ->
#ifdef MUT_WAIT_AFTER_PUBLISH
        publish(0);
        publish(1);
        start_waiting();
#else
        start_waiting();
        publish(0);
        publish(1);
#endif
        asked = 0
    :: else
    fi
}

inline settle(s)
{
#ifndef MUT_NO_RESET
    d_step { TOUCH(s); st[AT(s, me)] = NONE };
#endif
    d_step { TOUCH(s); inval_state[AT(s, me)] = NONE }
}

/* One turn of the loop of ioreq_invalidate_answers(), still_owed(). */
inline answer(s)
{
    if
#ifdef MUT_DISABLED_RESETS
    :: (waiting & (1 << (s))) ->
#else
    :: (waiting & enabled_now & (1 << (s))) -> /* who is not enabled is not waited for */
#endif
        atomic {
            x = (registry & (1 << (s))) != 0;
            if :: x -> TOUCH(s); x = inval_state[AT(s, me)] != NONE :: else fi
        };
        atomic {
            if
            :: x ->
                TOUCH(s);
                x = st[AT(s, me)];
                assert(x != NONE) /* it gives nothing up */
            :: else
            fi
        };
        if
        :: x == RESP ->
            d_step { /* acknowledge() */
#if defined(MUT_ACK_CURRENT)
                x = ram_generation;
#elif defined(MUT_NO_ACK)
                x = 0;
#else
                x = wanted;
#endif
                TOUCH(s);
                if :: acked[s] < x -> acked[s] = x :: else fi;
                x = 0
            };
            settle(s)
        :: x == READY || x == INPROCESS ->
#ifdef MUT_DISABLED_RESETS
            if
            :: !(enabled_now & (1 << (s))) -> settle(s); x = 0
            :: else
            fi;
            if :: x != 0 -> left = left | (1 << (s)); inval_state[AT(s, me)] = x; x = 0 :: else fi
#else
            d_step {
                TOUCH(s);
                assert(x >= inval_state[AT(s, me)]);
                inval_state[AT(s, me)] = x;
                left = left | (1 << (s));
                x = 0
            }
#endif
        :: x == NONE
        fi
    :: else
    fi
}

proctype vcpu(byte me)
{
    byte wanted, asked, waiting, left, enabled_now, x, w;
#ifdef SOLO
    bool removed = (me == 1);
#else
    bool removed;
#endif
#ifdef FOREIGN
    bool trapped;
#endif

end_guest:
    if
    :: !removed ->
        d_step { removed = 1; el2[me] = 1; in_guest[me] = 0 };
        remove(1 << me);
        tell(me, 1 << me)
    :: work[me] != 0 -> d_step { el2[me] = 1; in_guest[me] = 0 } /* kicked */
#ifdef FOREIGN
    :: !trapped -> d_step { trapped = 1; el2[me] = 1; in_guest[me] = 0 } /* for whatever reason */
#endif
    fi;

exit_path:
    skip;
    d_step { /* what comes after this look kicks the vCPU out again */
        w = work[me];
        assert(w != 0 || waiting == 0);
        assert(w != 0 || (CLEAN(0, me) && CLEAN(1, me)))
    };
    if
    :: w == 0 ->
        d_step { wanted = 0; el2[me] = 0; wait_v[me] = 0; in_guest[me] = 1 };
        goto end_guest
    :: w & W_RESCHED ->
        work[me] = work[me] & ~W_RESCHED;
        if
        :: flag[me] -> /* sleeps: outside the hypervisor */
            d_step { w = 0; el2[me] = 0; wait_v[me] = 0 };
            !flag[me];
            el2[me] = 1
        :: else
        fi;
        goto exit_path
    :: else
    fi;

    d_step { w = work[me]; work[me] = work[me] & W_RESCHED };
    if
    :: (w & W_IOREQ) && waiting != 0 -> /* ioreq_vcpu_work(), ioreq_invalidate_answers() */
        d_step { enabled_now = enable_bits; left = 0 };
        answer(0);
        answer(1);
#ifdef MUT_FIRST_ANSWER
        if :: left != waiting -> left = 0 :: else fi;
#endif
        d_step { waiting = left; left = 0; enabled_now = 0 };
        if
        :: waiting != 0 -> /* ioreq_wait_again() */
            flag[me] = 1;
            work[me] = work[me] | W_RESCHED;
            d_step { x = work[me] & W_IOREQ; work[me] = work[me] | W_IOREQ };
            if :: x -> flag[me] = 0 :: else fi;
            x = 0
#ifdef MUT_FIRST_ANSWER
        :: else
#else
        :: else -> ask() /* one may have been enabled */
#endif
        fi
    :: else
    fi;
    if
    :: w & W_INVAL -> /* ioreq_invalidate_work() */
        if
        :: waiting != 0 ->
#ifndef MUT_BUSY_FORGETS
            work[me] = work[me] | W_INVAL
#else
            skip
#endif
        :: else ->
#ifdef MUT_SAMPLE_AFTER_POST
            wanted = ram_generation;
            ask();
            wanted = ram_generation
#else
            wanted = ram_generation;
            ask()
#endif
        fi
    :: else
    fi;
    w = 0;
    goto exit_path
}

#ifdef TOGGLE
inline lock() { atomic { !ioreq_lock -> ioreq_lock = 1 } }
inline unlock() { ioreq_lock = 0 }

/* ioreq_server_set_state(), settle_disabled(): a hypercall of the device model's thread. */
inline disable()
{
    lock();
    enable_bits = enable_bits & ~2;
#ifndef MUT_NOT_SETTLING
    settling = 1;
#endif
    disabled_once = 1;
    unlock();
    grace();
    /* No vCPU looks at the slot any more: it reads that the server is disabled. */
    lock();
    disowe(0);
    disowe(1);
    settling = 0;
    unlock()
}
inline disowe(v)
{
    if
    :: inval_state[AT(1, v)] != NONE ->
#ifndef MUT_DISABLED_RESETS
        inval_state[AT(1, v)] = NONE;
#endif
#ifndef MUT_DISABLE_NO_WAKE
        notified(v)
#endif
    :: else
    fi
}

#ifndef STUCK
/* Another thread of the same owner: -ERESTART while the other one settles. */
proctype enabler()
{
    /* The device model's own duty before: no slot is in its hands, what it has mapped is forgotten. */
    d_step {
        disabled_once && !answering;
#ifndef MUT_KEEPS_CACHE
        cache[1] = 0;
#endif
        enabling = 1
    };
    atomic { !ioreq_lock && !settling -> ioreq_lock = 1 };
    /* ioreq_pages_publish_port() */
    if :: inval_state[AT(1, 0)] == NONE -> st[AT(1, 0)] = NONE :: else fi;
    if :: inval_state[AT(1, 1)] == NONE -> st[AT(1, 1)] = NONE :: else fi;
    enable_bits = enable_bits | 2;
    d_step { unlock(); enabling = 0 }
}
#endif
#define MAPS(s) ((s) == 0 || !enabling)
inline set_answering(value) { if :: me == 1 -> answering = value :: else fi }
#else
#define MAPS(s) true
inline set_answering(value) { skip }
#endif
#ifdef STUCK
#define PICKS(s) ((s) == 0)
#else
#define PICKS(s) MAPS(s)
#endif

/* May map what is in the p2m at any time; forgets all before it answers. One thread. */
proctype dm(byte me)
{
    byte x;
#ifdef SOLO
    bool spurious;
#endif
#ifdef TOGGLE
    bool disabled;
#endif

end_dm:
    do
    /* Maps a page; it counts as cached from the look-up of the hypercall on. */
    :: atomic { MAPS(me) && (p2m & ~cache[me] & 1) -> cache[me] = cache[me] | 1 }
    :: atomic { MAPS(me) && (p2m & ~cache[me] & 2) -> cache[me] = cache[me] | 2 }
#ifdef FOREIGN
    :: atomic { MAPS(me) && (p2m & ~cache[me] & 4) -> cache[me] = cache[me] | 4 }
#endif
    :: atomic {
            PICKS(me) && (st[AT(me, 0)] == READY || st[AT(me, 1)] == READY) ->
            if
            :: st[AT(me, 0)] == READY -> x = 0
            :: st[AT(me, 1)] == READY -> x = 1
            fi;
            st[AT(me, x)] = INPROCESS;
            set_answering(1)
        };
#ifdef SOLO
        if
        :: !spurious -> spurious = 1; notified(x) /* once, for nothing */
        :: true
        fi;
#endif
#ifdef MUT_ANSWER_FIRST
        st[AT(me, x)] = RESP;
        cache[me] = 0;
#else
        cache[me] = 0;
#ifdef SOLO
        if /* another of its threads maps before the answer */
        :: atomic { MAPS(me) && (p2m & ~cache[me] & 4) -> cache[me] = cache[me] | 4 }
        :: true
        fi;
#endif
        st[AT(me, x)] = RESP;
#endif
        if
        :: me == 0 || !closed1 -> notified(x)
        :: else
        fi;
        d_step { x = 0; set_answering(0) }
#ifdef TOGGLE
    :: me == 1 && !disabled -> disabled = 1; disable()
#endif
    od
}

#ifdef DESTROY
/* ioreq_server_destroy() of server 1, unpublish(), wake_waiters() */
proctype destroyer()
{
    enable_bits = enable_bits & ~2;
    registry = registry & ~2;
    closed1 = 1;
#ifndef MUT_DESTROY_NO_GRACE
    grace();
#endif
#ifndef MUT_DESTROY_NO_WAKE
    if :: inval_state[AT(1, 0)] != NONE -> notified(0) :: else fi;
    if :: inval_state[AT(1, 1)] != NONE -> notified(1) :: else fi;
#endif
    freed1 = 1
}
#endif

#ifdef FOREIGN
/* A hypercall of another domain: every vCPU has to wait. */
proctype other_domain()
{
    remove(4);
    tell(0, 4);
#ifdef MUT_ONE_VCPU
    told[1] = told[1] | 4
#else
    tell(1, 4)
#endif
}
#endif

init
{
    atomic {
        in_guest[0] = 1;
        in_guest[1] = 1;
        run vcpu(0);
        run vcpu(1);
        if :: (SERVERS & 1) -> run dm(0) :: else fi;
        run dm(1);
#ifdef DESTROY
        run destroyer();
#endif
#ifdef FOREIGN
        run other_domain();
#endif
#if defined(TOGGLE) && !defined(STUCK)
        run enabler();
#endif
        skip
    }
}

#ifdef LIVE
/* Under weak fairness. In its guest a vCPU may stay. */
ltl goes_on { ([] <> in_guest[0]) && ([] <> in_guest[1]) }
#endif
