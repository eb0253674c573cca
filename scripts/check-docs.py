#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the documents' links lead somewhere, and do the files that they name exist? `make check-docs`.

A name in backquotes counts as a file of the tree if it begins with one of the top directories.
NAME in it stands for any name.
"""

import glob
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAME = re.compile(r"`((?:arch|common|docs|include|scripts|tests)/[A-Za-z0-9_./*-]*)`")


def problems(path):
    text = path.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if "://" not in target and not (path.parent / target).exists():
            yield f"link to {target}"
    for name in NAME.findall(text):
        name = name.replace("NAME", "*")
        if not glob.glob(name) and not glob.glob(name + ".*"):
            yield f"name of {name}"


def main():
    documents = [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").rglob("*.md"))]
    bad = 0
    for path in documents:
        for what in problems(path):
            bad += 1
            print(f"{path}: {what}, which is not there", file=sys.stderr)
    print(f"{len(documents)} documents, {bad} dead ends")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
