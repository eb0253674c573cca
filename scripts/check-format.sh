#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Are all C files formatted as .clang-format says? `make check-format`; with --fix they are made so (`make format`).
set -eu

list=$(find arch common include tests -name '*.[ch]' | LC_ALL=C sort)
# Other releases of clang-format differ in details: the tree's is Debian 12's.
version=$(clang-format --version)
case $version in
*' 14.'*) ;;
*) echo "check-format: needs clang-format 14, this is: $version" >&2; exit 1 ;;
esac
if [ "${1:-}" = --fix ]; then
    clang-format -i $list
    exit 0
fi
if ! clang-format --dry-run -Werror $list 2>"${TMPDIR:-/tmp}/check-format.$$"; then
    sed -n 's/^\([^ :]*\):\([0-9]*\):.*/\1/p' "${TMPDIR:-/tmp}/check-format.$$" | sort | uniq -c >&2
    rm -f "${TMPDIR:-/tmp}/check-format.$$"
    echo "check-format: 'make format' puts these files right" >&2
    exit 1
fi
rm -f "${TMPDIR:-/tmp}/check-format.$$"
echo "$(echo "$list" | wc -l) files are formatted"
