# SPDX-License-Identifier: Apache-2.0
#
# One fuzzer's row of the table that `make fuzz` ends with: summary.sh NAME LOG ROW. From what libFuzzer prints.
set -e

stat() {
    sed -n "s/^stat::$1: *//p" "$log"
}

name=$1 log=$2
# The last line of progress: "#n DONE cov: edges ft: features corp: inputs/size ..."
edges=$(grep -a 'DONE .*cov:' "$log" | tail -1 | sed 's/.*cov: \([0-9]*\).*/\1/')
inputs=$(grep -a 'DONE .*corp:' "$log" | tail -1 | sed 's/.*corp: \([0-9]*\).*/\1/')
# Of all that were instrumented, the fuzzer's own included.
all=$(sed -n 's/.*PC tables (\([0-9]*\) PCs).*/\1/p' "$log")
printf '%-16s %12s %9s %9s %12s\n' "$name" "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" \
    "$inputs" "$edges of $all" >"$3"
