#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make shell`: the main job's guest with its console for a person at this terminal.

The guest's serial port is the device model's PL011; the device model passes characters to and from the
hypervisor's console, and that is this terminal. Ctrl-] quits; Ctrl-A three times switches the input to the next domain
and to the hypervisor's debug keys.
"""

import argparse
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import termios
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from boot import Machine  # noqa: E402
from mainjob import Job  # noqa: E402

QUIT = b"\x1d"
PREFIX = b"(d0) "


class PrefixFilter:
    """Takes the control domain's prefix off the beginnings of lines, so that the guest's screen looks like one."""

    def __init__(self):
        self.held = b""
        self.at_start = True

    def feed(self, data):
        out = bytearray()
        for byte in data:
            char = bytes([byte])
            if self.at_start:
                self.held += char
                if self.held == PREFIX:
                    self.held, self.at_start = b"", False
                    continue
                if PREFIX.startswith(self.held):
                    continue
                out += self.held
                self.held = b""
            else:
                out += char
            self.at_start = char == b"\n"
        return bytes(out)


def converse(process, keyboard, screen):
    """Pass characters both ways until QEMU ends or the person quits."""
    prefix = PrefixFilter()
    output = process.stdout.fileno()
    while True:
        ready, _, _ = select.select([keyboard, output], [], [])
        if output in ready:
            data = os.read(output, 4096)
            if not data:
                return
            os.write(screen, prefix.feed(data))
        if keyboard in ready:
            data = os.read(keyboard, 256)
            if not data or QUIT in data:
                return
            process.stdin.write(data)
            process.stdin.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--gic", type=int, default=3, choices=(2, 3))
    parser.add_argument("--cpu", default="cortex-a57")
    parser.add_argument("--smp", type=int, default=2)
    arguments = parser.parse_args()
    job = Job(arguments.out, Machine(gic=arguments.gic, cpu=arguments.cpu, smp=arguments.smp))
    print("Ctrl-] quits. Ctrl-A three times: input to the next domain, or the hypervisor (there, h helps).")
    with tempfile.TemporaryDirectory(prefix="wherry-shell-") as directory:
        command = [*job.command(pathlib.Path(directory), mode="shell"), "-display", "none",
                   "-nodefaults", "-no-reboot", "-serial", "stdio", "-monitor", "none"]
        keyboard = sys.stdin.fileno()
        saved = termios.tcgetattr(keyboard) if os.isatty(keyboard) else None
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                if saved:
                    tty.setraw(keyboard)
                converse(process, keyboard, sys.stdout.fileno())
            finally:
                if saved:
                    termios.tcsetattr(keyboard, termios.TCSADRAIN, saved)
                process.kill()
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
