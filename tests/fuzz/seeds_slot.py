#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write seeds for fuzz_slot into a directory. Steps are chosen by the table in choose_step(); what is
loaded of a slot is taken from the input where it is loaded.

Usage: seeds_slot.py DIRECTORY
"""
import os
import sys

LIMITS = bytes([3 | 4 << 3, 6])
PLACE = 0x40
READ4, WRITE4 = 0x12, 0x06

ACCESS, EXIT, NOTIFY, REMOVED, UP, DM_OP = 0, 5, 11, 16, 17, 21
RING = 23
PAUSE, ADD_VCPU, BIND, SPAWN, CRASH, KILL, MEANWHILE, GRACE = 24, 25, 26, 27, 28, 29, 30, 31

USABLE = b"\0\0"                  # state and port, as they should be
ANSWER = b"\0\x55"                # state and data
AGAIN, STARTED = b"\xb0", b"\x90"  # still READY, or INPROCESS


def step(number, *args, who=0):
    return bytes([number, who, *args])


def up(server, length=63):
    return step(UP, server, PLACE, length)


def access(vcpu=0, kind=READ4, loads=USABLE):
    return step(ACCESS, vcpu, kind, PLACE) + loads


def buffered(kind, loads):
    return step(ACCESS, 0x81, kind, PLACE) + loads


def notify(server=0, vcpu=0):
    return step(NOTIFY, server | vcpu << 3, 0)


def leave(loads=b"", vcpu=0):
    return step(EXIT, vcpu) + loads


ROUND = access() + notify() + leave(ANSWER)
INVALIDATE = step(REMOVED, 4)

SEEDS = {
    "round": LIMITS + up(0) + ROUND * 3,
    "slow": LIMITS + up(0) + access() + notify() + leave(AGAIN) + notify() + leave(STARTED) + notify()
    + leave(STARTED) + notify() + leave(ANSWER),
    "given_up": LIMITS + up(0) + access() + notify() + leave(b"\xd0"),
    "backwards": LIMITS + up(0) + access() + notify() + leave(STARTED) + notify() + leave(AGAIN),
    "wild": LIMITS + b"".join(up(0) + access() + notify() + leave(bytes([0xc0 + s])) + step(KILL) + step(GRACE)
                              + step(SPAWN) for s in range(16)),
    "idle_slot": LIMITS + up(0) + b"".join(access(loads=bytes([s, 0])) for s in (0x90, 0xb0, 0xcf, 0xc3))
    + access(loads=b"\0\xff") + ROUND,
    "sizes": LIMITS + up(0) + b"".join(access(kind=0x10 | s) + notify() + leave(ANSWER) for s in range(4))
    + b"".join(access(kind=0x04 | s) + notify() + leave(ANSWER) for s in range(4)),
    "destroyed": LIMITS + up(0) + access() + step(DM_OP, 6, 0) + leave() + up(0) + ROUND,
    "disabled": LIMITS + up(0) + access() + step(DM_OP, 5, 0) + notify() + leave(ANSWER) + step(DM_OP, 5, 8) + ROUND,
    "owner_dies": LIMITS + up(0) + access() + step(CRASH, who=0x40) + step(GRACE) + leave(),
    "invalidate": LIMITS + up(0) + INVALIDATE + leave(USABLE) + notify() + leave(b"\0") + ROUND,
    "invalidate_two": LIMITS + up(0) + up(1) + INVALIDATE + leave(USABLE + USABLE) + notify(0) + leave(b"\0" + AGAIN)
    + notify(1) + leave(STARTED) + notify(1) + leave(b"\0"),
    "invalidate_back": LIMITS + up(0) + INVALIDATE + leave(USABLE) + notify() + leave(STARTED) + notify() + leave(AGAIN),
    "invalidate_wild": LIMITS + up(0) + up(1) + INVALIDATE + leave(USABLE * 2) + notify() + leave(b"\xcf\0"),
    "invalidate_disabled": LIMITS + up(0) + INVALIDATE + leave(USABLE) + step(DM_OP, 5, 0) + leave(AGAIN),
    "vcpus": LIMITS + up(0) + step(ADD_VCPU, 1) + step(BIND, 8) + access(0) + access(1) + notify(0, 1)
    + leave(ANSWER, 1) + notify() + leave(ANSWER) + step(PAUSE, 1) + access() + notify() + leave() + step(PAUSE, 0)
    + leave(ANSWER),
    "rings": LIMITS + b"".join(step(UP, mode << 3, PLACE, 63) + (buffered(0x06, b"\0") + buffered(0x07, b"\1")
                               + step(RING, 0x40, 0, 128) + buffered(0x06, b"\x60" + b"\x60" + b"\0")
                               + step(RING, 0x40, 0x40, 30) + buffered(0x06, b"\x70" * 4) * 3
                               + buffered(0x06, b"\xc0\1\2\3\4") + step(RING, 0xa0, 0, 1, 2) + b"\0" * 4) * 2
                               + step(DM_OP, 6, 0) for mode in (1, 2)),
    "killed": LIMITS + up(0) + access() + step(KILL) + step(GRACE) + step(SPAWN) + up(0) + ROUND,
    "meanwhile": LIMITS + up(0) + access() + step(MEANWHILE, 31) + step(DM_OP, 6, 0) + b"\0",
}


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
