#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Links the image with its own symbol table: link.sh OUTPUT LINKER-SCRIPT OBJECT-LIST. Called by scripts/build.mk
# with CC, LD, NM and PYTHON in the environment.
set -eu

out=$1
lds=$2
objs=$3
dir=$(dirname "$out")

link() { # NAME: assembles syms-NAME.S and links it in
    $CC -c -o "$dir/syms-$1.o" "$dir/syms-$1.S"
    $LD -T "$lds" -Map "$dir/wherry.map" -o "$out.tmp" $(cat "$objs") "$dir/syms-$1.o"
    $NM -n "$out.tmp" >"$dir/syms-$1.nm"
}

trap 'rm -f "$out.tmp"' EXIT
$PYTHON scripts/gensyms.py </dev/null >"$dir/syms-0.S"
link 0
for pass in 1 2 3 4; do
    prev=$((pass - 1))
    $PYTHON scripts/gensyms.py <"$dir/syms-$prev.nm" >"$dir/syms-$pass.S"
    link "$pass"
    if cmp -s "$dir/syms-$pass.nm" "$dir/syms-$prev.nm"; then
        mv "$out.tmp" "$out"
        exit 0
    fi
done
echo "link.sh: the symbol table's addresses do not settle" >&2
exit 1
