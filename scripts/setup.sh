#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes sure that this machine has what building and testing Wherry needs: `make setup`, and by itself before
# `make run`, `shell`, `check` and `bench`. On Debian as root (or with sudo) it installs what is missing; elsewhere
# it says what to install and fails. Silent when nothing is missing.
set -eu

packages="
    make gcc libc6-dev binutils gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu libc6-dev-arm64-cross
    clang libclang-rt-14-dev lld llvm clang-format clang-tidy cppcheck
    python3 python3-kconfiglib python3-pytest python3-pexpect
    qemu-system-arm device-tree-compiler libfdt-dev
    qemu-system-x86 bochs bochsbios vgabios grub-pc-bin grub-common xorriso mtools
    libcmocka-dev libxen-dev spin
    e2fsprogs cpio xz-utils gzip dpkg kmod
"

if command -v dpkg-query >/dev/null 2>&1; then
    missing=
    for package in $packages; do
        status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || exit 0
else
    missing=
    for tool in make gcc aarch64-linux-gnu-gcc clang ld.lld llvm-objcopy clang-format clang-tidy cppcheck spin \
        python3 qemu-system-aarch64 qemu-system-x86_64 bochs \
        grub-mkrescue xorriso mformat dtc fdtput mkfs.ext4 debugfs cpio xz dpkg-deb apt-get; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    [ -n "$missing" ] || exit 0
fi

echo "setup: missing:$missing" >&2
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this is not Debian. Install these, or their like, by hand:" $packages >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null 2>&1; then
    sudo=sudo
else
    echo "setup: not root and no sudo. As root: apt-get install$missing" >&2
    exit 1
fi
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
# The package lists may be missing or old: try with what is there, then with fresh ones.
$apt install -y --no-install-recommends $missing >&2 || {
    $apt update >&2
    $apt install -y --no-install-recommends $missing >&2
}
