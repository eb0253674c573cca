#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ELF image inside a bzImage: make-vmlinux.py VMLINUZ OUTPUT. Called by tests/guest/Makefile.

Its place and length are in the set-up header (Linux's documentation, x86/boot: setup_sects, payload_offset and
payload_length), from version 2.08 of the protocol on.
"""

import bz2
import gzip
import lzma
import pathlib
import struct
import sys

UNPACKERS = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress}
XZ = b"\xfd7zXZ"


def unpack(data):
    if data.startswith(XZ):  # the length of the result follows it
        return lzma.LZMADecompressor().decompress(data)
    for magic, unpacker in UNPACKERS.items():
        if data.startswith(magic):
            return unpacker(data)
    raise SystemExit(f"make-vmlinux: compressed in a way that is not known: {data[:4].hex()}")


def main(source, output):
    data = pathlib.Path(source).read_bytes()
    if data[0x202:0x206] != b"HdrS" or struct.unpack_from("<H", data, 0x206)[0] < 0x208:
        raise SystemExit("make-vmlinux: not a bzImage, or too old")
    start = ((data[0x1F1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", data, 0x248)
    image = unpack(data[start + offset:start + offset + length])
    if not image.startswith(b"\x7fELF"):
        raise SystemExit("make-vmlinux: what is inside is no ELF image")
    pathlib.Path(output).write_bytes(image)


if __name__ == "__main__":
    main(*sys.argv[1:])
