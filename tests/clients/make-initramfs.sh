#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the control domain's initramfs: make-initramfs.sh FETCHED BUILT OUTPUT PROGRAM... Same inputs, same bytes.
# Called by tests/clients/Makefile.
set -eu

fetched=$1
built=$2
out=$3
shift 3
here=$(dirname "$0")
release=$(cat "$fetched/version")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree/bin" "$tree/modules" "$tree/dev" "$tree/proc"
cp "$fetched/root/bin/busybox" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
for program in "$@"; do
    cp "$built/$program" "$tree/bin/$program"
done
for module in xen-privcmd xen-evtchn; do
    path=$fetched/root/lib/modules/$release/kernel/drivers/xen/$module.ko
    if [ -e "$path.xz" ]; then
        xz -dc "$path.xz" >"$tree/modules/$module.ko"
    else
        cp "$path" "$tree/modules/$module.ko"
    fi
done
chmod 755 "$tree/init" "$tree"/bin/*
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) >"$out.tmp"
mv "$out.tmp" "$out"
