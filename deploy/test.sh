#!/usr/bin/env bash
# Installs the test tools and runs every suite: format, Swift tests, then the real executables against real clients
# (PyIceberg, DuckDB, ClickHouse) on the embedded store and on SeaweedFS.
#
#   deploy/test.sh              everything
#   deploy/test.sh swift        only the Swift suites
#   deploy/test.sh end-to-end   only the end-to-end suites; further arguments go to pytest
#   deploy/test.sh spark        only the file and table formats against Spark and Iceberg's Java library, where the kit to
#                               set them up (about 530 MB) lies beside the project; not part of everything
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

suite=${1:-all}
case $suite in
    all | swift | end-to-end | spark) ;;
    *) fail "the suite is '$suite': give swift, end-to-end, spark, or nothing for all" ;;
esac
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
command -v node > /dev/null || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs > /dev/null
command -v zstd > /dev/null || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq zstd > /dev/null
# Only promtool of it, and without the service.
if [ ! -x "$tools/bin/promtool" ]; then
    (cd "$tools" && apt-get download -qq prometheus > /dev/null && dpkg -x prometheus_*.deb prometheus && rm prometheus_*.deb)
    cp "$tools/prometheus/usr/bin/promtool" "$tools/bin/promtool"
fi
export PATH=$tools/bin:$PATH
export SEAWEEDFS_BINARY=$tools/bin/weed
# Public conformance data, where it lies beside the project; the suites say what they skip without it.
[ ! -d "$root/../shared/corpora" ] || export ANALYTICS_CORPORA=$root/../shared/corpora
say "PyIceberg, DuckDB, ClickHouse and SeaweedFS are ready"
# What makes requests up from the catalog's specification, where one is named.
if [ -n "${ICEBERG_REST_SPEC:-}" ]; then
    "$tools/bin/pip" install -q --disable-pip-version-check schemathesis==4.32.5
else
    say "the catalog is not held against the specification's text: ICEBERG_REST_SPEC names none"
fi

if [ "$suite" = spark ]; then
    kit=$root/../shared/tools/spark/setup.sh
    if [ ! -f "$kit" ]; then
        say "skipped: the kit ../shared/tools/spark is not beside the project"
        exit 0
    fi
    step "Setting up Spark"
    bash "$kit" "$var/tools/spark"
    step "Building the drivers"
    deploy/build.sh --product formats-driver
    deploy/build.sh --product tables-driver
    step "Spark"
    (cd Tests/EndToEnd && ANALYTICS_SPARK=$var/tools/spark "$tools/bin/python" -m pytest -q -p no:cacheprovider \
        test_formats_spark.py "${@:2}")
    step "Passed in $((SECONDS - started)) s"
    exit 0
fi

if [ "$suite" != end-to-end ]; then
    step "Format and shell scripts"
    swift format lint --strict -r Sources Tests docs/examples Package.swift
    "$tools/bin/shellcheck" -x deploy/*.sh deploy/demo/*.sh .ci/run
    say "clean"

    step "Swift suites"
    swift build --build-tests
    # The simulation computes without a pause and would starve tests that wait for something: it runs on its own.
    swift test --skip-build --skip SimulationTests
    swift test --skip-build --filter SimulationTests
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
