#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does docs/security.md name tests that exist, and all of them? `make check-security`.

Its tables have the columns: advisories | cause | verdict | tests, or why there are none. A test is named by
its case: `xsa_238_start_above_end` or `commit_...` of tests/unit/test_*.c, registered with cmocka there; or
`dm-suite xsa-276`, cases `xsa-276: ...` of a payload in tests/payloads; or `test_xsa_201_...` of tests/system, or by its
file, with the function in parentheses behind it. Both ways: a test that no row
names is as wrong as a row that names no test.
"""

import pathlib
import re
import sys

PAGE = pathlib.Path("docs/security.md")
VERDICTS = ("test", "not applicable", "not yet")
SYSTEM = re.compile(r"test_xsa_\d+_[a-z0-9_]+")
UNIT = re.compile(r"\b(?:xsa_\d+|commit_[0-9a-f]+)_[a-z0-9_]+")
# The numbers that must be there: what this kind of interface has suffered from.
ADVISORIES = """
27 28 63 66 67 89 92 94 96 97 98 102 104 105 106 107 110 112 116 117 118 121 123 125 129 150 155 166 186 187 188
190 191 195 196 197 199 200 201 203 204 217 219 221 222 223 237 238 239 246 247 262 276 295 301 319 321 334 337 338
340 342 343 344 358 359 360 379 388 389 393 395 397 409 410 427 428 437 447 451 454 462 463 470 472 473 475 477 480
491 492 496 499 503 504 505 506 507
""".split()


def unit_tests():
    """Those that are defined and registered."""
    found = set()
    units = pathlib.Path("tests/unit")
    for path in sorted([*units.glob("test_*.c"), *units.glob("*_cases.h")]):
        text = path.read_text(encoding="utf-8")
        defined = set(re.findall(r"^static void (" + UNIT.pattern + r")\(void \*\*state\)", text, re.M))
        # Cases that several tests include are listed in a macro at the end.
        main = text[text.rfind("_CASES " if path.suffix == ".h" else "\nint main("):]
        registered = set(re.findall(r"\(\s*(" + UNIT.pattern + r")\s*[,)]", main))
        for name in defined ^ registered:
            problem(f"{path}: {name} is not both defined and run")
        found |= defined & registered
    return found


def payload_cases():
    found = set()
    for path in sorted(pathlib.Path("tests/payloads").glob("*/**/*.c")):
        text = path.read_text(encoding="utf-8")
        payload = path.relative_to("tests/payloads").parts[0]
        found |= {f"{payload} {name}"
                  for name in re.findall(r'"(xsa-\d+|commit-[0-9a-f]+): ', text)}
    return found


def system_tests():
    found = set()
    for path in sorted(pathlib.Path("tests/system").glob("test_*.py")):
        found |= set(re.findall(r"^def (" + SYSTEM.pattern + r")\(", path.read_text(encoding="utf-8"), re.M))
    return found


PROBLEMS = []


def problem(text):
    PROBLEMS.append(text)


def number_of(name):
    return re.search(r"(?:xsa|commit)[-_]([0-9a-f]+)", name)[1]


def check_row(line, cells, tests_there, named):
    advisories, cause, verdict, tests = cells
    here = {name for name in re.findall(r"`([^`]+)`", tests)
            if UNIT.fullmatch(name) or SYSTEM.fullmatch(name)
            or re.fullmatch(r"[a-z]+-suite (?:xsa|commit)-[0-9a-f]+", name)}
    if not verdict.startswith(VERDICTS):
        problem(f"{PAGE}:{line}: the verdict is one of {', '.join(VERDICTS)}")
    if not cause or not tests:
        problem(f"{PAGE}:{line}: an empty cell")
    files = re.findall(r"`(tests/[\w/.-]+)`(?: \(`(\w+)`\))?", tests)
    for name, function in files:
        text = pathlib.Path(name).read_text(encoding="utf-8") if pathlib.Path(name).is_file() else ""
        if f"{function}(" not in text:
            problem(f"{PAGE}:{line}: {name} has no {function or 'functions'}")
    if verdict.startswith("test") and not here and not files:
        problem(f"{PAGE}:{line}: no test is named")
    for name in here:
        if name not in tests_there:
            problem(f"{PAGE}:{line}: there is no test {name}")
        if number_of(name) not in re.findall(r"[0-9a-f]+", advisories):
            problem(f"{PAGE}:{line}: {name} is of another row")
    named |= here


def main():
    there, named, seen = set(unit_tests()) | payload_cases() | system_tests(), set(), []
    for line, text in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if text.startswith("| ") and len(cells) == 4 and re.match(r"(\(commit )?[0-9]", cells[0]):
            check_row(line, cells, there, named)
            seen += re.findall(r"\b\d{2,3}\b", cells[0])
    for number in ADVISORIES:
        if number not in seen:
            problem(f"{PAGE}: advisory {number} is not there")
    for name in sorted(there - named):
        problem(f"{PAGE}: no row names {name}")
    for text in PROBLEMS:
        print(text, file=sys.stderr)
    print(f"{len(named)} tests of {len(set(seen))} advisories, {len(PROBLEMS)} problems")
    return 1 if PROBLEMS else 0


if __name__ == "__main__":
    sys.exit(main())
