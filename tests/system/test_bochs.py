# SPDX-License-Identifier: Apache-2.0
"""x86-64 under Bochs: VMX with EPT and VPID, and an SVM that has what QEMU's lacks (nRIP, flush by ASID). Slower than
QEMU; what needs no other processor is tested in test_x86.py.
"""

import dataclasses
import re

import pytest

import hostile
import suites
from bochs import Bochs, BochsConsole, BootBochs
from boot import Domain

LIMIT = 120
VMX = "corei7_haswell_4770"
SVM = "ryzen"
OLD = "corei5_lynnfield_750"  # EPT, but no unrestricted guest

# What the hypervisor says where it met what it did not expect.
STRANGE = re.compile(r"triple fault|does not know|VM entry|EPT is malformed|VMEXIT_INVALID")


@pytest.fixture
def start(out_x86, tmp_path):
    """Boots domains whose kernels are names of payloads; ends with the test."""
    consoles = []

    def built(domain):
        if "/" in domain.kernel:
            return domain
        return dataclasses.replace(domain, kernel=str(out_x86 / "payloads" / f"{domain.kernel}.elf"))

    def run(domains=(), control=None, machine=Bochs(), **keywords):
        boot = BootBochs(machine, out_x86 / "wherry", control=control and built(control),
                         domains=[built(domain) for domain in domains], **keywords)
        consoles.append(BochsConsole(boot.prepare(tmp_path), log=tmp_path / "console.log"))
        return consoles[-1]

    yield run
    for console in consoles:
        console.close()


@pytest.mark.parametrize("model, vendor", [(VMX, "VMX"), (SVM, "SVM")])
def test_probe(start, model, vendor):
    """GRUB's modules, command line and memory map get to a domain; all pCPUs come up."""
    probe = Domain(kernel="probe", cpus=2, memory=48, bootargs="ms=1")
    console = start([probe], machine=Bochs(model=model, smp=2))
    console.wait_for(r"boot: Multiboot 2, 2 modules", LIMIT)
    console.wait_for(rf"guests: {vendor}", LIMIT)
    console.wait_for(r"2 pCPUs", LIMIT)
    console.wait_for(r"\(d1\) probe: memory 48 MiB", LIMIT)
    console.wait_for(r"\(d1\) probe: ran 2 of 2 vCPUs", LIMIT)
    console.wait_for(r"\(d1\) probe: ends", LIMIT)
    console.wait_for(r"d1 shut down, reason 0", LIMIT)
    assert not any(STRANGE.search(line) for line in console.lines)


def test_no_unrestricted_guest(start):
    """It says what is missing, and stops before it makes a domain."""
    console = start([Domain(kernel="probe")], machine=Bochs(model=OLD))
    console.wait_for(r"vmx: secondary controls: 80 missing", LIMIT, fatal=None)
    console.wait_for(r"PANIC on pCPU 0", LIMIT, fatal=None)
    console.drain(2)
    assert not any("(d1)" in line for line in console.lines)


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


def test_endless(start, tmp_path):
    """Exceptions whose delivery raises them again leave one pCPU to another domain too."""
    endless = Domain(name="endless", kernel=hostile.build(tmp_path, "endless", hostile.ENDLESS), memory=16)
    console = start([endless, Domain(kernel="probe", bootargs="ms=100")])
    console.wait_for(r"\(d2\) probe: ends", LIMIT)
    assert any("(d1) >" in line for line in console.lines)
    assert not any("d1 shut down" in line or "(d1) !" in line for line in console.lines)


# --- the end of the machine ---

def test_poweroff(start):
    console = start(control=Domain(kernel="probe"))
    console.wait_for(r"powering off", LIMIT)
    console.wait_end(LIMIT)
    assert not any("cannot power off" in line for line in console.lines)


def test_restart(start):
    """The control domain restarts; so does the machine, through its firmware and GRUB."""
    console = start(control=Domain(kernel="probe", bootargs="reset"))
    console.wait_for(r"restarting the machine", LIMIT)
    console.wait_for(r"boot: Multiboot 2, 2 modules", LIMIT)
    console.wait_for(r"restarting the machine", LIMIT)


# --- suites ---

def suite(**keywords):
    return Domain(kernel="vm-suite", cpus=4, **keywords)


CONTROL = {"control": suite()}
GUEST = {"domains": [suite(props={"xen,enhanced": True})]}
# This SVM writes DR6 only behind the intercept of #DB, and takes a guest's step into the host: no single steps.
NO_STEPS = {"domains": [suite(props={"xen,enhanced": True}, bootargs="nosteps noexits")]}


# And VMRUN does not load CR2.
IO_CASES = [(VMX, 1, ""), (VMX, 4, "rounds=1"), (SVM, 2, "nosteps nocr2 rounds=1")]


@pytest.mark.parametrize("model, smp, words", IO_CASES, ids=["vmx-1", "vmx-4", "svm-2"])
def test_io(start, model, smp, words):
    """What instructions become for a device model."""
    console = start(control=Domain(kernel="io-dm", bootargs=words), domains=[Domain(kernel="io-guest", cpus=4)],
                    machine=Bochs(model=model, smp=smp))
    suites.judge(console, 1, 2 * LIMIT)
    assert not any(STRANGE.search(line) for line in console.lines)


def test_device_model(start):
    console = start(control=Domain(kernel="dm-suite", cpus=2), domains=suites.dm_guests_x86(),
                    machine=Bochs(memory=1024))
    suites.judge(console, 1, 2 * LIMIT)
    assert not any(STRANGE.search(line) for line in console.lines)


@pytest.mark.parametrize("model, smp, domains", [(VMX, 1, CONTROL), (VMX, 4, GUEST), (SVM, 2, NO_STEPS)],
                         ids=["vmx-control", "vmx-guest", "svm-guest"])
def test_suite(start, model, smp, domains):
    console = start(**domains, machine=Bochs(model=model, smp=smp))
    suites.judge(console, 1, LIMIT)
    assert not any(STRANGE.search(line) for line in console.lines)
