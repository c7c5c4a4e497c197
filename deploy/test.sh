#!/usr/bin/env bash
# Installs the test tools and runs every suite: format, Swift tests, then the real executables against real clients
# (PyIceberg, DuckDB, ClickHouse) on the embedded store and on SeaweedFS.
#
#   deploy/test.sh              everything
#   deploy/test.sh swift        only the Swift suites
#   deploy/test.sh end-to-end   only the end-to-end suites; further arguments go to pytest
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suite=${1:-all}
case $suite in all | swift | end-to-end) ;; *) fail "the suite is '$suite': give swift, end-to-end, or nothing for all" ;; esac
cd "$root"
started=$SECONDS

step "Installing what building needs"
deploy/install.sh

tools=$root/var/tools/test
step "Installing the test tools"
requirements=$root/Tests/EndToEnd/requirements.txt
if ! cmp -s "$requirements" "$tools/installed.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install -q --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$tools/installed.txt"
fi
command -v zstd > /dev/null || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq zstd > /dev/null
export PATH=$tools/bin:$PATH
export SEAWEEDFS_BINARY=$tools/bin/weed
# Public conformance data, where it lies beside the project; the suites say what they skip without it.
[ ! -d "$root/../shared/corpora" ] || export ANALYTICS_CORPORA=$root/../shared/corpora
say "PyIceberg, DuckDB, ClickHouse and SeaweedFS are ready"

if [ "$suite" != end-to-end ]; then
    step "Format and shell scripts"
    swift format lint --strict -r Sources Tests docs/examples Package.swift
    "$tools/bin/shellcheck" -x deploy/*.sh deploy/demo/*.sh .ci/run
    say "clean"

    step "Swift suites"
    swift build --build-tests
    swift test --skip-build
fi

if [ "$suite" != swift ]; then
    step "Building the executables"
    deploy/build.sh
    step "Preparing real events"
    deploy/demo/prepare.sh
    step "End-to-end suites"
    (cd Tests/EndToEnd && "$tools/bin/python" -m pytest -q -p no:cacheprovider "${@:2}")
fi

step "All chosen suites passed in $((SECONDS - started)) s"
