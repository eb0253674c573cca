# SPDX-License-Identifier: Apache-2.0
"""x86-64 under QEMU with SVM: every way to boot, and the payload suites with one pCPU and with four."""

import dataclasses
import re

import pytest

import hostile
import suites
from boot import Domain
from boot_x86 import BootX86, Pc
from pcjob import PcJob
from qemu import Console, Failure

LIMIT = 90


@pytest.fixture
def start(out_x86, tmp_path):
    """Boots domains whose kernels are names of payloads; ends with the test."""
    consoles = []

    def run(domains=(), control=None, machine=Pc(), change=None, reboot=False, **keywords):
        def built(domain):
            if "/" in domain.kernel:
                return domain
            return dataclasses.replace(domain, kernel=str(out_x86 / "payloads" / f"{domain.kernel}.elf"))

        boot = BootX86(machine, out_x86 / "wherry", control=control and built(control),
                       domains=[built(domain) for domain in domains], **keywords)
        if change:
            change(boot)
        consoles.append(Console(boot.prepare(tmp_path), log=tmp_path / "console.log", reboot=reboot))
        return consoles[-1]

    yield run
    for console in consoles:
        console.close()


# --- the ways in ---

@pytest.mark.parametrize("loader, name", [("multiboot1", "Multiboot 1"), ("multiboot2", "Multiboot 2")])
def test_loader(start, loader, name):
    """The loader's modules, command line and memory map get to a domain that runs."""
    probe = Domain(kernel="probe", cpus=2, memory=48, bootargs="ms=1")
    console = start([probe], machine=Pc(smp=2), loader=loader)
    console.wait_for(rf"boot: {name}, 2 modules", LIMIT)
    console.wait_for(r"2 pCPUs", LIMIT)
    console.wait_for(r"\(d1\) probe: memory 48 MiB", LIMIT)
    console.wait_for(r"\(d1\) probe: ran 2 of 2 vCPUs", LIMIT)
    console.wait_for(r"\(d1\) probe: ends", LIMIT)
    console.wait_for(r"d1 shut down, reason 0", LIMIT)


def test_pvh(start):
    """QEMU gives a PVH kernel one module only: the tree. It says by address where the kernel is."""
    console = start([Domain(kernel="probe", bootargs="ms=1")], loader="pvh")
    console.wait_for(r"boot: PVH, 1 module", LIMIT)
    console.wait_for(r"\(d1\) probe: ends", LIMIT)


def test_nothing_to_run(start):
    console = start(loader="pvh")
    console.wait_for(r"PANIC on pCPU 0: .*no domain to run", LIMIT, fatal=None)


def test_without_virtualization(start):
    """It says what it needs and stops; it does not try."""
    console = start([Domain(kernel="probe")], machine=Pc(cpu="max,-smap,-rdtscp,-svm"))
    console.wait_for(r"cpu: a hypervisor needs SVM or VMX", LIMIT, fatal=None)
    assert not console.drain(1), "it ended by itself"
    assert not any("probe" in line for line in console.lines)


# --- a domain's end and its mistakes ---

@pytest.mark.parametrize("word, reason", [("", 0), ("reset", 1), ("crash", 3)])
def test_end(start, word, reason):
    console = start([Domain(kernel="probe", bootargs=word)])
    console.wait_for(rf"d1 shut down, reason {reason}", LIMIT)


@pytest.mark.parametrize("loader", ["multiboot1", "multiboot2"])
def test_restart(start, loader):
    """The control domain restarts; so does the machine, through its firmware and the loader."""
    console = start(control=Domain(kernel="probe", bootargs="reset"), loader=loader, reboot=True)
    for _ in range(2):
        console.wait_for(r"boot: Multiboot", LIMIT)
        console.wait_for(r"restarting the machine", LIMIT)


def test_poweroff(start):
    console = start(control=Domain(kernel="probe"))
    console.wait_for(r"powering off", LIMIT)
    console.wait_end(LIMIT)
    assert not any("cannot power off" in line for line in console.lines)


def test_bad_kernel(start, out_x86, tmp_path):
    """A kernel that is no PVH image costs its domain one line."""
    bad = tmp_path / "bad.elf"
    bad.write_bytes(b"\x7fELF" + bytes(500))

    def spoil(boot):
        boot.domains[0].kernel = str(bad)

    console = start([Domain(kernel="probe", name="bad"), Domain(kernel="probe", name="good")], change=spoil)
    console.wait_for(r"/chosen/bad.*no 64-bit ELF image", LIMIT)
    console.wait_for(r"probe: ends", LIMIT)


def test_hostile(start, tmp_path):
    """Guests that lead the processor where nothing can be emulated end; the hypervisor and another domain go on."""
    bad = [Domain(name=name, kernel=hostile.build(tmp_path, name, text), memory=16)
           for name, text in hostile.CASES.items()]
    console = start([*bad, Domain(kernel="probe", bootargs="ms=100")])
    console.wait_for(rf"\(d{len(bad) + 1}\) probe: ends", LIMIT)
    console.drain(1)
    for number in range(1, len(bad) + 1):
        assert any(f"(d{number}) >" in line for line in console.lines), "it ran"
        assert any(re.search(rf"d{number} shut down, reason 1", line) for line in console.lines), console.describe(number)


# --- suites ---

SUITES = {
    "vm-as-control": {"control": Domain(kernel="vm-suite", cpus=4)},
    "vm-as-guest": {"domains": [Domain(kernel="vm-suite", cpus=4, props={"xen,enhanced": True})]},
    "device-model": {"control": Domain(kernel="dm-suite", cpus=2), "domains": suites.dm_guests_x86()},
    # A device model that is neither control domain nor anything else but one guest's device model.
    "io-from-a-guest": {"domains": [
        Domain(name="served", kernel="io-guest", cpus=4, props={"wherry,device-model": "model"}),
        Domain(name="model", kernel="io-dm")]},
    # The others end when their device model answers nonsense: a state from 4 on for each.
    "io": {"control": Domain(kernel="io-dm", bootargs="victims=12"), "domains": [
        Domain(kernel="io-guest", cpus=4), *(Domain(name=f"victim{n}", kernel="io-guest", memory=16) for n in range(12))]},
}


@pytest.mark.parametrize("smp", [1, 4])
@pytest.mark.parametrize("name", SUITES)
def test_suite(start, name, smp):
    console = start(**SUITES[name], machine=Pc(smp=smp))
    suites.judge(console, 1, LIMIT)
    assert not any(re.search(r"triple fault|does not know", line) for line in console.lines)


# --- make ARCH=x86_64 run ---

@pytest.mark.parametrize("smp", [1, 4])
def test_pc_job(out_x86, smp, tmp_path):
    PcJob(out_x86, Pc(smp=smp), progress=lambda text: None, log=tmp_path / "console.log").run()


def test_pc_job_refuses_another_disk(out_x86, tmp_path):
    """Its judge compares with what the disk should hold."""
    job = PcJob(out_x86, Pc(), progress=lambda text: None, log=tmp_path / "console.log")
    job.after = lambda: bytes(len(job.image))
    with pytest.raises(Failure, match="holds what it should"):
        job.run()
