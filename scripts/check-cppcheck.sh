#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cppcheck over the hypervisor: check-cppcheck.sh SRCARCH GENERATED-INCLUDES CACHE. `make check-cppcheck`.
set -eu

mkdir -p "$3"
case $1 in
x86) machine=__x86_64__ ;;
*) machine=__aarch64__ ;;
esac
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 -j 2 \
    --cppcheck-build-dir="$3" --suppressions-list=scripts/cppcheck.txt \
    --include="$2/generated/autoconf.h" -D__WHERRY__ "-D$machine" -D__GNUC__=12 -D__STDC_VERSION__=201112L \
    -Iinclude "-Iarch/$1/include" "-I$2" common "arch/$1"
echo "cppcheck has nothing to say"
