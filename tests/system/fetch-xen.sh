#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Debian's Xen 4.17 as FILE: fetch-xen.sh FILE. Called by `make check-oracle`. An installed package is taken, else the
# package is fetched from the mirrors that this machine's apt uses and unpacked beside FILE; it is not installed,
# because that would change how this machine boots.
set -eu

file=$1
package=xen-hypervisor-4.17-amd64
image=boot/xen-4.17-amd64.gz

[ ! -s "$file" ] || exit 0
mkdir -p "$(dirname "$file")"
if [ -r "/$image" ]; then
    gunzip -c "/$image" >"$file.tmp"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "oracle: fetching $package" >&2
    (cd "$work" && apt-get -q -o APT::Sandbox::User= download "$package" >&2) || {
        echo "oracle: apt has no $package here; run apt-get update, or install it: apt-get install $package" >&2
        exit 1
    }
    dpkg-deb -x "$work"/*.deb "$work/root"
    gunzip -c "$work/root/$image" >"$file.tmp"
fi
mv "$file.tmp" "$file"
