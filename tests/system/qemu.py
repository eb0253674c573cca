# SPDX-License-Identifier: Apache-2.0
"""A running QEMU: its serial console as lines with time limits, and an end that leaves nothing behind.

Used by suites.py, mainjob.py and the tests. Every wait has a limit, and a run that passes it is killed.
"""

import queue
import re
import subprocess
import threading
import time

# What the hypervisor prints when it can not go on; no test waits on after it.
FATAL = re.compile(r"^(?!\(d\d+\)).*(PANIC on pCPU|BUG on pCPU|FAULT in the hypervisor)")


class Failure(Exception):
    """The run did not do what the test asked; the console's last lines are in the text."""


class Console:
    """QEMU with its serial line on our pipes."""

    def __init__(self, command, log=None, echo=None, reboot=False):
        """log: path that gets all output. echo: called with each line. reboot: a restart is one, not the end."""
        self.lines = []
        self.echo = echo
        self.log = open(log, "w", encoding="utf-8") if log else None
        self.queue = queue.Queue()
        self.reboot = reboot
        self.start(command)

    def start(self, command):
        self.process = subprocess.Popen(
            [*command, "-display", "none", "-nodefaults", *([] if self.reboot else ["-no-reboot"]), "-serial", "stdio",
             "-monitor", "none"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read, daemon=True).start()

    def take(self, raw):
        self.queue.put(raw.decode("utf-8", "replace").rstrip("\r\n").replace("\r", ""))

    def _read(self):
        for raw in self.process.stdout:
            self.take(raw)
        self.queue.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.log:
            self.log.close()
            self.log = None

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def next_line(self, deadline):
        """The next line, or None when the emulator has ended. Raises Failure at the deadline."""
        try:
            line = self.queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failure(self.describe("time ran out")) from None
        if line is None:
            self.queue.put(None)
            return None
        self.lines.append(line)
        if self.log:
            self.log.write(line + "\n")
            self.log.flush()
        if self.echo:
            self.echo(line)
        return line

    def wait_for(self, pattern, timeout, fatal=FATAL):
        """The match of the first line from here on that has the pattern."""
        deadline = time.monotonic() + timeout
        while True:
            line = self.next_line(deadline)
            if line is None:
                raise Failure(self.describe(f"the emulator ended before {pattern!r}"))
            match = re.search(pattern, line)
            if match:
                return match
            if fatal and fatal.search(line):
                self.drain(1)
                raise Failure(self.describe(f"the hypervisor stopped: {line}"))

    def drain(self, seconds):
        """Take what comes for so long; whether the emulator has ended."""
        deadline = time.monotonic() + seconds
        try:
            while self.next_line(deadline) is not None:
                pass
        except Failure:
            return False
        return True

    def wait_end(self, timeout):
        """Until the emulator exits by itself (the machine was powered off)."""
        deadline = time.monotonic() + timeout
        while self.next_line(deadline) is not None:
            pass
        self.process.wait(timeout=10)

    def describe(self, what):
        tail = "\n".join("    " + line for line in self.lines[-40:])
        return f"{what}; the console's last lines:\n{tail}"
