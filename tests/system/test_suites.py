# SPDX-License-Identifier: Apache-2.0
"""The payload suites of tests/payloads on each interrupt controller, with one pCPU and with four.

Each entry of SUITES names the control domain's payload and the other domains' ones.
"""

import dataclasses

import pytest

import suites
from boot import Boot, Domain, Machine
from qemu import Console


@dataclasses.dataclass
class Payloads:
    """Which domains run what; `reports` is how many of them print a plan."""

    name: str
    control: Domain
    domains: list
    reports: int = 1
    limit: int = 60


SUITES = []

MACHINES = [Machine(gic=gic, smp=smp) for gic in (2, 3) for smp in (1, 4)]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"gic{m.gic}-smp{m.smp}")
@pytest.mark.parametrize("payloads", SUITES, ids=lambda p: p.name)
def test_suite(out, payloads, machine, tmp_path):
    def built(domain):
        return dataclasses.replace(domain, kernel=str(out / "payloads" / f"{domain.kernel}.img"))

    boot = Boot(machine, out / "wherry.img", control=built(payloads.control),
                domains=[built(domain) for domain in payloads.domains])
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        console.wait_end(payloads.limit)
    found = suites.collect(console.lines)
    assert len(found) == payloads.reports, console.describe("not every domain reported")
    problems = [f"{prefix}{problem}" for prefix, suite in found.items()
                for problem in suite.problems()]
    assert not problems, console.describe("\n".join(problems))
