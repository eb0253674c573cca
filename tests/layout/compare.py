#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares include/public with the installed libxen-dev, field by field: `make layout`.

Everything that our headers define is found in them (records and enumerators through clang's syntax tree, macros
through the text), so nothing can be forgotten. One C program for each side states offset and size of each member,
the bits of each bit-field and the value of each constant; the cross compiler turns it into assembly, where the
values are read. What is missing there, or different, fails. Names that are only ours are listed below.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# Headers of our own additions, of which libxen-dev has none: nothing yet.
OUR_HEADERS = set()
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


def macros(header):
    """(name, is function-like) of each macro that has a body."""
    text = header.read_text().replace("\\\n", " ")
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\()?(.*)$", text, flags=re.M):
        name, call, body = match.groups()
        if call or body.strip():
            yield name, bool(call)


def syntax_tree(headers):
    """All top-level declarations of our headers, from clang."""
    source = "".join(f'#include "{h.resolve()}"\n' for h in headers)
    result = subprocess.run(
        ["clang", "--target=aarch64-linux-gnu", "-ffreestanding", "-std=gnu11", "-xc", "-",
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


def items_of(tree, headers):
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
            body = (f"void item_{number}(void); void item_{number}(void) "
                    f'{{ __asm__("->%c0 {number}" :: "i"((unsigned long long)({item}))); }}')
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
    found = {labels[int(n) - 1]: int(v) & 0xffffffffffffffff
             for v, n in re.findall(r"->(-?\d+) (\d+)", text)}
    for number, data in re.findall(r"^bits_(\d+):\n((?:\t\..*\n)*)", text, flags=re.M):
        found[labels[int(number) - 1]] = re.sub(r"\s+", " ", re.split(r"\t\.(?:size|type|global|ident|section)", data)[0]).strip()
    if len(found) != len(items):
        lost = [label for label in items if label not in found]
        raise Failure(f"no value for {', '.join(lost[:5])}")
    return found, missing


def compare(arguments):
    root = arguments.ours
    headers = sorted(h for h in root.rglob("*.h") if h.name not in OUR_HEADERS)
    names = [str(h.relative_to(root)) for h in headers]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        # Only the headers in question: the machine's other ones are for another architecture.
        (directory / "xen").symlink_to(arguments.theirs.resolve())
        (directory / "ours").symlink_to(root.resolve())
        items = items_of(syntax_tree(headers), headers)
        ours, unknown = values(items, ["ours/" + n for n in names], [f"-I{directory}"], arguments.cc, directory)
        if unknown:
            raise Failure(f"macros of ours that have no value: {', '.join(sorted(unknown))}")
        there = [n for n in names if (arguments.theirs / n).exists()]
        for name in sorted(set(names) - set(there)):
            print(f"{name}: libxen-dev has no such header")
        theirs, missing = values(items, ["xen/" + n for n in there], ["-D__XEN_TOOLS__", f"-I{directory}"],
                                 arguments.cc, directory)
    problems = [f"{label}: only ours" for label in sorted(missing)]
    problems += [f"{label}: ours {ours[label]}, theirs {theirs[label]}"
                 for label in ours if label in theirs and ours[label] != theirs[label]]
    for problem in problems:
        print(problem)
    print(f"layout: {len(headers)} headers, {len(items)} values compared, {len(problems)} problems")
    return 1 if problems or len(there) != len(names) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=pathlib.Path, required=True)
    parser.add_argument("--theirs", type=pathlib.Path, default=pathlib.Path("/usr/include/xen"))
    parser.add_argument("--cc", default="aarch64-linux-gnu-gcc")
    arguments = parser.parse_args()
    try:
        return compare(arguments)
    except Failure as failure:
        print(f"layout: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
