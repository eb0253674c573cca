#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keep few small inputs of a merged corpus: those that add edges, smallest first; named by content.

Usage: minimize.py FUZZER MERGED CORPUS
"""
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

MOST_FILES, MOST_BYTES = 200, 300_000


def main():
    fuzzer, merged, corpus = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    # Features include counters; edges alone are what a small corpus has to keep.
    with tempfile.TemporaryDirectory() as small:
        subprocess.run([fuzzer, "-set_cover_merge=1", "-use_counters=0", "-use_cmp=0", small, str(merged)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        files = sorted(pathlib.Path(small).iterdir(), key=lambda f: f.stat().st_size)
        shutil.rmtree(corpus, ignore_errors=True)
        corpus.mkdir(parents=True)
        total = 0
        for number, file in enumerate(files):
            data = file.read_bytes()
            total += len(data)
            if number >= MOST_FILES or total > MOST_BYTES:
                break
            (corpus / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
    print(f"{corpus}: {len(list(corpus.iterdir()))} of {len(files)} inputs")


if __name__ == "__main__":
    main()
