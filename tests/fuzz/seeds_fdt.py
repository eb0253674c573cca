#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz_fdt: trees that dtc compiles, and a few inputs of the other two kinds.

Usage: seeds_fdt.py DIRECTORY
"""
import pathlib
import subprocess
import sys

TREES = {
    "small": "/dts-v1/; / { };",
    "reserve": "/dts-v1/; /memreserve/ 0x40000000 0x1000; /memreserve/ 1 2; / { a = <1>; };",
    "board": """/dts-v1/; / { compatible = "one,board", "two,board"; #address-cells = <2>; #size-cells = <2>;
        empty; bytes = [01 02 03];
        soc { #address-cells = <1>; #size-cells = <1>; ranges = <0 1 0 0x1000>, <0x8000 2 0 0x1000>;
            u: uart@10 { reg = <0x10 8>; status = "disabled"; }; uart@20 { reg = <0x20 8>; };
            inner { #address-cells = <1>; #size-cells = <1>; ranges; dev@4 { reg = <4 4>; status = "ok"; }; }; };
        cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { reg = <0>; }; cpu@100 { reg = <0x100>; }; };
        user { uart = <&u>; number = <5>; }; };""",
}
# Parts: flags, then begin 0x?0, end 3, property 9 with name, kind, bytes; 8 ends them.
OTHERS = {
    "parts-tree": bytes([1, 0, 0x10, 9, 0, 0x85, 3, 0x20, 9, 1, 4, 7, 3, 6, 8]),
    "parts-reserve": bytes([1, 3, 1, 1, 0x10, 9, 3, 8, 1, 2, 3, 3, 8]),
    "parts-header": bytes([1, 0, 0x10, 3, 8, 5, 1, 0]),
    "parts-deep": bytes([1, 0] + [0x10] * 70),
    "parts-at": bytes([1, 0, 0x80, 3, 0x20, 3, 8]),
    "parts-list": bytes([1, 0, 0x10, 9, 0, 0x85, 9, 0, 0x82, 3, 0x20, 9, 0, 0x82, 3, 8]),
    "writer": bytes([2, 0, 4, 1, 5, 0, 2, 0, 1, 2, 3, 0, 4, 6, 1, 7, 7, 0, 1, 10, 2, 9, 9, 0, 1, 1]),
    "writer-short": bytes([2, 80, 0, 1, 5, 0, 6, 0, 1, 2, 3, 0, 4, 6, 1, 7]),
}


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, source in TREES.items():
        blob = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb"], input=source.encode(), check=True,
                              stdout=subprocess.PIPE).stdout
        (directory / name).write_bytes(b"\0" + blob)
    for name, data in OTHERS.items():
        (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
