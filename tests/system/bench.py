#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per operation: `make bench`.

Boots the two benchmark payloads under `-icount shift=0,sleep=off`, where a nanosecond of virtual time is an
instruction, and prints what they measured, beside what is aimed at. Ends in failure when an aim is missed. With two
pCPUs QEMU runs them in turn, so those figures are the sum of both pCPUs' work, and a packet filter's timer bounds
a turn.
"""

import argparse
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from boot import Boot, Domain, Machine  # noqa: E402
from qemu import Console, Failure  # noqa: E402

LINE = re.compile(r"bench: (\S+) servers=(\d+) ranges=(\d+) instructions=(\d+)")
TURNS = ("-netdev", "hubport,id=n0,hubid=0", "-object", "filter-buffer,id=f0,netdev=n0,interval=100")

# Aims on one pCPU, device model's own instructions counted.
AIM = {"null-hypercall": 200, "gic-read": 300, "read": 3000, "write": 3000}
RANGES_AIM = 1.05  # of the figure with one range


def measure(out, gic, smp, limit, log):
    """{(operation, servers, ranges): instructions} of one machine."""
    machine = Machine(gic=gic, smp=smp, icount=True, extra=TURNS if smp > 1 else ())
    payloads = out / "payloads"
    boot = Boot(machine, image=out / "wherry.img",
                control=Domain(kernel=payloads / "bench-dm.img", memory=64),
                domains=[Domain(name="guest", kernel=payloads / "bench-guest.img", cpus=1, memory=64,
                                bootargs="ranges=8192", props={"vpl011": b""})],
                bootargs="ioreq_ranges=8192")
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        with Console(boot.prepare(directory), log=log) as console:
            console.wait_for(r"bench: finished", limit)
            for line in console.lines:
                match = LINE.search(line)
                if match:
                    what, servers, ranges, cost = match.groups()
                    figures[what, int(servers), int(ranges)] = int(cost)
    return figures


def table(figures, smp):
    """Markdown rows."""
    rows = [f"| operation | servers | ranges | instructions ({smp} pCPU{'s' * (smp > 1)}) |", "|---|---|---|---|"]
    for (what, servers, ranges), cost in figures.items():
        rows.append(f"| {what} | {servers or ''} | {ranges or ''} | {cost} |")
    return "\n".join(rows)


def missed(figures):
    """Aims that one pCPU's figures miss."""
    found = []
    for (what, servers, ranges), cost in figures.items():
        aim = AIM.get(what)
        if aim and cost > aim and servers <= 1:
            found.append(f"{what} with {ranges} ranges: {cost}, aim {aim}")
        base = figures.get((what, 1, 1))
        if base and cost > base * RANGES_AIM:
            found.append(f"{what} with {servers} servers, {ranges} ranges: {cost}, more than 5 % over {base}")
    return found


def main():
    parser = argparse.ArgumentParser(description="Print instructions per operation and compare with the aims.")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the build directory")
    parser.add_argument("--gic", type=int, choices=(2, 3), default=3)
    parser.add_argument("--smp", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--limit", type=int, default=300, help="seconds for one machine")
    arguments = parser.parse_args()
    problems = []
    for smp in arguments.smp:
        print(f"# GICv{arguments.gic}, {smp} pCPU(s)", flush=True)
        try:
            figures = measure(arguments.out, arguments.gic, smp, arguments.limit,
                              arguments.out / f"bench-{smp}.log")
        except Failure as failure:
            print(failure)
            return 1
        print(table(figures, smp), flush=True)
        if smp == 1:
            problems += missed(figures)
    for problem in problems:
        print(f"missed: {problem}")
    print("missed aims: " + str(len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
