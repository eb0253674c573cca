#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines that the fuzzers reached, by file, and which they did not; fails below a percentage.

Usage: coverage.py REPORT-OF-LLVM-COV LCOV-OF-LLVM-COV WHAT=PERCENT...
WHAT is a directory or a file; the percentage is of all lines in it.
"""
import sys


def missed_lines(path, what):
    """Numbers of the lines not reached, by file."""
    files, name = {}, None
    for row in open(path, encoding="utf-8"):
        if row.startswith("SF:"):
            name = row[3:].strip()
        elif row.startswith("DA:") and what in name:
            line, count = row[3:].split(",")[:2]
            if int(count) == 0:
                files.setdefault(name.split("/")[-1], []).append(int(line))
    return files


def percentage(report, what):
    """Prints each file of `what`; the percentage of lines reached in all of them."""
    lines = missed = 0
    for row in open(report, encoding="utf-8"):
        words = row.split()
        if len(words) < 10 or what not in words[0]:
            continue
        lines += int(words[7])
        missed += int(words[8])
        print(f"{words[0].split('/')[-1]:16} {words[7]:>5} lines, {words[8]:>3} not reached")
    if lines == 0:
        sys.exit(f"nothing of {what} in the report")
    percent = 100 * (lines - missed) / lines
    print(f"{what}: {lines - missed} of {lines} lines, {percent:.2f} %")
    return percent


def main():
    short = []
    for bound in sys.argv[3:]:
        what, least = bound.split("=")
        if percentage(sys.argv[1], what) < float(least):
            short.append(f"{what}: less than {least} %")
        for name, lines in sorted(missed_lines(sys.argv[2], what).items()):
            print(f"    not reached: {name} " + " ".join(str(line) for line in lines))
    if short:
        sys.exit("\n".join(short))


if __name__ == "__main__":
    main()
