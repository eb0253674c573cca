#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All tests and checks, one line each: `make check`. Called with --out, the build directory; names of steps as
arguments run only those (`make check CHECK="unit format"`).

Each step's output goes to OUT/check/NAME.log and is shown when the step fails. The closing line counts test cases
where a step has them, else the step itself.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass
class Step:
    name: str
    what: str
    run: object  # takes Context; a list of commands, or a function that raises on failure
    cases: str = ""  # "pytest", "cmocka" or "fuzz": how the log tells the cases


class Failed(Exception):
    pass


class Context:
    def __init__(self, out, log):
        self.out = out
        self.log = log

    def command(self, *command, **keywords):
        self.log.write("$ " + " ".join(str(word) for word in command) + "\n")
        self.log.flush()
        done = subprocess.run(command, stdout=self.log, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, check=False, **keywords)
        if done.returncode != 0:
            raise Failed(f"exit status {done.returncode}")

    def make(self, *arguments, **keywords):
        self.command("make", "-j2", *arguments, **keywords)

    def variant(self, name, settings):
        """Build with changed symbols in a directory of its own; returns that."""
        out = self.out / "variants" / name
        if not (out / ".config").exists():
            self.make(f"O={out}", "defconfig", f"SET={settings}")
        self.make(f"O={out}")
        return out


def clang(context):
    out = context.out / "variants" / "clang"
    context.make("LLVM=1", f"O={out}")
    context.make("LLVM=1", f"O={out}", "payloads")


def no_ioreq(context):
    out = context.variant("noioreq", "IOREQ_SERVER=n")
    symbols = subprocess.run(["aarch64-linux-gnu-nm", out / "wherry"], check=True,
                             capture_output=True, text=True).stdout
    left = [line for line in symbols.splitlines() if "ioreq" in line.lower()]
    context.log.write("\n".join(left) + "\n")
    if left:
        raise Failed(f"symbols of the subsystem are left: {left}")
    if b"ioreq" in (out / "wherry.img").read_bytes().lower():
        raise Failed("text of the subsystem is left in the image")
    context.make(f"O={out}", "check-headers")


def x86(context):
    """Both compilers, without debug checks and without ioreq; the checks that need a build."""
    out = context.out / "variants" / "x86_64"
    context.make("ARCH=x86_64", f"O={out}", "all", "check-headers", "check-tidy", "check-cppcheck")
    context.make("ARCH=x86_64", "LLVM=1", f"O={out}-clang", "all", "payloads")
    for name, setting in (("release", "DEBUG=n"), ("noioreq", "IOREQ_SERVER=n")):
        context.make("ARCH=x86_64", f"O={out}-{name}", "defconfig", f"SET={setting}")
        context.make("ARCH=x86_64", f"O={out}-{name}")


def reproducible(context):
    """The same tree elsewhere, built elsewhere, gives the same bytes."""
    context.make(f"O={context.out}")
    with tempfile.TemporaryDirectory(prefix="wherry-") as directory:
        copy = pathlib.Path(directory) / "another" / "place"
        skip = shutil.ignore_patterns("build", ".git", "__pycache__")
        shutil.copytree(".", copy, ignore=skip)
        out = pathlib.Path(directory) / "out"
        out.mkdir()
        shutil.copy(context.out / ".config", out / ".config")
        context.make(f"O={out}", cwd=copy)
        for name in ("wherry", "wherry.img"):
            if (out / name).read_bytes() != (context.out / name).read_bytes():
                raise Failed(f"{name} differs")



def unit(context, target="unit"):
    for log in (context.out / target).glob("*.log"):
        log.unlink()  # one of a test that is gone would still count
    context.make(f"O={context.out}", target)
    for log in sorted((context.out / target).glob("*.log")):
        context.log.write(log.read_text(encoding="utf-8", errors="replace"))


def unit_threads(context):
    unit(context, "unit-threads")


def system(context):
    out_x86 = context.out / "variants" / "x86_64"
    for image in [*(context.out / "payloads").glob("*.img"), *(out_x86 / "payloads").glob("*.elf")]:
        image.unlink()  # one whose source is gone would still boot
    context.make(f"O={context.out}", "all", "payloads", "guest")
    context.make("ARCH=x86_64", f"O={out_x86}", "all", "payloads", "guest")
    for name, settings in (("noioreq", "IOREQ_SERVER=n"), ("release", "DEBUG=n")):
        context.variant(name, settings)
    clang(context)
    context.command(sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider",
                    "tests/system",
                    env=dict(os.environ, WHERRY_OUT=str(context.out), WHERRY_OUT_X86=str(out_x86)))


STEPS = [
    Step("build", "gcc builds the image", lambda c: c.make(f"O={c.out}")),
    Step("build-clang", "clang and lld build image and payloads", clang),
    Step("build-release", "the image without debug checks", lambda c: c.variant("release", "DEBUG=n")),
    Step("build-noioreq", "the image without ioreq has no trace of it", no_ioreq),
    Step("build-x86", "gcc and clang build the image for x86-64, and its sources are clean", x86),
    Step("reproducible", "the same inputs give the same bytes", reproducible),
    Step("spdx", "licence lines", lambda c: c.make("check-spdx")),
    Step("docs", "links and file names in the documents", lambda c: c.make("check-docs")),
    Step("hooks", "the hooks that docs/porting.md lists", lambda c: c.make("check-hooks")),
    Step("rules", "the tests that docs/rules.md names", lambda c: c.make("check-rules")),
    Step("security", "the tests that docs/security.md names", lambda c: c.make("check-security")),
    Step("format", "formatting", lambda c: c.make("check-format")),
    Step("headers", "each header compiles alone", lambda c: c.make(f"O={c.out}", "check-headers")),
    Step("cppcheck", "cppcheck", lambda c: c.make(f"O={c.out}", "check-cppcheck")),
    Step("tidy", "clang-tidy", lambda c: c.make(f"O={c.out}", "check-tidy")),
    Step("layout", "our public headers are those of libxen-dev", lambda c: c.make("layout")),
    Step("unit", "unit tests", unit, "cmocka"),
    Step("unit-threads", "unit tests with threads, thread sanitizer", unit_threads, "cmocka"),
    Step("fuzz", "fuzzers: every input of their corpora, and some runs",
         lambda c: c.make("-k", f"O={c.out}", "fuzz-check"), "fuzz"),
    Step("model", "the slot protocol's models hold, and every mutation is found",
         lambda c: c.make(f"O={c.out}", "model")),
    Step("system", "boots under QEMU: suites, boot protocol, main job", system, "pytest"),
    Step("bench", "instructions per operation are within the aims",
         lambda c: c.make(f"O={c.out}", "bench")),
    Step("bench-x86", "the same on x86-64, one pCPU",
         lambda c: c.make("ARCH=x86_64", f"O={c.out / 'variants' / 'x86_64'}", "BENCH=--smp 1 --no-bochs", "bench")),
]


def count(kind, text):
    """Cases (passed, failed, skipped) that a log tells."""
    if kind == "pytest":
        last = text.strip().splitlines()[-1] if text.strip() else ""
        found = {word: int(number) for number, word in
                 re.findall(r"(\d+) (passed|failed|errors?|skipped)", last)}
        return (found.get("passed", 0),
                found.get("failed", 0) + found.get("error", 0) + found.get("errors", 0),
                found.get("skipped", 0))
    if kind == "fuzz":
        return len(re.findall(r"^fuzzed \w+: [1-9]\d* inputs", text, re.MULTILINE)), 0, 0
    passed = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    failed = sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", text))
    skipped = sum(int(n) for n in re.findall(r"\[  SKIPPED \] (\d+) test", text))
    return passed, failed, skipped


def run_step(step, out):
    """Returns (passed, failed, skipped) and prints the step's line."""
    log_path = out / "check" / f"{step.name}.log"
    begin = time.monotonic()
    problem = None
    with open(log_path, "w", encoding="utf-8") as log:
        try:
            step.run(Context(out, log))
        except (Failed, OSError, subprocess.SubprocessError) as error:
            problem = str(error)
    text = log_path.read_text(encoding="utf-8", errors="replace")
    passed, failed, skipped = count(step.cases, text) if step.cases else (0, 0, 0)
    if step.cases and not problem and passed == 0:
        problem = "no case was run"
    if not problem and skipped:
        problem = f"{skipped} cases were skipped"  # what did not run has not passed
    if not step.cases:
        passed = 0 if problem else 1
    if problem:
        failed = max(failed, 1)
    cases = f"{passed} passed, {failed} failed" if step.cases else step.what
    mark = "FAIL" if problem or failed else "ok"
    print(f"{mark:4} {step.name:14} {time.monotonic() - begin:6.1f} s  {cases}", flush=True)
    if mark == "FAIL":
        print(f"     {problem}; {log_path}:")
        print("\n".join("     | " + line for line in text.splitlines()[-60:]), flush=True)
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("steps", nargs="*", help=", ".join(step.name for step in STEPS))
    arguments = parser.parse_args()
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KCONFIG_CONFIG", "O", "LLVM"):
        os.environ.pop(name, None)
    unknown = set(arguments.steps) - {step.name for step in STEPS}
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    (arguments.out / "check").mkdir(parents=True, exist_ok=True)
    totals = [0, 0, 0]
    for step in STEPS:
        if not arguments.steps or step.name in arguments.steps:
            for index, number in enumerate(run_step(step, arguments.out)):
                totals[index] += number
    closing = f"{totals[0]} passed, {totals[1]} failed"
    print(closing + (f", {totals[2]} skipped" if totals[2] else ""))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
