# SPDX-License-Identifier: Apache-2.0
"""`make shell` as a person uses it: type, see the answer, switch consoles, quit."""

import pathlib
import sys

import pexpect

from shell import PrefixFilter

SHELL = pathlib.Path(__file__).resolve().parent / "shell.py"


def test_prefix_is_taken_off():
    prefix = PrefixFilter()
    seen = prefix.feed(b"(d0) one\r\n(d1) two\n(d") + prefix.feed(b"0) $ ") + prefix.feed(b"ls\n(dx")
    assert seen == b"one\r\n(d1) two\n$ ls\n(dx"


def test_conversation(out):
    person = pexpect.spawn(sys.executable, [str(SHELL), "--out", str(out)], timeout=40, encoding="utf-8",
                           codec_errors="replace")
    try:
        person.expect(r"GUEST-STEP shell ok")
        person.expect(r"# ")
        person.send("echo $((6 * 7)) files: $(ls /mnt | wc -l)\r")
        person.expect(r"42 files: 9")
        person.expect(r"# ")
        # More than the serial port's FIFO holds, in one go.
        person.send("echo " + "x" * 100 + " | wc -c\r")
        person.expect(r"[^0-9]101[^0-9]")
        person.send("\x01\x01\x01")
        person.expect(r"input to d1")
        person.send("\x01\x01\x01")
        person.expect(r"input to the hypervisor")
        person.send("h")
        person.expect(r"show this help")
        person.send("\x1d")
        person.expect(pexpect.EOF, timeout=10)
        person.wait()
        assert person.exitstatus == 0
    finally:
        person.close(force=True)
