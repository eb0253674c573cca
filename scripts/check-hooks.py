#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is docs/porting.md's list of what an architecture provides the one that the code has? `make check-hooks`.

A hook is a function that include/wherry/ declares and common/ uses but does not define, or a name that an asm/ header,
included by common code, defines and common code uses. Each architecture must have all of them; that is looked at too.
"""

import pathlib
import re
import sys

DOCUMENT = pathlib.Path("docs/porting.md")
SECTION = "## A new architecture"
ARCHITECTURES = ("arm", "x86")

FUNCTION = re.compile(r"^(?!typedef|#|extern|return)(?:static inline )?[A-Za-z_][\w \*]*?[ \*](\w+)\(([^;{]*)\)\s*([;{])", re.M)
MACRO = re.compile(r"^#define (\w+)", re.M)
VARIABLE = re.compile(r"^extern [\w \*]*?[ \*](\w+)(?:\[[^\]]*\])*;", re.M)
STRUCT = re.compile(r"^struct (\w+) \{", re.M)
ASM = re.compile(r"#include <(asm/\w+\.h)>")


def text_of(path):
    """Without comments, which name much that is not there."""
    return re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)


def texts(*patterns):
    return {path: text_of(path) for pattern in patterns for path in sorted(pathlib.Path(".").glob(pattern))}


def functions(text, end):
    return {name for name, _, last in FUNCTION.findall(text) if last in end}


def defined(text):
    return functions(text, "{") - {"switch", "if", "for", "while"}


def of_header(text):
    """All that a header gives to those who include it."""
    return functions(text, ";{") | set(MACRO.findall(text)) | set(VARIABLE.findall(text)) | set(STRUCT.findall(text))


def hooks(headers, sources):
    """Name -> header that asks for it."""
    here = {name for text in sources.values() for name in defined(text)}
    here |= {name for text in headers.values() for name in defined(text)}
    everything = "\n".join([*headers.values(), *sources.values()])
    used = set(re.findall(r"\w+", everything))
    called = set(re.findall(r"\w+", "\n".join(sources.values())))
    found = {}
    for path, text in headers.items():
        for name in functions(text, ";") - here:
            if name in called or len(re.findall(rf"\b{name}\b", "\n".join(headers.values()))) > 1:
                found[name] = path.name
    for asm in sorted(set(ASM.findall(everything))):
        versions = [text_of(pathlib.Path("arch", arch, "include", asm)) for arch in ARCHITECTURES
                    if pathlib.Path("arch", arch, "include", asm).exists()]
        for name in set.intersection(*map(of_header, versions)) & used:
            if name not in found and name not in here:
                found[name] = asm
    return found


def absent(name, arch):
    """Is it nowhere in that architecture?"""
    pattern = re.compile(rf"\b{name}\b")
    return not any(pattern.search(text) for text in texts(f"arch/{arch}/**/*.[chS]").values())


def documented():
    text = DOCUMENT.read_text(encoding="utf-8").split(SECTION)[1].split("\n## ")[0]
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    return {name: header for row in rows for header in re.findall(r"`([\w/]+\.h)`", row[1])[:1]
            for name in re.findall(r"`(\w+)(?:\(\))?`", row[2])}


def main():
    headers = texts("include/wherry/**/*.h")
    sources = texts("common/**/*.[ch]")
    code, document = hooks(headers, sources), documented()
    problems = [f"{name} of {header} is not in {DOCUMENT}" for name, header in sorted(code.items())
                if name not in document]
    problems += [f"{name} is in {DOCUMENT}, but not asked for" for name in sorted(set(document) - set(code))]
    problems += [f"{name} is under {document[name]} in {DOCUMENT}, but {code[name]} asks for it"
                 for name in sorted(set(document) & set(code)) if document[name] != code[name]]
    problems += [f"arch/{arch} has no {name}" for name in sorted(code) for arch in ARCHITECTURES
                 if absent(name, arch)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(code)} hooks, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
