#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines that were reached, of the files of a directory; fails below a percentage.

Usage: coverage.py REPORT-OF-LLVM-COV DIRECTORY PERCENT
"""
import sys


def main():
    report, directory, least = sys.argv[1], sys.argv[2], float(sys.argv[3])
    lines = missed = 0
    for row in open(report, encoding="utf-8"):
        words = row.split()
        if len(words) < 10 or directory not in words[0]:
            continue
        lines += int(words[7])
        missed += int(words[8])
        print(f"{words[0].split('/')[-1]:16} {words[7]:>5} lines, {words[8]:>3} not reached")
    if lines == 0:
        sys.exit(f"nothing of {directory} in the report")
    percent = 100 * (lines - missed) / lines
    print(f"{directory}: {lines - missed} of {lines} lines, {percent:.2f} %")
    if percent < least:
        sys.exit(f"less than {least} %")


if __name__ == "__main__":
    main()
