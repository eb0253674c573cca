#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the main job's disk image: make-disk.py OUTPUT. Called by tests/guest/Makefile.

An ext4 filesystem with files of several sizes and SHA256SUMS over them. The contents are the same each time.
What the guest adds is in tests/guest/init; tests/system/mainjob.py checks that from outside.
"""

import hashlib
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SIZE_MIB = 16


def files():
    """Name and content of each file."""
    rng = random.Random(20)
    yield "hello.txt", b"A file on a disk that a device model serves.\n"
    yield "empty", b""
    yield "block", rng.randbytes(4096)
    yield "odd", rng.randbytes(12345)
    yield "large", rng.randbytes(1 << 20)
    for number in range(20):
        yield f"small/{number:02}", rng.randbytes(100 * number + 1)


def populate(root):
    sums = []
    for name, content in files():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (root / "SHA256SUMS").write_text("".join(sums))
    (root / "remove-me").write_text("the guest removes this file\n")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


def main(output):
    environment = dict(os.environ, E2FSPROGS_FAKE_TIME="1", LC_ALL="C")
    environment["PATH"] += ":/usr/sbin:/sbin"
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "root"
        root.mkdir()
        populate(root)
        image = pathlib.Path(directory) / "image"
        with open(image, "wb") as file:
            file.truncate(SIZE_MIB << 20)
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", "-b", "4096", "-d", root, "-O", "^metadata_csum_seed",
             "-U", "00000000-0000-4000-8000-000000000002",
             "-E", "hash_seed=00000000-0000-4000-8000-000000000003,root_owner=0:0,lazy_itable_init=0",
             "-L", "wherry", image],
            env=environment, check=True)
        pathlib.Path(output).write_bytes(image.read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
