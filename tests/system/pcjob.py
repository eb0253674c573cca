#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make ARCH=x86_64 run`: a guest on a PC that a device model makes, with a 16550 by ports and a virtio disk by memory.

Boots the hypervisor under QEMU's SVM, dm-pc as control domain and guest-pc as its guest; follows the guest's steps on
its UART; computes what the disk must hold in the end and compares it with what the device model says. Success only if
every step was seen. Also used by test_x86.py.
"""

import argparse
import pathlib
import re
import secrets
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from boot import Domain  # noqa: E402
from boot_x86 import BootX86, Pc  # noqa: E402
from qemu import Console, Failure  # noqa: E402

SECTOR = 512
SECTORS = 256
TEXT = {
    "disk": "the virtio disk is there",
    "second": "the second vCPU starts",
    "read": "the whole disk is read",
    "write": "every fourth sector is written",
    "readback": "the whole disk is read once more",
    "meanwhile": "the second vCPU's accesses were served meanwhile",
    "interrupts": "the disk interrupted",
    "finish": "the guest is done",
}


def fnv1a(data):
    """As pc_hash() of tests/payloads/include/pc.h."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


def written(token, sector):
    """As pc_byte() there."""
    return bytes((token >> (i % 8 * 8) & 0xff) ^ (sector * 7 + i & 0xff) for i in range(SECTOR))


class PcJob:
    """One run. `progress` is called with each line for the person who watches."""

    def __init__(self, out, machine, progress=print, limit=90, log=None):
        self.out = pathlib.Path(out)
        self.machine = machine
        self.progress = progress
        self.limit = limit
        self.log = log
        self.token = secrets.randbits(63)
        self.image = secrets.token_bytes(SECTORS * SECTOR)
        self.begin = time.monotonic()

    def expect(self, good, text):
        mark = "ok  " if good else "FAIL"
        self.progress(f"[{time.monotonic() - self.begin:6.1f} s] {mark} {text}")
        if not good:
            raise Failure(text)

    def after(self):
        """What the disk holds when the guest has written to it."""
        image = bytearray(self.image)
        for sector in range(0, SECTORS, 4):
            image[sector * SECTOR:(sector + 1) * SECTOR] = written(self.token, sector)
        return bytes(image)

    def command(self, directory):
        payloads = self.out / "payloads"
        disk = directory / "disk.img"
        disk.write_bytes(self.image)
        control = Domain(kernel=str(payloads / "dm-pc.elf"), ramdisk=str(disk))
        guest = Domain(kernel=str(payloads / "guest-pc.elf"), cpus=2, bootargs=f"token={self.token}")
        return BootX86(self.machine, self.out / "wherry", control=control, domains=[guest]).prepare(directory)

    def watch(self, console):
        end = time.monotonic() + self.limit
        console.wait_for(r"Wherry \d", 30)
        self.expect(True, "the hypervisor runs")
        console.wait_for(r"uart\| Hello, this is a guest of 2 vCPUs .* by REP OUTSB\.", end - time.monotonic())
        self.expect(True, "the guest speaks: a string of the processor's came through the UART's port")
        hashes = {"read": fnv1a(self.image), "readback": fnv1a(self.after())}
        for name, text in TEXT.items():
            match = console.wait_for(r"uart\| STEP (\S+) (ok|FAIL) (\S+)", end - time.monotonic())
            self.expect(match[1] == name and match[2] == "ok", f"guest: {text}")
            if name in hashes:
                self.expect(int(match[3], 16) == hashes[name], f"guest: and holds what it should ({match[3]})")
        count = console.wait_for(r"dm: forwarded (\d+) accesses: (\d+) by port \((\d+) strings\), (\d+) by memory, "
                                 r"(\d+) not served", end - time.monotonic())
        ports, strings, memory, bad = map(int, count.groups()[1:])
        self.expect(ports > 300 and strings >= 1 and memory > 500 and bad == 0, count[0])
        interrupts = console.wait_for(r"dm: disk: (\d+) requests, (\d+) refused; (\d+) interrupts", 30)
        requests = SECTORS // 16 * 2 + SECTORS // 4 + 1
        self.expect(int(interrupts[1]) == requests and interrupts[2] == "0", interrupts[0])
        holds = console.wait_for(r"dm: disk holds (\S+)", 30)
        self.expect(int(holds[1], 16) == hashes["readback"], "dm: the disk holds what the guest wrote")
        console.wait_for(r"dm: the end", 30)
        console.wait_end(30)
        self.expect(True, "the machine is off")

    def run(self):
        """The whole job; raises Failure at the first thing that is wrong."""
        with tempfile.TemporaryDirectory(prefix="wherry-run-") as name:
            with Console(self.command(pathlib.Path(name)), log=self.log,
                         echo=self.echo if self.progress is print else None) as console:
                self.watch(console)

    @staticmethod
    def echo(line):
        """The console, for who watches: what the guest says and what its device model does."""
        if re.search(r"uart\||dm: ", line):
            print(f"           | {line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Boot a guest on a device model's PC and judge it.")
    parser.add_argument("--out", required=True, help="the build directory")
    parser.add_argument("--smp", type=int, default=2)
    arguments = parser.parse_args()
    machine = Pc(smp=arguments.smp)
    log = pathlib.Path(arguments.out) / "run.log"
    print(f"Wherry on QEMU q35, SVM, {machine.smp} pCPUs; the console is in {log}", flush=True)
    try:
        PcJob(arguments.out, machine, log=log).run()
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    print("SUCCESS: every step was seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
