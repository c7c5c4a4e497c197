#!/usr/bin/env bash
# Runs a benchmark against named peers in the same run and prints the ratios: bench.sh ack|catalog|ingest|parquet|planning [options]
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=${1:-}
[ -f "$root/deploy/bench/$name.py" ] || fail "the benchmark is '$name': give $(find "$root/deploy/bench" -maxdepth 1 -name '*.py' -printf '%f\n' | sed 's/\.py$//' | sort | paste -sd ' ')"
cd "$root"
deploy/install.sh
tools=$root/var/tools/test
if ! cmp -s Tests/EndToEnd/requirements.txt "$tools/installed.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install -q --disable-pip-version-check -r Tests/EndToEnd/requirements.txt
    cp Tests/EndToEnd/requirements.txt "$tools/installed.txt"
fi
case $name in
    parquet) ANALYTICS_MODULES=ParquetFormat deploy/build.sh --product formats-benchmark ;;
    planning) ANALYTICS_MODULES=IcebergTable deploy/build.sh --product planning-benchmark ;;
    ack)
        dpkg -s libmicrohttpd-dev > /dev/null 2>&1 || as_root apt-get install -y -qq --no-install-recommends libmicrohttpd-dev > /dev/null
        deploy/build.sh
        ;;
    ingest) ANALYTICS_MODULES=Collector,Catalog deploy/build.sh ;;
    catalog) ANALYTICS_MODULES=Catalog deploy/build.sh --product analytics-catalog ;;
    *) deploy/build.sh ;;
esac
export PATH=$tools/bin:$PATH
exec "$tools/bin/python" "deploy/bench/$name.py" "${@:2}"
