#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same payload binaries on Debian's Xen 4.17 and on Wherry, case by case: `make check-oracle`.

Called with --out, the build directory of x86-64, and --xen, Xen's image; names of suites as arguments run only those.
On Xen the control domain's payload builds its guests from its module; Wherry takes them from the tree. Every case
that ends otherwise on Xen must be in the table of docs/deviations.md, and everything in the table must differ.

A case that stops the guest on Xen would hide those behind it: Xen is started again with that case left out
(`skip=` of the payload), and the case counts as `stops`.
"""

import argparse
import collections
import dataclasses
import pathlib
import re
import sys
import time

import suites
from boot import Domain
from boot_x86 import BootX86, Pc
from qemu import FATAL, Console, Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Seconds of processor time that the emulator spends without a new case: then it has stopped. That is the emulator's own
# time, so other work on this machine does not count; a payload waits 20 s of its clock for what must come.
QUIET = 20
BOOT = 60    # the same for the first case
IDLE = 10    # seconds of the wall's clock in which it does nothing at all
AGAIN = 50   # the same line so often since the last case: as good as silence
CLOCK = ("-icount", "shift=4,sleep=off", "-rtc", "base=2024-01-01,clock=vm")  # a run repeats exactly; waiting is short
XEN_ARGUMENTS = ("console=com1 com1=115200,8n1 dom0=pvh dom0_mem=256M dom0_max_vcpus={cpus} iommu=1 "
                 "loglvl=error guest_loglvl=all")
# A guest that is no more.
STOPPED = re.compile(r"domain_crash called|Domain \d+ .*crashed|Bail out!|Hardware Dom0 .*(crash|reboot)|"
                     r"Panic on CPU|[Tt]riple fault|Unexpected vmexit|Unexpected PIO status")
ROW = re.compile(r"^\| `?(?P<suite>[a-z-]+)`? \| (?P<cases>`.*`) \| (?P<xen>fails|stops|absent) \| (?P<why>.+) \|$")
CASE = re.compile(r"`((?:[^`\\]|\\.)*)`")


@dataclasses.dataclass
class Suite:
    name: str
    control: Domain = None
    domains: tuple = ()
    on_xen: Domain = None  # what the control domain is there, where it is another
    module: str = ""       # what it builds its guests from


SUITES = [
    Suite("vm-control", control=Domain(kernel="vm-suite", cpus=4)),
    Suite("vm-guest", domains=(Domain(kernel="vm-suite", cpus=4),),
          on_xen=Domain(kernel="probe", bootargs="build=4 stay"), module="vm-suite"),
    Suite("io", control=Domain(kernel="io-dm", bootargs="rounds=0"), domains=(Domain(kernel="io-guest", cpus=4),),
          module="io-guest"),
    Suite("io-random", control=Domain(kernel="io-dm", bootargs="random aligned rounds=4"),
          domains=(Domain(kernel="io-guest", cpus=4),), module="io-guest"),
    Suite("dm", control=Domain(kernel="dm-suite", bootargs="basic", cpus=2), domains=tuple(suites.dm_guests_x86()),
          module="guest-suite"),
]


def named(report):
    """Results by name: the text before a remark, numbered where it comes again."""
    seen, results = collections.Counter(), {}
    for number in sorted([*report.passed, *report.failed]):
        failed = number in report.failed
        text = (report.failed if failed else report.passed)[number]
        name, _, remark = text.partition(" # ")
        name = re.sub(r" +", " ", name.replace("`", "'")).strip()
        seen[name] += 1
        if seen[name] > 1:
            name += f" [{seen[name]}]"
        results[name] = "stops" if remark == "SKIP" else "fails" if failed else "passes"
    return results


class Progress:
    """Whether an emulator still gets on with its cases."""

    def __init__(self, pid):
        self.clock = ~pid << 3 | 2  # its processor time (clock_getcpuclockid(3))
        self.case()
        self.limit = BOOT

    def spent(self):
        try:
            return time.clock_gettime(self.clock)
        except OSError:  # it has ended; the console says so
            return 0.0

    def case(self):
        self.at = self.ran = self.spent()
        self.ran_at = time.monotonic()
        self.seen = collections.Counter()
        self.limit = QUIET

    def stopped(self, line):
        """To be called with each line, and with "" at least each second."""
        if suites.LINE.match(line):
            self.case()
            return False
        self.seen[line] += line != ""
        spent, now = self.spent(), time.monotonic()
        if spent > self.ran + 0.1:
            self.ran, self.ran_at = spent, now
        return spent > self.at + self.limit or now > self.ran_at + IDLE or self.seen[line] > AGAIN


class Runner:
    def __init__(self, out, xen, directory, verbose):
        self.out, self.xen, self.directory, self.verbose = out, xen, directory, verbose

    def path(self, payload):
        return str(self.out / "payloads" / f"{payload}.elf")

    def console(self, command, log):
        return Console(command, log=self.directory / f"{log}.log", echo=print if self.verbose else None)

    def wherry(self, suite):
        def built(domain):
            return domain and dataclasses.replace(domain, kernel=self.path(domain.kernel))

        boot = BootX86(Pc(extra=CLOCK), self.out / "wherry", control=built(suite.control),
                       domains=[built(domain) for domain in suite.domains])
        with self.console(boot.prepare(self.directory), f"{suite.name}-wherry") as console:
            if not self.follow(console):
                raise Failure(console.describe(f"{suite.name}: Wherry does not end it"))
            report = next(iter(suites.collect(console.lines).values()))
            if report.problems():
                raise Failure(console.describe(f"{suite.name}: on Wherry " + "; ".join(report.problems())))
            return named(report)

    def start_xen(self, suite, skip):
        control = suite.on_xen or suite.control
        words = [self.path(control.kernel), control.bootargs]
        if skip:
            words.append("skip=" + ":".join(map(str, skip)))
        modules = [" ".join(word for word in words if word)]
        modules += [self.path(suite.module)] if suite.module else []
        return [*Pc(extra=CLOCK).arguments(), "-device", "amd-iommu", "-kernel", str(self.xen),
                "-append", XEN_ARGUMENTS.format(cpus=control.cpus), "-initrd", ",".join(modules)]

    def follow(self, console):
        """Whether the plan came; False when the suite stopped before it."""
        progress = Progress(console.process.pid)
        while True:
            try:
                line = console.next_line(time.monotonic() + 1)
            except Failure:
                line = ""
            if line is None or STOPPED.search(line) or FATAL.search(line):
                return False
            if suites.PLAN.match(line):
                return True
            if progress.stopped(line):
                return False

    def run_xen(self, suite, again):
        known = self.directory / f"{suite.name}.skip"
        skip = [int(number) for number in known.read_text().split()] if again and known.exists() else []
        while True:
            known.write_text(" ".join(map(str, skip)))
            begin = time.monotonic()
            with self.console(self.start_xen(suite, skip), f"{suite.name}-xen{len(skip)}") as console:
                ended = self.follow(console)
                if self.verbose:
                    print(f"# {time.monotonic() - begin:.0f} s, without {skip}")
                reports = list(suites.collect(console.lines).values())
                if not reports:
                    raise Failure(console.describe(f"{suite.name}: Xen ran no case"))
                reached = max([*reports[0].passed, *reports[0].failed])
                if ended:
                    return named(reports[0])
                if reached + 1 in skip or len(skip) >= 40:
                    raise Failure(console.describe(f"{suite.name}: on Xen it stops at case {reached + 1}, "
                                                   "which cannot be left out"))
                skip.append(reached + 1)


def listed(path):
    """The table: {(suite, case): (how it ends on Xen, why)}."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = ROW.match(line)
        if not row:
            continue
        for case in CASE.findall(row["cases"]):
            key = row["suite"], case.replace("\\|", "|")
            if key in found:
                raise SystemExit(f"{path}: {key} is there twice")
            found[key] = row["xen"], row["why"]
    return found


def entry(table, suite, name):
    """What the table says about a case: by its name, or by how it begins."""
    if (suite, name) in table:
        return suite, name
    return next((key for key in table if key[0] == suite and key[1].endswith("*") and name.startswith(key[1][:-1])),
                None)


def compare(suite, wherry, xen, table):
    """Lines of the report, and whether all is as listed."""
    lines, good, used = [], True, set()
    for name in [*wherry, *(name for name in xen if name not in wherry)]:
        ours, theirs = wherry.get(name, "absent"), xen.get(name, "absent")
        key = entry(table, suite, name)
        used.add(key)
        want, why = table.get(key, (None, ""))
        if ours == theirs and want is None:
            continue
        if ours in ("passes", "absent") and theirs == want != ours:
            lines.append(f"  {theirs:8} {name}: {why}")
            continue
        good = False
        if want is None:
            lines.append(f"! {theirs:8} {name}: not listed (Wherry: {ours})")
        else:
            lines.append(f"! {theirs:8} {name}: listed as {want} (Wherry: {ours})")
    for key in table:
        if key[0] == suite and key not in used:
            good = False
            lines.append(f"! listed, but there is no such case: {key[1]}")
    return lines, good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--xen", type=pathlib.Path, required=True)
    parser.add_argument("--verbose", action="store_true", help="show the consoles")
    parser.add_argument("--again", action="store_true",
                        help="leave out from the start what stopped the last time: to look at the rest only")
    parser.add_argument("suites", nargs="*")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    table = listed(ROOT / "docs" / "deviations.md")
    good, cases, differences = True, 0, 0
    logs = arguments.out / "oracle"
    logs.mkdir(parents=True, exist_ok=True)
    for suite in SUITES:
        if arguments.suites and suite.name not in arguments.suites:
            continue
        begin = time.monotonic()
        runner = Runner(arguments.out, arguments.xen, logs, arguments.verbose)
        wherry, xen = runner.wherry(suite), runner.run_xen(suite, arguments.again)
        lines, same = compare(suite.name, wherry, xen, table)
        print(f"{suite.name}: {len(wherry)} cases, {len(lines)} differ, {time.monotonic() - begin:.0f} s")
        print("\n".join(lines), flush=True)
        good, cases, differences = good and same, cases + len(wherry), differences + len(lines)
    print(f"oracle: {cases} cases on both, {differences} differ: "
          f"{'each is listed in docs/deviations.md' if good else 'NOT as docs/deviations.md lists them (!)'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
