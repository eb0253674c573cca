# SPDX-License-Identifier: Apache-2.0
"""The payload suites of tests/payloads on each interrupt controller, with one pCPU and with four.

Each entry of SUITES names the control domain's payload and the other domains' ones.
"""

import dataclasses
import time

import pytest

import suites
from boot import Boot, Domain, Machine
from qemu import Console


@dataclasses.dataclass
class Payloads:
    """Which domains run what. `reports` of them print a plan; the run is over when all have."""

    name: str
    control: Domain = None
    domains: tuple = ()
    reports: int = 1
    limit: int = 120


SUITES = [
    Payloads("vm-as-control", control=Domain(kernel="vm-suite", cpus=4)),
    Payloads("vm-as-guest", domains=(
        Domain(kernel="vm-suite", cpus=4, props={"xen,enhanced": True}),)),
    Payloads("device-model", control=Domain(kernel="dm-suite", cpus=2), domains=tuple(
        Domain(name=f"guest{n}", kernel="guest-suite", cpus=2) for n in range(1, 7)), limit=300),
]

MACHINES = [Machine(gic=gic, smp=smp) for gic in (2, 3) for smp in (1, 4)]
# Every feature that QEMU has, for what guests must not see of it.
MACHINES.append(Machine(gic=3, smp=4, cpu="max"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: f"{m.cpu}-gic{m.gic}-smp{m.smp}")
@pytest.mark.parametrize("payloads", SUITES, ids=lambda p: p.name)
def test_suite(out, payloads, machine, tmp_path):
    def built(domain):
        path = out / "payloads" / f"{domain.kernel}.img"
        return dataclasses.replace(domain, kernel=str(path))

    boot = Boot(machine, out / "wherry.img", control=payloads.control and built(payloads.control),
                domains=[built(domain) for domain in payloads.domains])
    begin = time.monotonic()
    with Console(boot.prepare(tmp_path), log=tmp_path / "console.log") as console:
        suites.judge(console, payloads.reports, payloads.limit)
    # xsa-118: each vm-suite makes 2000 of these at once, and a domain has 20 and then 10 a second.
    allowed = 20 + 10 * (time.monotonic() - begin + 1)
    for prefix in ("d0v0", "d1v0"):
        told = sum(f"{prefix} cannot decode access" in line for line in console.lines)
        assert told <= allowed, console.describe(f"{prefix}: {told} lines")
