#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the guest's initramfs: make-initramfs.sh FETCHED OUTPUT. FETCHED is what fetch.sh left. Same inputs, same
# bytes. Called by tests/guest/Makefile.
set -eu

fetched=$1
out=$2
here=$(dirname "$0")
PATH=$PATH:/usr/sbin:/sbin
release=$(cat "$fetched/version")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tree=$work/tree
mkdir -p "$tree/bin" "$tree/modules" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/mnt" "$tree/tmp"
cp "$fetched/root/bin/busybox" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"

# The modules that a virtio disk with ext4 needs, each after the ones it depends on.
dep=$work/modules.dep
depmod -n -b "$fetched/root" "$release" | grep '^kernel/[^:]*\.ko[^:]*:' >"$dep"
module_path() { sed -n "s|^\([^:]*/$1\.ko[^:]*\):.*|\1|p" "$dep"; }
: >"$tree/modules/order"
add() { # PATH, relative to the release's directory
    name=$(basename "$1")
    plain=${name%.xz}
    if ! grep -qx "$plain" "$tree/modules/order"; then
        case $name in
        *.xz) xz -dc "$fetched/root/lib/modules/$release/$1" >"$tree/modules/$plain" ;;
        *) cp "$fetched/root/lib/modules/$release/$1" "$tree/modules/$plain" ;;
        esac
        echo "$plain" >>"$tree/modules/order"
    fi
}
# `crc32c` is asked for by name at run time: no dependency of ext4's own list says so.
for name in virtio_mmio virtio_blk crc32c_generic ext4; do
    path=$(module_path "$name")
    if [ -z "$path" ]; then
        grep -q "/$name\.ko" "$fetched/root/lib/modules/$release/modules.builtin" && continue
        echo "make-initramfs: no module $name in kernel $release" >&2
        exit 1
    fi
    # modules.dep lists the nearest dependency first.
    deps=$(sed -n "s|^$path: *||p" "$dep")
    reversed=
    for d in $deps; do
        reversed="$d $reversed"
    done
    for d in $reversed $path; do
        add "$d"
    done
done

find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) >"$out.tmp"
mv "$out.tmp" "$out"
