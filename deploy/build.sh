#!/usr/bin/env bash
# Builds the executables for release into .build/release.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$root"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$SECONDS
if [ -t 2 ]; then
    swift build -c release --static-swift-stdlib "$@" 2>&1 | tee "$log" >&2 || fail "the build failed"
else
    swift build -c release --static-swift-stdlib "$@" > "$log" 2>&1 || {
        cat "$log" >&2
        fail "the build failed"
    }
fi
say "built in $((SECONDS - started)) s"
