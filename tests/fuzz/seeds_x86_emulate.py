#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_x86_emulate: a mode, a number that registers and memory come from, and an instruction.

Usage: seeds_x86_emulate.py DIRECTORY
"""
import pathlib
import sys

MODES = (0x11, 0x01, 0x41, 0x06, 0x02, 0x00, 0x0A, 0x26, 0x22)
ONE_BYTE = [op for op in range(256) if op not in (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)]
SPARSE = ("0f38f0", "0f38f1", "660f38f6", "f30f38f6", "0f38f9", "660f382a", "c4e278f2", "c4e278f3", "c4e278f5",
          "c4e27af5", "c4e27bf5", "c4e27bf6", "c4e278f7", "c4e279f7", "c4e27af7", "c4e27bf7", "c4e37bf0", "c5fc10",
          "c5fe6f", "c5fd7f", "c5f97e", "c5fa10", "c5fb11", "c5f812", "c5f816")
GROUPS = ("80", "81", "83", "8f", "c0", "c1", "c6", "c7", "d0", "d1", "d2", "d3", "f6", "f7", "fe", "ff", "0fba", "0fc7")
WITH_RBX = ("0fb0", "0fb1", "0fc3", "f00fc7", "0fc7", "480fc7", "0f38f0", "0f38f1", "660f38f6", "f30f38f6", "0f38f9",
            "c4e278f2", "c4e2f8f3", "c4e278f5", "c4e27af5", "c4e27bf5", "c4e27bf6", "c4e2f8f7", "c4e279f7", "c4e27af7",
            "c4e27bf7", "c4e37bf0", "0fa4", "0fac", "0fa5", "0fad", "8e", "c5fc28", "c5f816")
PREFIXES = ("", "66", "48", "f3", "f2", "f0", "67")


def write(directory, name, mode, seed, text):
    (directory / name).write_bytes(bytes((mode, seed % 256, seed >> 8, 0, 0)) + bytes.fromhex(text)[:15])


def regular(directory):
    """Opcodes with [rbx] for operand, in every member of their group and some modes."""
    for seed in range(8):
        for opcode in GROUPS + WITH_RBX:
            for reg in range(8):
                write(directory, f"rbx_{opcode}_{reg}_{seed}", MODES[0], 97 * seed + reg,
                      f"{opcode}{reg * 8 + 3:02x}0403020108070605")
    for modrm in range(0xC0):
        for mode in MODES[3:]:
            write(directory, f"modrm_{modrm:02x}_{mode:02x}", mode, modrm, f"8b{modrm:02x}10000000")
    for opcode in ("8e1f", "07", "17", "60", "61", "c8100000", "c8080003", "c804001f", "c9", "c3", "c20400", "ff17", "e80300",
                   "a10003"):
        for mode in MODES:
            write(directory, f"mode_{opcode}_{mode:02x}", mode, mode, opcode)
            write(directory, f"long_{opcode}_{mode:02x}", mode, mode, "66" * 13 + opcode)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    regular(directory)
    opcodes = [f"{op:02x}" for op in ONE_BYTE] + [f"0f{op:02x}" for op in range(256)] + list(SPARSE)
    for number, opcode in enumerate(opcodes):
        for extra, prefix in enumerate(PREFIXES):
            mode = MODES[0] if extra % 2 == 0 else MODES[(number + extra) % len(MODES)]
            modrm = (number * 7 + extra * 8) % 64 if opcode not in ("80", "81") else extra * 8
            if modrm % 8 in (4, 5):
                modrm -= 4
            text = prefix + opcode + f"{modrm:02x}" + "0102030405060708"
            write(directory, f"{prefix}_{opcode}", mode, number + (extra << 8), text)


if __name__ == "__main__":
    main()
