# SPDX-License-Identifier: Apache-2.0
"""The hypervisor on its host, without any domain: boards, CPUs, what its own faults look like."""

import os
import pathlib
import struct

import pytest

import fdt
from boot import Boot, Domain, Machine, zcu102
from qemu import Console

IMAGE = pathlib.Path(os.environ.get("WHERRY_OUT", "build/arm64")).absolute() / "wherry.img"

# Without one the hypervisor has nothing to do, and says so.
NO_DOMAIN = r"PANIC.*: no domain to run"


def start(tmp_path, machine, bootargs="", tree_hook=None):
    command = Boot(machine, IMAGE, bootargs=bootargs, tree_hook=tree_hook).prepare(tmp_path)
    return Console(command, log=tmp_path / "console")


@pytest.mark.parametrize("cpu, gic, smp", [
    ("cortex-a57", 2, 1), ("cortex-a72", 3, 4), ("max", 3, 2), ("max", 2, 8)])
def test_boots_with_all_cpus(tmp_path, cpu, gic, smp):
    with start(tmp_path, Machine(cpu=cpu, gic=gic, smp=smp)) as console:
        console.wait_for(rf"^\(wherry\) {smp} pCPUs, 10\d\d MiB of memory", 20)
        console.wait_for(NO_DOMAIN, 10, fatal=None)


def test_second_board(tmp_path):
    with start(tmp_path, zcu102()) as console:
        console.wait_for(r"^\(wherry\) 4 pCPUs, 20\d\d MiB", 20)
        console.wait_for(NO_DOMAIN, 10, fatal=None)


def test_memory_in_two_banks(tmp_path):
    machine = Machine(smp=2, memory=512, extra=(
        "-object", "memory-backend-ram,id=m0,size=384M", "-numa", "node,memdev=m0",
        "-object", "memory-backend-ram,id=m1,size=128M", "-numa", "node,memdev=m1"))
    with start(tmp_path, machine) as console:
        console.wait_for(r"RAM (40000000-57ffffff|58000000-5fffffff)", 20)
        console.wait_for(r"RAM (40000000-57ffffff|58000000-5fffffff)", 20)
        console.wait_for(r"2 pCPUs, 5\d\d MiB", 10)


def test_reserved_memory_is_left_alone(tmp_path):
    def reserve(root):
        node = root.child("reserved-memory")
        node.set("#address-cells", 2).set("#size-cells", 2).set("ranges", True)
        child = node.child("firmware@50000000")
        child.set("reg", fdt.cells64(0x50000000, 0x8000000)).set("no-map", True)

    with start(tmp_path, Machine(memory=512), tree_hook=reserve) as console:
        # 512 MiB without 128 MiB, the image and the frame table.
        console.wait_for(r"1 pCPUs, 37\d MiB of memory", 20)


def test_entered_at_el1_says_so(tmp_path):
    with start(tmp_path, Machine(el2=False)) as console:
        console.wait_for(r"^\(wherry\) entered at EL1", 10)
        console.drain(1)
        assert len(console.lines) == 1


def test_unknown_option_is_one_line(tmp_path):
    with start(tmp_path, Machine(), bootargs="flux=3 selftest=nonsense") as console:
        console.wait_for(r"command line: flux is not known, ignored", 20)
        console.wait_for(r"command line: selftest: bad value \"nonsense\"", 10)
        console.wait_for(r"1 pCPUs", 10)


@pytest.mark.parametrize("test, what", [
    ("fault", r"data abort, translation fault level \d, write of 0+8"),
    ("stack", r"stack overflow: SP [0-9a-f]+ ran into the guard"),
    ("wx", r"data abort, permission fault level 3, write of"),
    ("ro", r"data abort, permission fault level 3, write of"),
    ("exec", r"instruction abort, permission fault level 3, execution of"),
])
def test_own_fault(tmp_path, test, what):
    function = {"fault": "touch_nothing", "stack": "recurse", "wx": "write_text", "ro": "write_rodata",
                "exec": "run_selftest|start_hypervisor"}[test]
    with start(tmp_path, Machine(smp=2), bootargs=f"selftest={test}") as console:
        console.wait_for(r"FAULT in the hypervisor, pCPU 0", 20, fatal=None)
        console.wait_for(what, 5, fatal=None)
        console.wait_for(r"X29 [0-9a-f]{16}", 5, fatal=None)
        console.wait_for(rf"#\d+ [0-9a-f]{{16}} ({function})\+0x", 5, fatal=None)
        console.wait_for(r"stopped", 5, fatal=None)
        console.drain(0.5)
        assert not any("SURVIVED" in line for line in console.lines)


def test_broken_invariant(tmp_path):
    with start(tmp_path, Machine(), bootargs="selftest=bug") as console:
        console.wait_for(r"BUG on pCPU 0: nowhere == 8 at arch/arm/selftest.c", 20, fatal=None)
        console.wait_for(r"#\d+ [0-9a-f]{16} broken_invariant\+0x", 5, fatal=None)
        console.wait_for(r"stopped", 5, fatal=None)


def idle_guest(tmp_path):
    """A kernel with the arm64 Image header that waits for ever."""
    code = [0x14000010] + [0] * 15 + [0xD503207F, 0x17FFFFFF]  # b 64f; header; 64: wfi; b 64b
    image = bytearray(struct.pack(f"<{len(code)}I", *code))
    image[8:32] = struct.pack("<QQQ", 0, 0x1000, 0xA)
    image[56:60] = b"ARM\x64"
    path = tmp_path / "idle.img"
    path.write_bytes(image)
    return str(path)


def test_init_is_gone_when_guests_run(tmp_path):
    control = Domain(kernel=idle_guest(tmp_path), memory=64)
    command = Boot(Machine(smp=2), IMAGE, control=control, bootargs="selftest=init").prepare(tmp_path)
    with Console(command, log=tmp_path / "console") as console:
        console.wait_for(r"boot finished", 20)
        console.wait_for(r"FAULT in the hypervisor", 10, fatal=None)
        console.wait_for(r"data abort, translation fault level 3, read of", 5, fatal=None)
        console.wait_for(r"#\d+ [0-9a-f]{16} read_init\+0x", 5, fatal=None)


def test_console_keys_and_switching(tmp_path):
    control = Domain(kernel=idle_guest(tmp_path), memory=64)
    command = Boot(Machine(), IMAGE, control=control).prepare(tmp_path)
    with Console(command, log=tmp_path / "console") as console:
        console.wait_for(r"boot finished", 20)
        console.send("\x01\x01\x01")
        console.wait_for(r"input to the hypervisor", 5)
        console.send("h")
        console.wait_for(r"^\(wherry\)  h  show this help", 5)
        console.send("\x01\x01\x01")
        console.wait_for(r"input to d0 ", 5)
        console.send("h")
        console.drain(1)
        assert sum("show this help" in line for line in console.lines) == 2  # key line and list, once
        console.send("\x01\x01\x01R")
        console.wait_for(r"restarting the machine", 5)
        console.wait_end(5)
