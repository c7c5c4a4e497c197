#!/usr/bin/env bash
# Runs worlds of the collector's road from seeds: simulate.sh [count] [first seed]
#
#   deploy/simulate.sh              100,000 seeds, spread over the scenarios
#   deploy/simulate.sh 2000         2,000
#   SIMULATION_SEEDS=17,42 deploy/simulate.sh    these, line by line
#
# SIMULATION_SCENARIO=storage keeps to one scenario, SIMULATION_BUG=blindRetry puts a mistake of the zoo in
# (docs/simulation.md). Fails when there is a finding.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

step "Building the simulation"
ANALYTICS_MODULES=Collector,Catalog deploy/build.sh --product simulate
step "Simulating"
count=${1:-100000}
first=${2:-0}
[ -z "${SIMULATION_SEEDS:-}" ] || count=1
failed=0
# A process for each 10,000: what ended worlds leave behind adds up.
while ((count > 0)); do
    part=$((count < 10000 ? count : 10000))
    "$root/.build/release/simulate" "$part" "$first" || failed=1
    count=$((count - part))
    first=$((first + part))
done
exit "$failed"
