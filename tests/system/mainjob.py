#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job: `make run`. A stock Linux guest whose disk and console are a device model's.

Boots the hypervisor, the device-model payload as control domain, and Debian's kernel as guest; watches the guest
use its disk (tests/guest/init says each step); takes the disk image back from the device model and looks at it with
e2fsprogs. Success only if every step was seen. Also used by test_mainjob.py, on several machines.
"""

import argparse
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "guest"))

from boot import Boot, Domain, Machine  # noqa: E402
from qemu import Console, Failure  # noqa: E402

STEPS = ("boot", "cpus", "modules", "disk", "mount", "checksums", "write", "sync", "unmount",
         "remount", "readback", "finish")
TEXT = {
    "boot": "the kernel reached its init",
    "cpus": "both vCPUs run",
    "modules": "the kernel's modules are in",
    "disk": "the virtio disk is there",
    "mount": "its filesystem is mounted",
    "checksums": "all files have the right checksums",
    "write": "files are written",
    "sync": "written back",
    "unmount": "unmounted",
    "remount": "mounted again",
    "readback": "what was written is read back",
    "finish": "the guest is done",
}


def debugfs(image, request):
    """Output of one debugfs request."""
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return subprocess.run(["debugfs", "-R", request, str(image)], check=True, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Job:
    """One run on one machine. `progress` is called with each line for the person who watches.

    `built` is where image and payload come from, if not from the build directory itself.
    """

    def __init__(self, out, machine, progress=print, limit=240, log=None, built=None):
        self.out = pathlib.Path(out)
        self.image = pathlib.Path(built or out) / "wherry.img"
        payloads = pathlib.Path(built or out) / "payloads"
        self.payloads = payloads if payloads.exists() else self.out / "payloads"
        self.machine = machine
        self.progress = progress
        self.limit = limit
        self.log = log
        self.token = secrets.token_hex(8)
        self.begin = time.monotonic()
        self.steps = {}

    def say(self, good, text):
        mark = "ok  " if good else "FAIL"
        self.progress(f"[{time.monotonic() - self.begin:6.1f} s] {mark} {text}")

    def expect(self, good, text):
        self.say(good, text)
        if not good:
            raise Failure(text)

    def boot(self, directory, mode="job"):
        """The description of the boot; the disk is handed back in directory/disk-after.img."""
        guest = self.out / "guest"
        arguments = f"console=ttyAMA0 rdinit=/init wherry.token={self.token} wherry.mode={mode}"
        control = Domain(
            name="control", kernel=str(self.payloads / "dm-mainjob.img"),
            ramdisk=str(guest / "disk.img"), memory=64,
            bootargs=f"disk-out={directory / 'disk-after.img'}")
        linux = Domain(
            name="linux", kernel=str(guest / "Image"), ramdisk=str(guest / "initramfs.cpio"),
            device_tree=str(guest / "partial.dtb"), cpus=2, memory=256, bootargs=arguments,
            props={"nr_spis": 32})
        return Boot(self.machine, self.image, control=control, domains=[linux])

    def command(self, directory, mode="job"):
        # The device model writes the disk image out through semihosting: from outside, it is a file.
        return [*self.boot(directory, mode).prepare(directory),
                "-semihosting-config", "enable=on,target=native"]

    def watch(self, console):
        """Follow the guest until it is done, then the device model's account of it."""
        end = time.monotonic() + self.limit
        console.wait_for(r"Wherry \d", 30)
        self.say(True, "the hypervisor runs")
        while "finish" not in self.steps:
            match = console.wait_for(r"GUEST-STEP (\S+) (ok|FAIL) ?(.*)", end - time.monotonic())
            name, good, detail = match[1], match[2] == "ok", match[3].strip()
            if name in self.steps:
                raise Failure(f"guest: step {name} came twice")
            self.steps[name] = detail
            self.expect(good, f"guest: {TEXT.get(name, name)}" + (f" ({detail})" if detail else ""))
        missing = [name for name in STEPS if name not in self.steps]
        self.expect(not missing, "guest: every step was seen" + "".join(f", not {m}" for m in missing))
        self.expect(self.steps["cpus"] == "online=2", "guest: two CPUs are online")
        forwarded = console.wait_for(r"forwarded (\d+)", 30)
        self.expect(int(forwarded[1]) > 1000, f"{forwarded[1]} accesses were forwarded")
        console.wait_end(30)
        self.say(True, "the machine is off")

    def expected_files(self):
        """What must be on the disk afterwards."""
        import importlib
        make_disk = importlib.import_module("make-disk")
        files = dict(make_disk.files())
        files["written/numbers"] = "".join(f"{n}\n" for n in range(1, 40001)).encode()
        files["written/token"] = f"{self.token}\n".encode()
        return files

    def judge_disk(self, before, after):
        self.expect(after.exists() and after.stat().st_size == before.stat().st_size,
                    "disk: the device model handed the image back")
        environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        check = subprocess.run(["e2fsck", "-f", "-n", after], env=environment, check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.expect(check.returncode == 0, "disk: e2fsck finds a clean filesystem")
        wrong = [name for name, content in self.expected_files().items()
                 if debugfs(after, f"cat {name}") != content]
        self.expect(not wrong, "disk: old and new files have the right contents" +
                    "".join(f", not {name}" for name in wrong))
        names = debugfs(after, "ls -p /").decode().split("/")
        self.expect("SHA256SUMS" in names and "remove-me" not in names,
                    "disk: what the guest removed is gone")

    def run(self):
        """The whole job; raises Failure at the first thing that is wrong."""
        with tempfile.TemporaryDirectory(prefix="wherry-run-") as name:
            directory = pathlib.Path(name)
            with Console(self.command(directory), log=self.log) as console:
                self.watch(console)
            self.judge_disk(self.out / "guest" / "disk.img", directory / "disk-after.img")
            shutil.copy(directory / "disk-after.img", self.out / "disk-after.img")


def main():
    parser = argparse.ArgumentParser(description="Boot the main job and judge it.")
    parser.add_argument("--out", required=True, help="the build directory")
    parser.add_argument("--gic", type=int, default=3, choices=(2, 3))
    parser.add_argument("--cpu", default="cortex-a57")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="show the console too")
    arguments = parser.parse_args()
    machine = Machine(gic=arguments.gic, cpu=arguments.cpu, smp=arguments.smp)
    log = pathlib.Path(arguments.out) / "run.log"
    print(f"Wherry on QEMU virt, {machine.cpu}, {machine.smp} pCPUs, GICv{machine.gic}; the console is in {log}")
    job = Job(arguments.out, machine, progress=lambda text: print(text, flush=True), log=log)
    try:
        job.run()
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    print("SUCCESS: every step was seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
