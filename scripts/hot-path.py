#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of one forwarded access go: a table of source files and one of functions.

Boots the benchmark's payloads on one pCPU, one instruction a translation block, and reads QEMU's execution log
while the guest does the operation asked for. An access is what lies between two entries of
ioreq_forward(). Instructions of the hypervisor are named by its ELF's symbols; the rest is the device model's
after an odd number of vCPU switches since the access began, and the guest's otherwise.

    make bench
    python3 scripts/hot-path.py --out build/arm64/bench --gic 3
    make ARCH=x86_64 bench
    python3 scripts/hot-path.py --arch x86_64 --out build/x86_64/bench --operation port-read
"""

import argparse
import bisect
import collections
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "tests" / "system"))

import bench  # noqa: E402
from qemu import Console  # noqa: E402

ACCESSES = 20
TRACE = re.compile(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")
DEVICE_MODEL, GUEST = "device model", "the guest"


class Symbols:
    """Text symbols of an ELF, by address, and the source file of each name."""

    def __init__(self, elf, nm):
        self.addresses, self.names, self.files = [], [], {}
        for line in subprocess.run([nm, "-n", "-l", str(elf)], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.splitlines():
            match = re.match(r"([0-9a-f]+) ([tTwW]) ([^$.]\S*)(?:\t(?:\./)?(.*):\d+)?$", line)
            if match:
                self.addresses.append(int(match[1], 16))
                self.names.append(match[3])
                self.files[match[3]] = match[4] or match[3]

    def lookup(self, pc):
        """(name, whether pc is its first instruction), or None outside the image."""
        i = bisect.bisect_right(self.addresses, pc) - 1
        if i < 0 or pc > self.addresses[-1] + 0x10000:
            return None
        return self.names[i], self.addresses[i] == pc


def monitor(path, *commands):
    """Give commands to QEMU's monitor; returns when it has carried them out."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        reply = line.makefile("rb")
        for command in commands:
            line.sendall(command.encode() + b"\n")
        line.sendall(b"info version\n")
        for text in reply:
            if re.match(rb"\d+\.\d+", text):
                return


def accesses(symbols, log):
    """Counter of {function: instructions} of each whole access in the log."""
    count, switches, last = None, 0, None
    for text in log:
        match = TRACE.match(text)
        if not match:
            continue
        pc = int(match[1], 16)
        if pc == last:
            continue  # a block that QEMU left before its instruction and entered again
        last = pc
        found = symbols.lookup(pc)
        if found == ("ioreq_forward", True):
            if count:
                yield count
            count, switches = collections.Counter(), 0
        if count is None:
            continue
        if found == ("arch_vcpu_load", True):
            switches += 1
        count[found[0] if found else (DEVICE_MODEL if switches % 2 else GUEST)] += 1


# What the guest says right before it begins with the operation.
BEFORE = {
    "arm64": {"read": "gic-read", "write": "read"},
    "x86_64": {"read": "cpuid", "write": "read", "port-read": "write", "port-write": "port-read"},
}
NM = {"arm64": "aarch64-linux-gnu-nm", "x86_64": "x86_64-linux-gnu-nm"}


def run(arch, out, gic, operation):
    """The accesses of one machine, and the source file of each function."""
    with tempfile.TemporaryDirectory() as directory:
        fifo, control = os.path.join(directory, "log"), os.path.join(directory, "monitor")
        os.mkfifo(fifo)
        boot = bench.BOOT[arch](out, gic, smp=1, ranges=1)
        command = [*boot.prepare(directory), "-singlestep", "-chardev",
                   f"socket,id=m,path={control},server=on,wait=off", "-mon", "chardev=m"]
        with Console(command) as console:
            console.wait_for(rf"bench: {BEFORE[arch][operation]} ", 120)
            log = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # so that QEMU's open does not wait
            os.set_blocking(log, True)
            monitor(control, f"logfile {fifo}", "log exec,nochain")
            with os.fdopen(log, encoding="ascii", errors="replace") as lines:
                found, symbols = [], Symbols(out / "wherry", NM[arch])
                for count in accesses(symbols, lines):
                    found.append(count)
                    if len(found) > ACCESSES:
                        return found[1:], symbols.files
    raise SystemExit("hot-path: the log ended too early")


def print_table(what, counts):
    """The rows, largest first, and their sum."""
    print(f"| {what} | instructions |\n|---|---|")
    for name, number in counts.most_common():
        print(f"| {name if ' ' in name else f'`{name}`'} | {number:,} |")
    print(f"| all | {counts.total():,} |")


def main():
    parser = argparse.ArgumentParser(description="Instructions of one forwarded access by function.")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the benchmark's build directory")
    parser.add_argument("--arch", choices=sorted(BEFORE), default="arm64")
    parser.add_argument("--gic", type=int, choices=(2, 3), default=3)
    parser.add_argument("--operation", default="read")
    arguments = parser.parse_args()
    if arguments.operation not in BEFORE[arguments.arch]:
        parser.error(f"one of {', '.join(BEFORE[arguments.arch])}")
    found, files = run(arguments.arch, arguments.out, arguments.gic, arguments.operation)
    # The usual access: slices that end now and then are not of it.
    usual = sorted(found, key=lambda count: count.total())[len(found) // 2]
    by_file = collections.Counter()
    for name, number in usual.items():
        by_file[files.get(name, name)] += number
    print_table("file", by_file)
    print()
    print_table("function", usual)


if __name__ == "__main__":
    main()
