# SPDX-License-Identifier: Apache-2.0
"""Results of payload suites: `ok 3 - text`, `not ok 4 - text` and the plan `1..N` on the console.

A domain's lines may carry the console's prefix. A suite has passed when its plan was seen and every number of the
plan came exactly once, as ok: a missing line is a failure like a failing one.
"""

import dataclasses
import re
import time

from boot import Domain
from qemu import FATAL

LINE = re.compile(r"^(?P<prefix>(?:\(d\d+\) ?|\[[^]]*\] ?)*)(?P<not>not )?ok (?P<number>\d+) - (?P<text>.*)$")
PLAN = re.compile(r"^(?P<prefix>(?:\(d\d+\) ?|\[[^]]*\] ?)*)1\.\.(?P<count>\d+)\s*$")


@dataclasses.dataclass
class Suite:
    """What one domain reported."""

    planned: int = -1
    passed: dict = dataclasses.field(default_factory=dict)
    failed: dict = dataclasses.field(default_factory=dict)
    faults: list = dataclasses.field(default_factory=list)

    def problems(self):
        found = [f"not ok {number} - {text}" for number, text in sorted(self.failed.items())]
        found += self.faults
        if self.planned < 0:
            found.append("no plan line (1..N)")
        elif self.planned == 0:
            found.append("an empty plan")
        for number in range(1, self.planned + 1):
            if number not in self.passed and number not in self.failed:
                found.append(f"no line for case {number}")
        return found


def dm_guests_x86():
    """What dm-suite serves on x86: all have a VGA card, the last one frames for servers."""
    guests = [Domain(name=f"guest{n}", kernel="guest-suite", cpus=2, props={"wherry,vga": True}) for n in range(1, 9)]
    guests[-1].props["wherry,device-model-pages"] = 3
    return guests


def collect(lines):
    """The suites of all domains, by the prefix of their lines."""
    suites = {}
    for line in lines:
        plan, case = PLAN.match(line), LINE.match(line)
        if plan:
            suite = suites.setdefault(plan["prefix"], Suite())
            if suite.planned >= 0:
                suite.faults.append("a second plan line")
            suite.planned = int(plan["count"])
        elif case:
            suite = suites.setdefault(case["prefix"], Suite())
            number = int(case["number"])
            if number in suite.passed or number in suite.failed:
                suite.faults.append(f"case {number} came twice")
            (suite.failed if case["not"] else suite.passed)[number] = case["text"]
    for suite in suites.values():
        cases = [*suite.passed, *suite.failed]
        if suite.planned >= 0 and cases and max(cases) > suite.planned:
            suite.faults.append(f"case {max(cases)} is beyond the plan of {suite.planned}")
    return suites


def follow(console, reports, limit):
    """Read until so many suites have said their plan, which comes last, and a little longer."""
    deadline = time.monotonic() + limit
    plans = 0
    while plans < reports:
        line = console.next_line(deadline)
        assert line is not None, console.describe("the emulator ended before all suites did")
        assert not FATAL.search(line), console.describe("the hypervisor stopped")
        plans += bool(PLAN.match(line))
    console.drain(0.5)


def judge(console, reports, limit):
    """Follow, and fail unless so many domains reported and all their cases passed."""
    follow(console, reports, limit)
    found = collect(console.lines)
    assert len(found) == reports, console.describe("not every domain reported")
    problems = [f"{prefix}{problem}" for prefix, suite in found.items()
                for problem in suite.problems()]
    assert not problems, console.describe("\n".join(problems))
    assert not any(FATAL.search(line) for line in console.lines)
