# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a runner that can not fail would prove nothing."""

import subprocess

import pytest

import fdt
import suites
from qemu import FATAL


def only(lines):
    found = suites.collect(lines)
    assert len(found) == 1
    return next(iter(found.values()))


def test_complete_suite_passes():
    suite = only(["(d1) 1..2", "noise", "(d1) ok 1 - a", "(d1) ok 2 - b"])
    assert suite.problems() == [] and len(suite.passed) == 2


@pytest.mark.parametrize("lines, problem", [
    (["1..2", "ok 1 - a"], "no line for case 2"),
    (["1..1", "not ok 1 - a"], "not ok 1 - a"),
    (["ok 1 - a"], "no plan line (1..N)"),
    (["1..0"], "an empty plan"),
    (["1..1", "ok 1 - a", "ok 1 - a"], "case 1 came twice"),
    (["1..1", "ok 1 - a", "ok 2 - b"], "case 2 is beyond the plan of 1"),
    (["1..1", "1..1", "ok 1 - a"], "a second plan line"),
])
def test_incomplete_suite_fails(lines, problem):
    assert only(lines).problems() == [problem]


def test_domains_are_told_apart():
    assert len(suites.collect(["(d0) 1..1", "(d1) 1..1", "(d0) ok 1 - a", "(d1) ok 1 - a"])) == 2


def test_fatal_lines():
    assert FATAL.search("PANIC on pCPU 0: boot: x failed (-12)")
    assert not FATAL.search("(d1) PANIC on pCPU 0")


def test_device_tree_round_trip(tmp_path):
    root = fdt.Node()
    root.set("compatible", fdt.strings("a", "b")).set("#address-cells", 2)
    chosen = root.child("chosen")
    chosen.set("empty", True).set("name-of-it", "text")
    chosen.child("module@1").set("reg", fdt.cells64(1 << 40, 3))
    blob = fdt.serialize(root)
    again = fdt.parse(blob)
    assert again.children["chosen"].children["module@1"].props["reg"] == fdt.cells64(1 << 40, 3)
    assert fdt.serialize(again) == blob
    path = tmp_path / "x.dtb"
    path.write_bytes(blob)
    # dtc is the second opinion.
    text = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", path], check=True,
                          capture_output=True, text=True).stdout
    assert "reg = <0x100 0x00 0x00 0x03>;" in text
