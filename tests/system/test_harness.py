# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a runner that can not fail would prove nothing."""

import subprocess

import pytest

import fdt
import oracle
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


@pytest.fixture(name="progress")
def fixture_progress():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield oracle.Progress(process.pid)
        process.kill()


def test_oracle_stops_at_a_line_that_comes_again_and_again(progress):
    assert not any(progress.stopped("(XEN) tried again") for _ in range(oracle.AGAIN))
    assert progress.stopped("(XEN) tried again")


def test_oracle_a_case_is_progress(progress):
    for number in range(3 * oracle.AGAIN):
        assert not progress.stopped("(XEN) tried again")
        assert not progress.stopped(f"(d1) ok {number} - a")


def test_oracle_stops_at_silence(progress):
    spent = 0.0
    progress.spent = lambda: spent
    progress.stopped("ok 1 - a")
    spent = oracle.QUIET - 1
    assert not progress.stopped("")
    spent = oracle.QUIET + 1
    assert progress.stopped("")


def test_oracle_stops_at_an_idle_emulator(progress, monkeypatch):
    now = oracle.time.monotonic() + oracle.IDLE + 1
    assert not progress.stopped("")
    monkeypatch.setattr(oracle.time, "monotonic", lambda: now)
    assert progress.stopped("")


@pytest.mark.parametrize("wherry, xen, listed, good", [
    ("passes", "passes", None, True),
    ("passes", "fails", "fails", True),
    ("passes", "fails", None, False),
    ("passes", "stops", "fails", False),
    ("passes", "passes", "fails", False),
    ("passes", "absent", "absent", True),
    ("fails", "fails", None, True),
    ("fails", "passes", None, False),
])
def test_oracle_only_what_is_listed_differs(wherry, xen, listed, good):
    def results(ends):
        return {} if ends == "absent" else {"a": ends}
    table = {("s", "a"): (listed, "why")} if listed else {}
    assert oracle.compare("s", results(wherry), results(xen), table)[1] is good


def test_oracle_a_listed_case_has_to_be_there():
    assert not oracle.compare("s", {}, {}, {("s", "a"): ("fails", "why")})[1]


@pytest.mark.parametrize("xen, good", [
    ({"a": "fails", "bc": "fails"}, True),
    ({"a": "fails", "bc": "fails", "bd": "passes"}, False),
    ({"a": "fails", "bc": "passes"}, False),
    ({"a": "passes", "bc": "fails"}, False),
])
def test_oracle_what_a_star_stands_for_differs_too(xen, good):
    table = {("s", "b*"): ("fails", "why"), ("s", "a"): ("fails", "why"), ("t", "b"): ("fails", "why")}
    assert oracle.compare("s", {name: "passes" for name in xen}, xen, table)[1] is good
