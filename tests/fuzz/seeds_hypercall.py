#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write seeds for fuzz_hypercall into a directory: what a device model does, as the fuzzer's bytes.

The numbers are those of one_step() in fuzz_hypercall.c. Usage: seeds_hypercall.py DIRECTORY
"""
import os
import sys

LIMITS = bytes([3 | 4 << 3, 6])  # 8 servers, 256 ranges, 4 MiB
SMALL = bytes([1 | 1 << 3, 3])   # 2 servers, 2 ranges, 10 KiB

PLACE = 0x40  # 0x3f8 of fuzz_address()
READ4, WRITE4 = 0x12, 0x06  # memory, four bytes


def step(number, *args, who=0):
    return bytes([number, who, *args])


def up(server, place=PLACE, length=63, who=0):
    return step(14, server, place, length, who=who)


def access(vcpu=0, kind=READ4, place=PLACE, who=0):
    return step(19, vcpu, kind, place, who=who)


def answer(server, vcpu=0, how=0):
    return step(22, server | vcpu << 3, how)


def dm_op(number, *args, who=0):
    return step(0, number, *args, who=who)


def leave(vcpu=0):
    return step(24, vcpu)


GRACE, CHECK, KILL, CRASH, DUMP = step(13), step(17), step(31), step(30), step(29)
INVALIDATE = step(25, 4)

# Writes of four and eight bytes that need no answer (vCPU 0).
RING_WRITES = access(0x81, 0x06) + access(0x84, 0x07) + access(0x87, 0x05) + access(0x8a, 0x06, place=0x20)

SEEDS = {
    "there_and_back": LIMITS + up(0) + access() + leave() + answer(0) + leave() + access(kind=WRITE4)
    + answer(0, how=3) + leave() + answer(0) + leave() + DUMP,
    "given_up": LIMITS + up(0) + access() + answer(0, how=4) + leave(),
    "bad_state": LIMITS + up(0) + access() + answer(0, how=7) + leave() + GRACE + CHECK,
    "backwards": LIMITS + up(0) + access() + answer(0, how=3) + leave() + answer(0, how=5) + leave(),
    "bad_port": LIMITS + up(0) + answer(0, how=0xf4) + b"\x09" + access() + access(),
    "bad_idle_slot": LIMITS + up(0) + answer(0, how=0) + access() + answer(0, how=4) + access(),
    "destroyed": LIMITS + up(0) + access() + dm_op(6, 0) + leave() + DUMP + up(0) + CHECK,
    "disabled": LIMITS + up(0) + access() + dm_op(5, 0) + answer(0) + leave() + dm_op(5, 8) + access(),
    "owner_crashed": LIMITS + up(0) + access() + step(30, who=0x40) + GRACE + leave() + CHECK,
    "owner_killed": LIMITS + up(0) + access() + step(31, who=0x40) + GRACE + leave() + step(12, who=0x40) + CHECK,
    "guest_killed": LIMITS + up(0) + step(9, 0, 0, 5) + access() + KILL + GRACE + step(12) + up(0) + access() + CHECK,
    "killed_meanwhile": LIMITS + up(0) + access() + step(16, 31) + dm_op(6, 0) + b"\0" + GRACE + CHECK,
    "killed_when_disabled": LIMITS + up(0) + access() + step(16, 31) + dm_op(5, 0) + b"\0" + GRACE + CHECK,
    "winners": LIMITS + b"".join(up(i, length=16 * (i + 1)) for i in range(4))
    + b"".join(access(kind=0x10 | size) + answer(i) + leave() for i in range(4) for size in range(4)),
    "two_vcpus": LIMITS + up(0) + step(27, 1) + step(27, 2) + step(28, 1 << 3) + access(0) + access(1)
    + answer(0, 1) + leave(1) + answer(0, 0) + leave(0),
    "invalidate": LIMITS + up(0) + up(1, place=0x20) + INVALIDATE + leave() + DUMP + answer(0) + leave()
    + answer(1) + leave() + leave(),
    "invalidate_all": LIMITS + up(0) + step(27, 1) + step(28, 1 << 3) + INVALIDATE + leave(0) + leave(1)
    + answer(0, 1) + leave(1) + leave(0) + answer(0, 0) + leave(0),
    "invalidate_disabled": LIMITS + up(0) + INVALIDATE + leave() + dm_op(5, 0) + leave() + dm_op(5, 8) + access(),
    "invalidate_destroyed": LIMITS + up(0) + INVALIDATE + leave() + dm_op(6, 0) + leave() + access(),
    "invalidate_bad": LIMITS + up(0) + up(1) + INVALIDATE + leave() + answer(0, how=7) + leave() + GRACE,
    "invalidate_back": LIMITS + up(0) + INVALIDATE + leave() + answer(0, how=3) + leave() + answer(0, how=5)
    + leave() + GRACE,
    "invalidate_after_access": LIMITS + up(0) + access() + INVALIDATE + leave() + answer(0) + leave() + answer(0)
    + leave() + access(),
    "ranges": LIMITS + dm_op(1) + b"".join(dm_op(3, 8, p, 7) for p in (1, 4, 8, 2, 7, 5)) + dm_op(4, 8, 4, 2)
    + dm_op(4, 8, 7, 0) + dm_op(5, 8) + step(18, 1, 4),
    "small": SMALL + up(0) + up(1) + up(2) + b"".join(dm_op(3, 8, p, 0) for p in range(1, 30, 4)),
    "many": LIMITS + b"".join(dm_op(1) + step(8, i | 8, 255, 2) + step(8, i, 255, 2) + step(8, i | 16, 255, 2)
                              for i in range(2)) + dm_op(6, 0) + dm_op(1) + dm_op(1) + dm_op(1),
    "all_servers": LIMITS + b"".join(dm_op(1) for _ in range(9)) + dm_op(6, 3) + dm_op(1) + step(27, 1) + step(27, 2),
    "control_too": LIMITS + up(0) + up(1, who=4) + dm_op(6, 1) + dm_op(6, 0, who=4) + access() + up(0, who=0xc4)
    + access(who=0xc0),
    "short_memory": LIMITS + b"".join(step(15, n) + up(0) + step(15, n) + dm_op(6, 0) for n in range(12)),
    "short_ranges": LIMITS + up(0) + b"".join(step(15, n) + dm_op(3, 8, 0x80 + 4 * n, 5) + step(15, n)
                                              + dm_op(4, 8, 0x80 + 4 * n, 1) for n in range(10)),
    "no_pages": LIMITS + b"".join(step(11, 0x3c, 32 * i, who=w) for w in (0, 4, 6, 7) for i in range(2))
    + b"".join(dm_op(1) for _ in range(8)),
    "strings": LIMITS + up(0, place=0x40, length=0xf3) + step(19, 0, 0xd2, 0x41, 7) + answer(0) + leave()
    + step(19, 0, 0xf6, 0x41, 3) + answer(0) + leave(),
    "ports_and_pci": LIMITS + dm_op(1) + dm_op(3, 0, 0x20, 7) + dm_op(3, 16, 0x20, 7) + dm_op(5, 8)
    + access(kind=0x1a, place=0x20) + leave() + answer(0) + leave() + access(kind=0x16, place=0x20),
    "info": LIMITS + dm_op(1) + dm_op(2, 0) + dm_op(2, 8) + dm_op(2, 1) + dm_op(7, 0, 0, 0, 0, 0, 0) + dm_op(0)
    + b"".join(step(0, 0xe0 | op, *([0] * 5), m, v) for op in (1, 2, 5, 6) for m in range(10) for v in (1, 7, 20)),
    "acquire": LIMITS + dm_op(1) + step(9, 0, 0, 1) + step(9, 0, 1, 1) + step(9, 0, 0, 1, who=4) + step(11, 3, 1)
    + b"".join(step(9, bit, 0x80, 1, byte) for bit in (0, 3) for byte in range(0, 32, 2)),
    "rings": LIMITS + up(0 | 8) + up(1 | 16, place=0x20) + RING_WRITES * 3 + step(29, 0x40, 0, 0) + RING_WRITES
    + dm_op(2, 0) + dm_op(2, 1) + step(9, 0, 0, 1) + DUMP + dm_op(6, 0) + dm_op(6, 1) + CHECK,
    "ring_full": LIMITS + up(0 | 8) + step(29, 0x40, 3 << 3, 0, 2, 254, 255, 255) + RING_WRITES + up(0 | 16) + RING_WRITES,
    "ring_one_left": LIMITS + up(0 | 8) + step(29, 0x40, 5 << 3, 255) + step(29, 0x40, 3 << 3, 0, 0xfa, 5, 0, 0)
    + access(0x81, 0x07),
    "ring_wraps": LIMITS + up(0 | 8) + step(29, 0x40, 0x40 | 5 << 3, 30) + RING_WRITES * 8,
    "ring_shortened": LIMITS + up(0 | 16) + b"".join(step(29, 0x40, 5 << 3, n) + RING_WRITES * 2 for n in (60, 64, 70, 128)),
    "ring_last_port": LIMITS + b"".join(dm_op(1 | 8) for _ in range(9)) + step(27, 1) + step(27, 2),
    "broadcast": LIMITS + up(0 | 8) + up(1 | 16) + up(2) + step(29, 0xa0, 0, 1, 2) + step(29, 0xa0, 0, 3, 4)
    + step(29, 0x40, 3 << 3, 0, 2, 254, 255, 255) + step(29, 0xa0, 0, 1, 2),
    "events": LIMITS + up(0) + b"".join(step(10, cmd, 70, 1, 2, 3, who=w) for cmd in range(12) for w in (0, 6)),
}


def main():
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
