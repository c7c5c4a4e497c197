#!/usr/bin/env bash
# Fuzzes the parsers with libFuzzer and AddressSanitizer: fuzz.sh [target] [seconds]
#
#   deploy/fuzz.sh                every target for 600 seconds
#   deploy/fuzz.sh puffin 60      one target for a minute; or several: 'puffin avro'
#
# Starts from what our own writers make and, where they lie beside the project, from small files of other projects.
# Findings stay in var/fuzz/TARGET/findings, what was learned in var/fuzz/TARGET/corpus. Fails when there is a finding.
# FUZZ_BUILD=skip runs what was built last, FUZZ_JOBS=4 that many targets at a time.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

fuzz=$var/fuzz
scratch=$fuzz/build
corpora=${ANALYTICS_CORPORA:-$root/../shared/corpora}
seconds=${2:-600}
jobs=${FUZZ_JOBS:-2}
# What Swift keeps for good looks like a leak: it refers to it by pointers with bits of its own.
export ASAN_OPTIONS=detect_leaks=0
binary=$scratch/release/parser-fuzz
# Larger inputs are slow to run and teach the fuzzer little.
seed_bytes_max=65536

if [ "${FUZZ_BUILD:-}" != skip ]; then
    step "Building the fuzzer"
    ANALYTICS_FUZZ=1 ANALYTICS_MODULES=IcebergSpec,ParquetFormat,PuffinFormat,Events swift build -c release \
        --scratch-path "$scratch" --product parser-fuzz \
        -Xcxx -fsanitize=fuzzer-no-link,address -Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library -Xswiftc -use-ld=lld >&2
fi

read -ra all <<< "$("$binary" 2>&1 | sed 's/.* one of //' || true)"
targets=("${all[@]}")
[ -z "${1:-}" ] || read -ra targets <<< "$1"
for target in "${targets[@]}"; do
    [[ " ${all[*]} " == *" $target "* ]] || fail "the target is '$target': give one of ${all[*]}"
done

# The files of other projects that a target may learn from.
foreign_seeds() {
    [ -d "$corpora" ] || return 0
    case $1 in
        parquet) find "$corpora/parquet" "$corpora/iceberg/tables" -name '*.parquet' ;;
        avro) find "$corpora/avro" -name '*.avro' ;;
        avro-schema) find "$corpora/avro" -name '*.avsc' -o -path '*/avro/*/schema.json' ;;
        manifest) find "$corpora/iceberg" -name '*.avro' -not -name 'snap-*' ;;
        manifest-list) find "$corpora/iceberg" -name 'snap-*.avro' ;;
        table-metadata) find "$corpora/iceberg" -name '*metadata*.json*' ;;
        view-metadata) find "$corpora/iceberg" -iname '*view*.json' ;;
        puffin) find "$corpora/iceberg" -name '*.puffin' -o -path '*puffin*.bin' ;;
        deletion-vector) find "$corpora/iceberg" -name '*position-index.bin' ;;
        bitmap) find "$corpora/iceberg" -name '64map*.bin' ;;
        events) find "$corpora/cloudevents" -name '*.json' ;;
        json) find "$corpora/json" "$corpora/iceberg/spec-resources" -name '*.json' ;;
    esac | while read -r file; do
        [ "$(stat -c %s "$file")" -gt "$seed_bytes_max" ] || printf '%s\n' "$file"
    done
}

run_target() {
    local target=$1 folder=$fuzz/$1 status=0
    mkdir -p "$folder/seeds" "$folder/corpus" "$folder/findings"
    "$binary" "$target" --seeds "$folder/seeds"
    foreign_seeds "$target" | while read -r file; do
        cp -f "$file" "$folder/seeds/$(sha256sum < "$file" | cut -c1-16)"
    done
    nice -n 19 "$binary" "$target" "$folder/corpus" "$folder/seeds" -artifact_prefix="$folder/findings/" \
        -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=10 -max_len=65536 -detect_leaks=0 \
        -print_final_stats=1 > "$folder/log" 2>&1 || status=$?
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log" | tail -1)
    say "$target: ${runs:-?} runs in $seconds s, $(find "$folder/corpus" -type f | wc -l) inputs kept, exit $status"
    [ "$status" = 0 ] || {
        grep -aE 'ERROR|SUMMARY|Fatal error|BINARY|Violation|violation' "$folder/log" | head -5 >&2 || true
        say "$target: see $folder/log and $folder/findings"
    }
    return "$status"
}

step "Fuzzing ${targets[*]}, $seconds s each, $jobs at a time"
failed=0
while [ ${#targets[@]} -gt 0 ]; do
    running=()
    for target in "${targets[@]:0:$jobs}"; do
        run_target "$target" &
        running+=($!)
    done
    targets=("${targets[@]:$jobs}")
    for job in "${running[@]}"; do wait "$job" || failed=$((failed + 1)); done
done
[ "$failed" = 0 ] || fail "$failed targets have findings"
step "No findings"
