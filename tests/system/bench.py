#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per operation: `make bench`, `make ARCH=x86_64 bench`.

Boots the two benchmark payloads where the counter that they read counts instructions, and prints what they
measured, beside what is aimed at. Ends in failure when an aim is missed. Under QEMU that is
`-icount shift=0,sleep=off`: a nanosecond of virtual time, and a tick of x86's TSC, is an instruction. With two pCPUs
QEMU runs them in turn, so those figures are the sum of both pCPUs' work, and a packet filter's timer bounds a turn.
"""

import argparse
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from bochs import Bochs, BochsConsole, BootBochs  # noqa: E402
from boot import Boot, Domain, Machine  # noqa: E402
from boot_x86 import BootX86, Pc  # noqa: E402
from qemu import Console, Failure  # noqa: E402

LINE = re.compile(r"bench: (\S+) servers=(\d+) ranges=(\d+) instructions=(\d+)")
TURNS = ("-netdev", "hubport,id=n0,hubid=0", "-object", "filter-buffer,id=f0,netdev=n0,interval=100")
ICOUNT = ("-icount", "shift=0,sleep=off")

# Aims on one pCPU, device model's own instructions counted.
AIM = {
    "arm64": {"null-hypercall": 200, "gic-read": 300, "read": 3000, "write": 3000},
    "x86_64": {"null-hypercall": 400, "cpuid": 400, "read": 5500, "write": 5500,
               "port-read": 4000, "port-write": 4000},
}
RANGES_AIM = {"arm64": 1.05, "x86_64": 1.10}  # of the figure with one range


def guest(kernel, ranges):
    return Domain(name="guest", kernel=kernel, cpus=1, memory=64, bootargs=f"ranges={ranges}",
                  props={"vpl011": b""})


def boot_arm64(out, gic, smp, ranges):
    machine = Machine(gic=gic, smp=smp, icount=True, extra=TURNS if smp > 1 else ())
    payloads = out / "payloads"
    return Boot(machine, image=out / "wherry.img", bootargs="ioreq_ranges=8192",
                control=Domain(kernel=payloads / "bench-dm.img", memory=64),
                domains=[guest(payloads / "bench-guest.img", ranges)])


def boot_x86_64(out, _, smp, ranges):
    machine = Pc(smp=smp, extra=ICOUNT + (TURNS if smp > 1 else ()))
    payloads = out / "payloads"
    return BootX86(machine, image=out / "wherry", bootargs="ioreq_ranges=8192",
                   control=Domain(kernel=payloads / "bench-dm.elf", memory=64),
                   domains=[guest(payloads / "bench-guest.elf", ranges)])


# The TSC counts instructions there too, if the machine's own second has many.
def boot_bochs(out, ranges):
    payloads = out / "payloads"
    return BootBochs(Bochs(ips=1000000000), image=out / "wherry", bootargs="ioreq_ranges=8192",
                     control=Domain(kernel=payloads / "bench-dm.elf", memory=64),
                     domains=[guest(payloads / "bench-guest.elf", ranges)])


BOOT = {"arm64": boot_arm64, "x86_64": boot_x86_64}


def read_figures(lines):
    """{(operation, servers, ranges): instructions}."""
    figures = {}
    for match in filter(None, map(LINE.search, lines)):
        what, servers, ranges, cost = match.groups()
        figures[what, int(servers), int(ranges)] = int(cost)
    return figures


def measure(boot, limit, log, console_of=Console):
    """The figures of one machine."""
    with tempfile.TemporaryDirectory() as directory:
        with console_of(boot.prepare(directory), log=log) as console:
            console.wait_for(r"bench: finished", limit)
            return read_figures(console.lines)


def table(columns):
    """Markdown: a column of figures for each machine."""
    rows = ["| operation | servers | ranges | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for key in next(iter(columns.values())):
        what, servers, ranges = key
        costs = " | ".join(str(figures.get(key, "")) for figures in columns.values())
        rows.append(f"| {what} | {servers or ''} | {ranges or ''} | {costs} |")
    return "\n".join(rows)


def missed(figures, aims, growth):
    """Aims that one pCPU's figures miss, and operations that were not measured."""
    measured = {what for what, _, _ in figures}
    found = [f"{what} was not measured" for what in aims if what not in measured]
    for (what, servers, ranges), cost in figures.items():
        aim = aims.get(what)
        if aim and cost > aim and servers <= 1:
            found.append(f"{what} with {ranges} ranges: {cost}, aim {aim}")
        base = figures.get((what, 1, 1))
        if base and cost > base * growth:
            found.append(f"{what} with {servers} servers, {ranges} ranges: {cost}, more than {growth} times {base}")
    return found


def main():
    parser = argparse.ArgumentParser(description="Print instructions per operation and compare with the aims.")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the build directory")
    parser.add_argument("--arch", choices=sorted(AIM), default="arm64")
    parser.add_argument("--gic", type=int, choices=(2, 3), default=3, help="Arm")
    parser.add_argument("--smp", type=int, nargs="*", default=[1, 2], help="pCPUs of each machine")
    parser.add_argument("--ranges", type=int, default=8192, help="measure with up to so many")
    parser.add_argument("--no-bochs", action="store_true", help="x86: without the column of VMX")
    parser.add_argument("--limit", type=int, default=300, help="seconds for one machine")
    arguments = parser.parse_args()
    columns, problems = {}, []
    host = f"GICv{arguments.gic}" if arguments.arch == "arm64" else "SVM"
    for smp in arguments.smp:
        boot = BOOT[arguments.arch](arguments.out, arguments.gic, smp, arguments.ranges)
        try:
            figures = measure(boot, arguments.limit, arguments.out / f"bench-{smp}.log")
        except Failure as failure:
            print(failure)
            return 1
        columns[f"{host}, {smp} pCPU{'s' * (smp > 1)}"] = figures
        if smp == 1:
            problems += missed(figures, AIM[arguments.arch], RANGES_AIM[arguments.arch])
    if arguments.arch == "x86_64" and not arguments.no_bochs:
        columns["VMX (Bochs), 1 pCPU"] = measure(boot_bochs(arguments.out, arguments.ranges), arguments.limit,
                                                 arguments.out / "bench-bochs.log", BochsConsole)
    print(table(columns))
    for problem in problems:
        print(f"missed: {problem}")
    print("missed aims: " + str(len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
