#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares include/public with the installed libxen-dev, field by field: `make layout`.

Everything that our headers define is found in them (records and enumerators through clang's syntax tree, macros
through the text), so nothing can be forgotten. One C program for each side states offset and size of each member,
the bits of each bit-field and the value of each constant; the compiler for the machine turns it into assembly, where
the values are read; this for each machine. What is missing there, or different, fails. Names that are only ours are listed below.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# Machine -> how its public headers begin. Those of the others cannot be included beside them.
MACHINES = {"aarch64": "arch-arm", "x86_64": "arch-x86"}
# Macros that are no values: types, and tools of the headers. Function-like ones, with the arguments to try.
NO_VALUES = {"uint64_aligned_t"}
CALLS = {
    "XENMEM_resource_ioreq_server_frame_ioreq": ("0", "1", "7"),
}
NO_CALLS = {"___DEFINE_XEN_GUEST_HANDLE", "__DEFINE_XEN_GUEST_HANDLE", "DEFINE_XEN_GUEST_HANDLE",
            "XEN_GUEST_HANDLE", "set_xen_guest_handle"}


class Failure(Exception):
    """Something that makes the comparison impossible."""


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def defined(headers, machine):
    """The macros that there are on this machine."""
    source = "".join(f'#include "{h.resolve()}"\n' for h in headers)
    result = subprocess.run(["clang", f"--target={machine}-linux-gnu", "-ffreestanding", "-xc", "-", "-E", "-dM"],
                            input=source, stdout=subprocess.PIPE, text=True, check=True)
    return set(re.findall(r"^#define (\w+)", result.stdout, flags=re.M))


def macros(header):
    """(name, is function-like) of each macro that has a body."""
    text = header.read_text().replace("\\\n", " ")
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\()?(.*)$", text, flags=re.M):
        name, call, body = match.groups()
        if call or body.strip():
            yield name, bool(call)


def syntax_tree(headers, machine):
    """All top-level declarations of our headers, from clang."""
    source = "".join(f'#include "{h.resolve()}"\n' for h in headers)
    result = subprocess.run(
        ["clang", f"--target={machine}-linux-gnu", "-ffreestanding", "-std=gnu11", "-xc", "-",
         "-fsyntax-only", "-Xclang", "-ast-dump=json"],
        input=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise Failure(f"our headers do not compile:\n{result.stderr}")
    return json.loads(result.stdout)["inner"]


def members(record, prefix=""):
    """Path and whether it is a bit-field, of each named member; also those of nested records."""
    nested = {}
    last = None
    for item in record.get("inner", []):
        if item["kind"] == "RecordDecl":
            last = item
            nested[item.get("name")] = item
        elif item["kind"] == "FieldDecl":
            name = item.get("name")
            if not name:
                if item.get("isImplicit") and last is not None:
                    yield from members(last, prefix)
                last = None
                continue
            yield prefix + name, bool(item.get("isBitfield"))
            if last is not None and "[" not in item["type"]["qualType"]:
                yield from members(last, f"{prefix}{name}.")
            last = None


def items_of(tree, headers, there):
    """What to compare: label -> C expression or (bit-field type, path)."""
    items = {}
    for node in tree:
        if node["kind"] == "RecordDecl" and node.get("name") and node.get("completeDefinition"):
            kind = f"{node['tagUsed']} {node['name']}"
            items[f"sizeof({kind})"] = f"sizeof({kind})"
            for path, bits in members(node):
                if bits:
                    items[f"bits of {kind}.{path}"] = (kind, path)
                else:
                    items[f"offset of {kind}.{path}"] = f"__builtin_offsetof({kind}, {path})"
                    items[f"size of {kind}.{path}"] = f"sizeof((({kind} *)0)->{path})"
        elif node["kind"] == "EnumDecl":
            for constant in node.get("inner", []):
                if constant["kind"] == "EnumConstantDecl":
                    items[constant["name"]] = constant["name"]
        elif node["kind"] == "TypedefDecl" and not node.get("isImplicit") and \
                not node["name"].startswith(("__", "int", "uint")) and "guest_handle" not in node["name"]:
            items[f"sizeof({node['name']})"] = f"sizeof({node['name']})"
    for header in headers:
        for name, call in macros(header):
            if name not in there:
                continue
            if call and name in CALLS:
                items.update({f"{name}({a})": f"{name}({a})" for a in CALLS[name]})
            elif call and name not in NO_CALLS:
                raise Failure(f"{header.name}: {name}() is neither in CALLS nor in NO_CALLS")
            elif not call and name not in NO_VALUES:
                items[name] = name
    return items


def program(items, includes):
    """The C program; item n is on line n."""
    lines = ["#include <stdint.h>\n#include <stddef.h>", *(f"#include <{i}>" for i in includes)]
    for number, (label, item) in enumerate(items.items(), 1):
        if isinstance(item, tuple):
            kind, path = item
            body = f'const {kind} bits_{number} __attribute__((section(".bits"))) = {{.{path} = -1}};'
        else:
            body = f"const unsigned long long item_{number} = (unsigned long long)({item});"
        lines.append(f'#line {number} "items"\n{body}')
    return "\n".join(lines) + "\n"


def values(items, includes, flags, compiler, directory):
    """label -> value on one side, and the labels that this side does not know."""
    items = dict(items)
    missing = set()
    source, output = directory / "program.c", directory / "program.s"
    while True:
        source.write_text(program(items, includes))
        result = run([compiler, "-std=gnu11", "-ffreestanding", "-O1", "-w", "-fmax-errors=0", "-S", "-o", output, *flags, source])
        if result.returncode == 0:
            break
        wrong = {int(n) for n in re.findall(r"^items:(\d+):\d+: error", result.stderr, flags=re.M)}
        if not wrong:
            raise Failure(f"the headers do not compile:\n{result.stderr}")
        labels = list(items)
        for number in wrong:
            missing.add(labels[number - 1])
        items = {label: item for label, item in items.items() if label not in missing}
    text = output.read_text()
    labels = list(items)
    found = {labels[int(number) - 1]: 0 if word == "zero" else int(value) & 0xffffffffffffffff
             for number, word, value in re.findall(r"^item_(\d+):\n\t\.(zero|quad|xword)\t(-?\d+)", text, flags=re.M)}
    for number, data in re.findall(r"^bits_(\d+):\n((?:\t\.(?:zero|byte|[248]?byte|h?word|value|x?word|long|quad)\t.*\n)*)", text, flags=re.M):
        found[labels[int(number) - 1]] = " ".join(data.split())
    if len(found) != len(items):
        lost = [label for label in items if label not in found]
        raise Failure(f"no value for {', '.join(lost[:5])}")
    return found, missing


def compare(arguments, machine):
    """Number of problems."""
    root = arguments.ours
    compiler = f"{machine}-linux-gnu-gcc"
    others = tuple(prefix for name, prefix in MACHINES.items() if name != machine)
    names = sorted(name for name in (str(h.relative_to(root)) for h in root.rglob("*.h")) if not name.startswith(others))
    headers = [root / name for name in names]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        # Only the headers in question: the machine's other ones are for another architecture.
        (directory / "xen").symlink_to(arguments.theirs.resolve())
        (directory / "ours").symlink_to(root.resolve())
        items = items_of(syntax_tree(headers, machine), headers, defined(headers, machine))
        ours, unknown = values(items, ["ours/" + n for n in names], [f"-I{directory}"], compiler, directory)
        if unknown:
            raise Failure(f"macros of ours that have no value: {', '.join(sorted(unknown))}")
        there = [n for n in names if (arguments.theirs / n).exists()]
        theirs, missing = values(items, ["xen/" + n for n in there], ["-D__XEN_TOOLS__", f"-I{directory}"],
                                 compiler, directory)
    problems = [f"{name}: libxen-dev has no such header" for name in sorted(set(names) - set(there))]
    problems += [f"{label}: only ours" for label in sorted(missing)]
    problems += [f"{label}: ours {ours[label]}, theirs {theirs[label]}"
                 for label in ours if label in theirs and ours[label] != theirs[label]]
    for problem in problems:
        print(f"{machine}: {problem}")
    print(f"layout {machine}: {len(headers)} headers, {len(items)} values compared, {len(problems)} problems")
    return len(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    parser.add_argument("--theirs", type=pathlib.Path, default=pathlib.Path("/usr/include/xen"))
    arguments = parser.parse_args()
    try:
        return 1 if sum(compare(arguments, machine) for machine in MACHINES) else 0
    except Failure as failure:
        print(f"layout: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
