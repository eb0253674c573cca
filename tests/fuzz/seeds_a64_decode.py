#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_a64_decode: a word of each kind, then the value that a load reads.

Usage: seeds_a64_decode.py DIRECTORY
"""
import pathlib
import struct
import sys

WORDS = (0xF9401041, 0x39C00467, 0xB9800467, 0x38001420, 0xF84FFC20, 0x78404949, 0x38003149, 0xF8637841, 0x69400440,
         0xA9BF7BFD, 0xA8C17BFD, 0x28000440, 0x3D800000, 0xC85F7C20, 0xF8200020, 0xF9800000, 0x58000000)


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for word in WORDS:
        (directory / f"{word:08x}").write_bytes(struct.pack("<IQ", word, 0x8182838485868788))


if __name__ == "__main__":
    main()
