# SPDX-License-Identifier: Apache-2.0
"""Flattened device trees as Python objects: read, change, write. Used by boot.py.

Format: Devicetree Specification v0.4, chapter 5.
"""

import struct

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


def cells(*values):
    """32-bit cells, big-endian."""
    return b"".join(struct.pack(">I", value) for value in values)


def cells64(*values):
    """64-bit values as two cells each."""
    return b"".join(struct.pack(">Q", value) for value in values)


def strings(*values):
    return b"".join(value.encode() + b"\0" for value in values)


class Node:
    """A node: its properties (name to bytes) and children (name to Node), both in order."""

    def __init__(self):
        self.props = {}
        self.children = {}

    def set(self, name, value):
        """Set a property from bytes, a string, an int (one cell), or True (present and empty)."""
        if value is True:
            value = b""
        elif isinstance(value, int):
            value = cells(value)
        elif isinstance(value, str):
            value = strings(value)
        self.props[name] = value
        return self

    def child(self, name):
        """The child of that name, made if it is not there."""
        return self.children.setdefault(name, Node())

    def remove(self, name):
        self.props.pop(name, None)
        self.children.pop(name, None)


def parse(blob):
    """The root node of a device tree blob."""
    header = struct.unpack(">10I", blob[:40])
    if header[0] != MAGIC:
        raise ValueError("not a device tree")
    structure, names = header[2], header[3]
    stack = [Node()]
    at = structure

    def text(start):
        return blob[start : blob.index(b"\0", start)].decode()

    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN_NODE:
            name = text(at)
            at = (at + len(name) + 1 + 3) & ~3
            stack.append(stack[-1].child(name))
        elif token == END_NODE:
            stack.pop()
        elif token == PROP:
            size, name_at = struct.unpack_from(">II", blob, at)
            stack[-1].props[text(names + name_at)] = blob[at + 8 : at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == END:
            return stack[0].children[""]
        elif token != NOP:
            raise ValueError(f"token {token:#x} in the structure block")


def serialize(root):
    """The blob of a tree, version 17."""
    structure = bytearray()
    pool = bytearray()
    where = {}

    def pad():
        structure.extend(b"\0" * (-len(structure) % 4))

    def walk(name, node):
        structure.extend(cells(BEGIN_NODE) + strings(name))
        pad()
        for key, value in node.props.items():
            if key not in where:
                where[key] = len(pool)
                pool.extend(strings(key))
            structure.extend(cells(PROP, len(value), where[key]) + value)
            pad()
        for key, child in node.children.items():
            walk(key, child)
        structure.extend(cells(END_NODE))

    walk("", root)
    structure.extend(cells(END))
    reserve_at = 40
    structure_at = reserve_at + 16
    names_at = structure_at + len(structure)
    total = names_at + len(pool)
    header = cells(
        MAGIC, total, structure_at, names_at, reserve_at, 17, 16, 0, len(pool), len(structure)
    )
    return bytes(header + b"\0" * 16 + structure + pool)
