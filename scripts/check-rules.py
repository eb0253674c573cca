#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the tests that docs/rules.md names there? `make check-rules`.

Its tables have the columns: rule | what holds | tests. A test is `file:function`: defined in tests/unit/file.c and
run by its main(). A rule without one says *architecture* and where it is instead. And each test of the ioreq core is
named by some rule, so that the page does not fall behind.
"""

import pathlib
import re
import sys

PAGE = pathlib.Path("docs/rules.md")
ROW = re.compile(r"^\| ([a-z0-9-]+) \| (.+) \| (.+) \|$")
# Whose every test is of a rule.
COMPLETE = ["test_dmop", "test_errno_tables", "test_ioreq_ends", "test_ioreq_forward", "test_ioreq_invalidate",
            "test_ioreq_life", "test_ioreq_races", "test_ioreq_ranges", "test_ioreq_registry"]

problems = []


def tests_of(path):
    """Functions that a test's main() runs and the file defines."""
    text = path.read_text(encoding="utf-8")
    begin = text.rfind("\nint main(")
    defined = set(re.findall(r"^static void (\w+)\(void \*\*state\)", text[:begin], re.M))
    run = set(re.findall(r"\b\w+\(\s*(\w+)\s*[,)]", text[begin:])) & defined
    if path.stem in COMPLETE:
        problems.extend(f"{path}: {name} is not run" for name in sorted(defined - run))
    return run


def rows():
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        match = ROW.match(line)
        if match and match[1] != "rule":
            yield number, match[1], match[3]
        elif line.startswith("|") and not match and not line.startswith("|---"):
            problems.append(f"{PAGE}:{number}: not rule | what holds | tests")


def main():
    there = {path.stem: tests_of(path)
             for path in sorted(pathlib.Path("tests/unit").glob("test_*.c"))}
    names, named = set(), set()
    for number, rule, tests in rows():
        here = re.findall(r"`(test_\w+):(\w+)`", tests)
        if rule in names:
            problems.append(f"{PAGE}:{number}: {rule} is there twice")
        if not here and not tests.startswith("architecture: "):
            problems.append(f"{PAGE}:{number}: {rule} has no test")
        for file, function in here:
            if function not in there.get(file, ()):
                problems.append(f"{PAGE}:{number}: there is no {file}:{function}")
        names.add(rule)
        named.update(here)
    for file in COMPLETE:
        for function in sorted(there.get(file, ())):
            if (file, function) not in named:
                problems.append(f"{PAGE}: no rule names {file}:{function}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(names)} rules, {len(named)} tests, {len(problems)} problems")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    sys.exit(main())
