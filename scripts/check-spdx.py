#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does every source say its licence, and the right one, in its first lines? `make check-spdx`.

MIT for include/public (what others compile against), Apache-2.0 elsewhere. Also checks that no file is over
1,000 lines.
"""

import pathlib
import re
import sys

SUFFIXES = {".c", ".h", ".S", ".py", ".sh", ".md", ".mk", ".dts", ".lds", ".sed"}
NAMES = {"Makefile", "Kconfig", "init"}
TOPS = ("arch", "common", "docs", "include", "scripts", "tests", ".ci")
LIMIT = 1000


def sources():
    for path in sorted(pathlib.Path(".").glob("*")):
        if path.is_file() and (path.suffix in SUFFIXES or path.name in NAMES):
            yield path
    for top in TOPS:
        for path in sorted(pathlib.Path(top).rglob("*")):
            if "__pycache__" not in path.parts and path.is_file():
                if path.suffix in SUFFIXES or path.name in NAMES:
                    yield path


def problem(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = "MIT" if path.parts[:2] == ("include", "public") else "Apache-2.0"
    found = re.search(r"SPDX-License-Identifier: (\S+)", "\n".join(lines[:2]))
    if not found:
        return "no SPDX line"
    if found[1] != wanted:
        return f"licence {found[1]}, not {wanted}"
    if len(lines) > LIMIT:
        return f"{len(lines)} lines, over {LIMIT}"
    return None


def main():
    count, bad = 0, 0
    for path in sources():
        count += 1
        what = problem(path)
        if what:
            bad += 1
            print(f"{path}: {what}", file=sys.stderr)
    print(f"{count} files, {bad} without the right licence line or too long")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
