#!/usr/bin/env bash
# Installs what building and running needs on Debian 12: C libraries, supervisor, libduckdb. Safe to run again.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(
    g++ pkg-config libcurl4-openssl-dev libzstd-dev libsnappy-dev libssl-dev zlib1g-dev libmicrohttpd-dev libgnutls28-dev
    libsimdjson-dev liblz4-dev libbrotli-dev libxxhash-dev libroaring-dev libmaxminddb-dev libre2-dev
    supervisor curl jq python3 python3-venv python3-pip tzdata unzip ca-certificates
)
duckdb_version=1.5.5
duckdb_sha256=fc23f12e376c47be520f75221288281906e7942e8fd6f6ce4849198ba60d0405

command -v swift > /dev/null || fail "no Swift toolchain in PATH: install Swift 6.3 or newer for Debian 12 first"

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    # Starting daemons is not wanted: supervisor runs here with a configuration of the project's own.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

# DuckDB's C library. The wheel bareduckdb carries the plain libduckdb.so; the header comes from DuckDB's own source
# distribution of the same version. Both are pinned.
if ! echo "$duckdb_sha256  /usr/local/lib/libduckdb.so" | sha256sum -c --status 2> /dev/null \
    || [ ! -f /usr/local/include/duckdb.h ] || [ ! -f /usr/local/lib/pkgconfig/duckdb.pc ]; then
    say "installing libduckdb $duckdb_version into /usr/local"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --implementation cp --abi abi3 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 -d "$work" \
        bareduckdb==0.12.155
    python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary=duckdb -d "$work" "duckdb==$duckdb_version"
    unzip -q -o "$work"/bareduckdb-*.whl bareduckdb/_libs/libduckdb.so -d "$work"
    echo "$duckdb_sha256  $work/bareduckdb/_libs/libduckdb.so" | sha256sum -c --status \
        || fail "libduckdb.so does not have the pinned checksum: not installed"
    header="duckdb-$duckdb_version/external/duckdb/src/include/duckdb.h"
    tar -xzf "$work/duckdb-$duckdb_version.tar.gz" -C "$work" "$header"
    as_root install -D -m 755 "$work/bareduckdb/_libs/libduckdb.so" /usr/local/lib/libduckdb.so
    as_root install -D -m 644 "$work/$header" /usr/local/include/duckdb.h
    printf 'Name: duckdb\nDescription: DuckDB in-process SQL engine\nVersion: %s\nLibs: -L/usr/local/lib -lduckdb\nCflags: -I/usr/local/include\n' \
        "$duckdb_version" > "$work/duckdb.pc"
    as_root install -D -m 644 "$work/duckdb.pc" /usr/local/lib/pkgconfig/duckdb.pc
    as_root ldconfig
fi
# just, for the recipes of the justfile; every one of them is a script that works without it.
if ! command -v just > /dev/null; then
    say "installing just"
    [ -x "$var/tools/just/bin/just" ] || {
        python3 -m venv "$var/tools/just"
        "$var/tools/just/bin/pip" install -q --disable-pip-version-check rust-just==1.59.0
    }
    as_root install -m 755 "$var/tools/just/bin/just" /usr/local/bin/just
fi
say "everything needed is installed"
