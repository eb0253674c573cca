/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vCPU that forwards accesses, a device model, and everything that may come between: disable,
 * destroy, recreate under the same id, pause, crash, death of the domain. Checked by `make model`;
 * docs/model.md says what holds and what is left out.
 *
 * Each load, store and atomic of memory that another CPU may touch is one step here, in the order
 * of the code. MUT_* put one of them in a wrong place: run.py sees each of them fail.
 *
 * Functions modelled; run.py fails when one is no longer in the tree:
 * MODELS common/ioreq/forward.c: slot_usable ioreq_slot_prepare remember ioreq_start_waiting
 * MODELS common/ioreq/forward.c: ioreq_slot_publish post find_server ioreq_forward
 * MODELS common/ioreq/complete.c: ioreq_notified ioreq_wait_again finish bad_state evaluate
 * MODELS common/ioreq/complete.c: ioreq_vcpu_work
 * MODELS common/ioreq/destroy.c: unpublish wake_waiters retire_server ioreq_server_destroy
 * MODELS common/ioreq/destroy.c: ioreq_destroy_domain
 * MODELS common/ioreq/server.c: ioreq_server_set_state ioreq_server_create build_server
 * MODELS common/ioreq/server.c: ioreq_server_free
 * MODELS common/ioreq/private.h: ioreq_server_find ioreq_in_flight_at
 * MODELS common/ioreq/pages.c: ioreq_pages_publish_port
 * MODELS common/ioreq/slot.h: slot_fill slot_set_state slot_load
 * MODELS common/sched.c: sched_exit_to_guest do_work breathe schedule idle sched_wake
 * MODELS common/sched.c: vcpu_pause_set vcpu_pause_clear vcpu_pause vcpu_unpause sched_forget_vcpu
 * MODELS common/rcu.c: synchronize_rcu rcu_call
 * MODELS common/domain.c: domain_crash domain_kill free_domain domain_put
 * MODELS include/wherry/domain.h: vcpu_set_work
 *
 * -DHOSTILE: the device model does as it likes: each load of the slot gives anything, and it notifies
 * when it wants to. Otherwise it keeps the protocol.
 * What happens beside: -DTOGGLE disables and enables, -DDESTROY destroys, -DRECREATE creates
 * again after that, -DPAUSE pauses and unpauses the domain, -DDEATH kills it; with -DLOOK the good
 * device model looks once without having been told. -DLIVE: with one of the properties at the
 * end, under weak fairness.
 */
#ifndef NREQ
#define NREQ 2 /* accesses of the vCPU, one after another */
#endif
#define NSRV 2 /* servers that ever have the id; generation = index + 1 */

/* Slot states of the ABI, and one that it does not know. */
#define NONE      0
#define READY     1
#define INPROCESS 2
#define RESP      3
#define BAD       4

#define W_RESCHED 1
#define W_IOREQ   2

/* Pause word: one flag and the count of nested pauses. */
#define F_IOREQ 1
#define F_PAUSE 2

/* Servers: the page (shared), the struct, the ports. Data is the number of the access. */
byte st[NSRV], req[NSRV], dat[NSRV];
bool eport_ok[NSRV];  /* the slot names its port */
bool port[NSRV];      /* s->vcpu[v].port: open */
bool freed[NSRV];     /* struct and the server's reference on the page */
bool pending[NSRV];   /* the device model's end of the port */
bool quiet[NSRV];     /* "disabled" was answered: nothing new may appear */
byte registry = 1;    /* reg->server[id]: generation, 0 none */
bool enable_bit = 1, busy = 1;
byte nsrv = 1;
bool ioreq_lock;

/* The vCPU. */
byte work, flags;
bool in_flight;
byte acc, gen, last_state; /* v->ioreq.access, generation, last_state */
bool curr = 1, queued, on_cpu = 1; /* its pCPU's run queue */
bool kick;                 /* interrupt pending at its pCPU */
bool vcpu_freed;
byte nreq, done;           /* accesses begun; the last one completed */

/* The domain. */
bool crashed, dying, stopped, registry_gone; /* stopped: dying and off its pCPU */
byte refs = 2; /* table, server 1 */

/* RCU: who is in the hypervisor, and whom a waiter still waits for. Waiters: 0 owner, 1 toolstack. */
bool el2_v = 0, el2_dm, el2_owner, el2_tool;
bool wait_v[2], wait_dm[2], wait_owner, wait_tool;

/* What the behaving device model has done. */
byte executed[NSRV];

#define TOUCH(s) assert(!freed[s])

/* slot_load() */
#ifdef HOSTILE
inline load_state(i, var)
{
    TOUCH(i);
    if
    :: var = NONE
    :: var = READY
    :: var = INPROCESS
    :: var = RESP
    :: var = BAD
    fi
}
inline load_eport(i, var)
{
    TOUCH(i);
    if :: var = 0 :: var = 1 fi
}
inline load_data(i, var) { d_step { TOUCH(i); var = 0 } }
inline store(i, field, value) { TOUCH(i) }
#else
inline load_state(i, var) { d_step { TOUCH(i); var = st[i] } }
inline load_eport(i, var) { d_step { TOUCH(i); var = eport_ok[i] } }
inline load_data(i, var) { d_step { TOUCH(i); var = dat[i] } }
inline store(i, field, value) { d_step { TOUCH(i); field = value } }
#endif
#define VCPU assert(!vcpu_freed)

inline enter_v() { el2_v = 1 }
inline leave_v() { d_step { el2_v = 0; wait_v[0] = 0; wait_v[1] = 0 } }
inline leave_dm() { d_step { el2_dm = 0; wait_dm[0] = 0; wait_dm[1] = 0 } }
inline leave_owner() { d_step { el2_owner = 0; wait_owner = 0 } }
inline leave_tool() { d_step { el2_tool = 0; wait_tool = 0 } }

/* synchronize_rcu(): the caller itself is quiescent meanwhile. */
inline grace_owner()
{
    d_step { wait_v[0] = el2_v; wait_dm[0] = el2_dm; wait_tool = el2_tool; el2_owner = 0; wait_owner = 0 };
    (!wait_v[0] && !wait_dm[0] && !wait_tool);
    el2_owner = 1
}
inline grace_tool()
{
    d_step { wait_v[1] = el2_v; wait_dm[1] = el2_dm; wait_owner = el2_owner; el2_tool = 0; wait_tool = 0 };
    (!wait_v[1] && !wait_dm[1] && !wait_owner);
    el2_tool = 1
}

/* --- scheduler, called on another pCPU than the vCPU's --- */

/* vcpu_set_work(): fetch_or, then a kick if it runs. The kick may be taken any time later. */
inline set_work(bits)
{
    d_step { VCPU; old = work; work = work | bits };
    if
#ifndef MUT_NO_KICK
    :: (old & bits) != bits -> if :: on_cpu -> kick = 1 :: else fi
#endif
    :: else
    fi
}

/* sched_wake(): the test of curr and queued, and the queueing, are one section of the lock. */
inline sched_wake()
{
    atomic {
        VCPU;
        if
        :: !curr && !queued -> queued = 1; kick = 1
        :: else
        fi
    }
}

inline pause_clear()
{
#ifdef MUT_WAKE_CHECK_FIRST
    old = curr || queued;
    d_step { VCPU; flags = flags & ~F_IOREQ };
    if :: !old && flags == 0 -> queued = 1; kick = 1 :: else fi
#else
    d_step { VCPU; old = flags; flags = flags & ~F_IOREQ };
    if :: old == F_IOREQ -> sched_wake() :: else fi
#endif
}

/* ioreq_notified(), by the device model's event or by wake_waiters(). */
inline notified()
{
#ifdef MUT_FLAG_BEFORE_BIT
    pause_clear();
    set_work(W_IOREQ)
#else
    set_work(W_IOREQ);
    pause_clear()
#endif
}

/* --- the vCPU's pCPU --- */

/* schedule(): under the lock of the run queue, so one step but for the switch itself. */
inline schedule()
{
#ifdef MUT_SCHEDULE_UNLOCKED
    x = flags;
#else
    x = 255;
#endif
    atomic {
        if :: x == 255 -> x = flags :: else fi;
        y = curr;
        if
        :: curr && x == 0
        :: !curr && queued -> VCPU; queued = 0; curr = (x == 0)
        :: else -> curr = 0
        fi
    };
    if
    :: y && !curr -> on_cpu = 0
    :: !y && curr -> on_cpu = 1
    :: else
    fi;
    x = 0;
    y = 0
}

/* finish() up to arch_ioreq_complete(); once for each access, with its own data. */
inline finish(data, answered)
{
    d_step {
        VCPU;
        in_flight = 0;
        assert(acc == done + 1);
        done = acc;
#ifndef HOSTILE
        assert(!(answered) || (data) == acc);
#endif
    }
}

#ifdef MUT_STATE_REREAD
/* A switch that loads the state for each comparison. */
#define SAMPLE(value) (st[s] == value)
#else
#define SAMPLE(value) (x == value)
#endif

proctype vcpu()
{
    byte s, w, x, y, old;

end_guest: /* in the guest */
    if
    :: nreq < NREQ -> d_step { nreq++; enter_v() }
    :: kick -> d_step { kick = 0; enter_v() } -> goto exit_path
    fi;

    /* ioreq_forward(), find_server() */
    x = enable_bit;
    if
    :: !x -> goto unclaimed
    :: else
    fi;
    s = registry;
    if
    :: s == 0 -> goto unclaimed
    :: else -> s--
    fi;

    /* post(): ioreq_slot_prepare(), slot_usable() */
    TOUCH(s);
    y = port[s];
    load_state(s, x);
    load_eport(s, w);
    if
    :: x != NONE || !y || !w ->
#ifndef HOSTILE
        assert(!y); /* its slot is as it should be: nothing is lost but by a destroy */
#endif
        goto unclaimed
    :: else
    fi;
    d_step { w = 0; assert(!quiet[s]) }; /* after "disabled" nothing is on its way */
#ifdef MUT_STATE_BEFORE_FIELDS
    store(s, st[s], READY);
#endif
    store(s, req[s], nreq); /* slot_fill() */
    store(s, dat[s], 0);

    /* remember(), ioreq_start_waiting() */
#ifdef MUT_WAIT_AFTER_READY
    store(s, st[s], READY);
#endif
    acc = nreq;
    gen = s + 1;
    last_state = READY;
    in_flight = 1;
    flags = flags | F_IOREQ;
#ifdef MUT_NO_WORK_BIT
    work = work | W_RESCHED;
#else
    work = work | W_RESCHED | W_IOREQ;
#endif

    /* ioreq_slot_publish(): slot_set_state(), then evtchn_notify_consumer_peer() */
#ifdef MUT_NOTIFY_FIRST
    if :: port[s] -> pending[s] = 1 :: else fi;
#endif
#if !defined(MUT_STATE_BEFORE_FIELDS) && !defined(MUT_WAIT_AFTER_READY)
    store(s, st[s], READY);
#endif
#ifndef MUT_NOTIFY_FIRST
    if :: port[s] -> pending[s] = 1 :: else fi;
#endif
    d_step { s = 0; x = 0; y = 0 };
    goto exit_path;

unclaimed:
    skip;
    d_step { s = 0; w = 0; x = 0; y = 0; acc = nreq };
    finish(0, false);

exit_path: /* sched_exit_to_guest() */
    if
    :: !curr -> goto idle
    :: else
    fi;
    w = work;
    if
    :: w == 0 ->
        assert(!in_flight); /* never past its request */
        assert(!(flags & F_IOREQ));
        assert(!crashed);
        w = 0;
        leave_v();
        goto end_guest
    :: w & W_RESCHED ->
        work = work & ~W_RESCHED;
        schedule();
        goto exit_path
    :: else
    fi;

    /* do_work() */
#ifndef MUT_CLEAR_AFTER_WORK
    d_step { w = work; work = work & W_RESCHED };
#endif
    if
    :: (w & W_IOREQ) && in_flight
    :: else -> goto work_done
    fi;

    /* ioreq_vcpu_work(), ioreq_server_find() */
    if
    :: registry_gone -> s = 0
    :: else -> s = registry
    fi;
#ifdef MUT_NO_GENERATION
    if
    :: s == 0 -> finish(0, false); goto work_done
    :: else -> s--
    fi;
#else
    if
    :: s == 0 || s != gen -> s = 0; finish(0, false); goto work_done
    :: else -> s--
    fi;
#endif

    /* evaluate(): the state is loaded once */
#ifdef MUT_DATA_BEFORE_STATE
    load_data(s, y);
#endif
    load_state(s, x);
    assert(last_state == READY || last_state == INPROCESS);
    if
    :: SAMPLE(RESP) ->
#ifndef MUT_DATA_BEFORE_STATE
        load_data(s, y);
#endif
#ifndef MUT_NO_RESET
        store(s, st[s], NONE);
#endif
        finish(y, true)
    :: else ->
        if
        :: SAMPLE(NONE) ->
#ifndef HOSTILE
            assert(false); /* it gives nothing up */
#endif
            finish(0, true)
        :: else ->
            if
            :: (SAMPLE(READY) || SAMPLE(INPROCESS)) && !(x < last_state) ->
                last_state = x;
                /* ioreq_wait_again() */
#ifdef MUT_CHECK_BEFORE_FLAG
                d_step { old = work & W_IOREQ; work = work | W_IOREQ };
                flags = flags | F_IOREQ;
                work = work | W_RESCHED;
#else
                flags = flags | F_IOREQ;
                work = work | W_RESCHED; /* vcpu_pause_set(); current: no kick */
                d_step { old = work & W_IOREQ; work = work | W_IOREQ };
#endif
#ifndef MUT_NO_RECHECK
                if
                :: old -> flags = flags & ~F_IOREQ /* current: sched_wake() has nothing to do */
                :: else
                fi;
#endif
                old = 0
            :: else -> /* bad_state(), domain_crash(): pauses every vCPU of the domain */
#ifndef HOSTILE
                assert(false);
#endif
                in_flight = 0;
                crashed = 1;
                flags = flags + F_PAUSE;
                work = work | W_RESCHED
            fi
        fi
    fi;
work_done:
#ifdef MUT_CLEAR_AFTER_WORK
    work = work & W_RESCHED;
#endif
    skip;
    d_step {
        s = 0;
        w = 0;
        x = 0;
        y = 0;
#ifndef MUT_NO_BREATH
        wait_v[0] = 0; /* breathe(): in the code not at each pass */
        wait_v[1] = 0
#else
        skip
#endif
    };
    goto exit_path;

idle:
    if
    :: !queued -> /* read without the lock: a kick that comes now is pending at the wait */
        leave_v();
        if
        :: crashed || stopped -> end_gone: kick
        :: kick && !crashed && !stopped
        fi;
        d_step { kick = 0; enter_v() }
    :: else
    fi;
    schedule();
    goto exit_path
}

/* --- the device model --- */

/* A page that it has mapped stays: the mapping has a reference of its own. */
#define MAPPED(i) ((i) < nsrv)

/* evtchn_send() by the device model: the consumer runs on its pCPU, in the hypervisor. */
inline send(i)
{
    el2_dm = 1;
    if
    :: port[i] -> notified()
    :: else
    fi;
    old = 0;
    leave_dm()
}

#ifndef HOSTILE
proctype dm()
{
    byte i, r, old;
    bool spurious; /* one notification that says nothing */
#ifdef LOOK
    bool looked; /* one look at a slot for no reason */
#endif

end_dm:
    if
    :: pending[0] -> i = 0; pending[0] = 0
    :: pending[1] -> i = 1; pending[1] = 0
#ifdef LOOK
    :: !looked -> looked = 1
    :: !looked && MAPPED(1) -> looked = 1; i = 1
#endif
    fi;
    if
    :: st[i] == READY
    :: else -> i = 0; goto end_dm
    fi;
    d_step {
        r = req[i];
        assert(r > executed[i]); /* each request once, and whole */
        executed[i] = r
    };
    st[i] = INPROCESS;
    if
    :: !spurious -> spurious = 1; send(i)
    :: true
    fi;
    dat[i] = r;
    st[i] = RESP;
    send(i);
    d_step { i = 0; r = 0 };
    goto end_dm
}
#else
/* Notifies as often as it likes, or not any more. What it writes is in load_state(). */
proctype dm()
{
    byte old;

end_dm:
    do
    :: send(0)
    :: MAPPED(1) -> send(1)
    :: break
    od
}
#endif

/* --- the owner's hypercalls, from another of its vCPUs --- */

inline lock() { atomic { !ioreq_lock -> ioreq_lock = 1 } }
inline unlock() { ioreq_lock = 0 }

/* wake_waiters(): reads the vCPU from elsewhere. */
inline wake_waiters(i)
{
    VCPU;
    TOUCH(i);
#ifndef MUT_NO_WAKE
    if
    :: in_flight ->
        if :: gen == (i) + 1 -> notified() :: else fi
    :: else
    fi;
#endif
    old = 0
}

inline domain_put()
{
    d_step { assert(refs > 0); refs-- }
}

inline server_free(i)
{
    d_step { TOUCH(i); freed[i] = 1 };
    domain_put()
}

/* retire_server() */
inline retire(i)
{
#ifdef MUT_FREE_BEFORE_WAKE
    server_free(i);
    wake_waiters(i);
#else
    wake_waiters(i);
    lock();
    if :: !registry_gone -> busy = 0 :: else fi;
    unlock();
    server_free(i)
#endif
}

inline destroy()
{
    el2_owner = 1;
    lock();
    i = registry;
    if
    :: registry_gone || i == 0 -> unlock(); leave_owner(); i = 0
    :: else ->
        i--;
        /* unpublish() */
        enable_bit = 0;
#ifndef MUT_STAYS_PUBLISHED
        registry = 0;
#endif
        port[i] = 0;
        unlock();
#ifdef MUT_WAKE_BEFORE_GRACE
        wake_waiters(i);
        grace_owner();
        busy = 0;
        server_free(i);
#else
#ifndef MUT_NO_GRACE
        grace_owner();
#endif
        retire(i);
#endif
        leave_owner();
        i = 0
    fi
}

inline disable()
{
    el2_owner = 1;
    lock();
    i = registry; /* the first thing the owner does: it is there */
    enable_bit = 0;
    unlock();
#ifndef MUT_DISABLE_NO_GRACE
    grace_owner();
#endif
    quiet[i - 1] = 1;
    i = 0;
    leave_owner()
}

inline enable()
{
    el2_owner = 1;
    lock();
    i = registry;
    if
    :: !registry_gone && i != 0 ->
        quiet[i - 1] = 0;
        /* ioreq_pages_publish_port() */
        if
        :: in_flight ->
            if :: gen != i -> st[i - 1] = NONE :: else fi
        :: else -> st[i - 1] = NONE
        fi;
#ifdef MUT_ENABLE_BEFORE_PORT
        enable_bit = 1;
        eport_ok[i - 1] = 1
#else
        eport_ok[i - 1] = 1;
        enable_bit = 1
#endif
    :: else
    fi;
    unlock();
    i = 0;
    leave_owner()
}

/* With the id that was free. */
inline create()
{
    el2_owner = 1;
    lock();
    if
    :: !dying && !registry_gone && !busy && nsrv < NSRV ->
        d_step { refs++; port[nsrv] = 1; nsrv++ }; /* nobody sees it yet */
        busy = 1;
        registry = nsrv
    :: else
    fi;
    unlock();
    leave_owner()
}

proctype owner()
{
    byte i, old;

#ifdef TOGGLE
    disable();
    enable();
#endif
#ifdef DESTROY
    destroy();
#endif
#ifdef RECREATE
    if
    :: create();
        enable();
#ifdef HOSTILE
        destroy() /* a hostile device model may never answer: what then? */
#endif
    :: true
    fi;
#endif
end_owner:
    false
}

/* --- the toolstack --- */

inline vcpu_pause()
{
    flags = flags + F_PAUSE;
    set_work(W_RESCHED);
    old = 0
}

proctype toolstack()
{
    byte i, old;

#ifdef PAUSE
    el2_tool = 1;
    vcpu_pause();
    leave_tool();
    el2_tool = 1;
    d_step { old = flags; flags = flags - F_PAUSE };
    if :: old == F_PAUSE -> sched_wake() :: else fi; /* vcpu_unpause() */
    old = 0;
    leave_tool();
#endif
#ifdef DEATH
    el2_tool = 1;
    dying = 1; /* stop_for_good() */
    vcpu_pause();
    leave_tool();
    !on_cpu; /* continuation after continuation: not inside the hypervisor */
    d_step { el2_tool = 1; stopped = 1 };
    /* ioreq_destroy_domain() */
    lock();
    i = registry;
    registry_gone = 1;
    if :: i != 0 -> port[i - 1] = 0 :: else fi;
    unlock();
    if
    :: i != 0 ->
        grace_tool(); /* rcu_call() */
        retire(i - 1)
    :: else
    fi;
    i = 0;
    domain_put();
    leave_tool();
    /* The last reference, whoever gave it up; then a grace period (rcu_call()). */
#ifndef MUT_NO_TARGET_REF
    refs == 0;
#endif
    grace_tool();
    d_step { /* free_domain() */
#ifndef MUT_FREE_QUEUED
        queued = 0; /* sched_forget_vcpu(): a late sched_wake() may have queued it */
#endif
        vcpu_freed = 1
    };
    leave_tool();
#endif
end_tool:
    false
}

init
{
    atomic {
        eport_ok[0] = 1;
        port[0] = 1;
        run vcpu();
        run dm();
        run owner();
        run toolstack()
    }
}

/* Under weak fairness: whoever can go on does so, in the end. */
#ifdef LIVE
#ifdef HOSTILE
/* Notified without an end, too: no grace period waits for ever. */
ltl grace_ends { [] (wait_v[0] -> <> !wait_v[0]) }
#else
ltl completes { [] (nreq != done -> <> (nreq == done)) }
#endif
#endif
