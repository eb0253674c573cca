#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fetches the stock guest: Debian's kernel and static busybox, as packages from the mirrors that this machine's
# apt already uses, unpacked into DIR: fetch.sh DIR DEBIAN-ARCHITECTURE. Called by tests/guest/Makefile. apt works on a private state
# below DIR, so the machine's own architectures and package lists stay as they are.
#
# Leaves DIR/root (the packages' files), DIR/packages (their names) and DIR/version (the kernel's release).
set -eu

dir=$1
arch=$2
# Beside the kernel: the guest's tools, and what the clients of tests/clients are linked with.
packages="busybox-static libxen-dev"
if [ -s "$dir/version" ] && [ "$(cat "$dir/packages" 2>/dev/null)" = "$packages" ]; then
    exit 0
fi
state=$dir/apt
mkdir -p "$state/lists/partial" "$state/archives/partial" "$dir/deb"
: >"$state/status"

private="-q -o APT::Architecture=$arch -o APT::Architectures=$arch -o Acquire::Languages=none
    -o APT::Get::List-Cleanup=0 -o Acquire::Retries=3 -o APT::Sandbox::User=
    -o Dir::State=$state -o Dir::State::status=$state/status -o Dir::State::lists=$state/lists
    -o Dir::Cache=$state -o Dir::Cache::archives=$state/archives
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="

echo "guest: fetching Debian's $arch kernel and busybox into $dir" >&2
apt-get $private update >"$state/update.log" 2>&1 || {
    cat "$state/update.log" >&2
    exit 1
}
# The metapackage names the release's present kernel.
image=$(apt-cache $private depends linux-image-$arch |
    sed -n "s/^ *Depends: \(linux-image-[0-9][^ ]*-$arch\)\$/\1/p" | head -n 1)
if [ -z "$image" ]; then
    echo "guest: no kernel package for $arch in this machine's package sources" >&2
    exit 1
fi
(cd "$dir/deb" && apt-get $private download "$image" $packages >&2)
rm -rf "$dir/root"
mkdir "$dir/root"
for deb in "$dir"/deb/*.deb; do
    dpkg-deb -x "$deb" "$dir/root"
done
rm -rf "$dir/deb" "$state"
printf '%s\n' "$packages" >"$dir/packages"
printf '%s\n' "${image#linux-image-}" >"$dir/version.tmp"
mv "$dir/version.tmp" "$dir/version"
