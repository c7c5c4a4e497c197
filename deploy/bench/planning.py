#!/usr/bin/env python3
"""Planning scans beside PyIceberg, on the same tables in the same run: everything, and one type in one hour.

    bench.sh planning [--runs 5] [--large-commits 5000]

The tables have 22 columns with all their counts and bounds, partitions by type and hour, and metadata only: planning
opens no data file. One is left as its 500 commits made it; in the others manifests are merged as they gather. Planning
takes turns, and the best of the runs counts: on a shared machine noise only adds. `cold` has read nothing of the table but
its metadata file; `warm` has planned the same before. PyIceberg keeps no manifests in memory.
"""

import argparse
import datetime as dt
import json
import pathlib
import subprocess
import tempfile
import time

import pyiceberg
import pyiceberg.manifest
from pyiceberg.table import StaticTable

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".build" / "release" / "planning-benchmark"


def program(*arguments):
    return json.loads(subprocess.run([PROGRAM, *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout)


def filter_of(answer):
    start = dt.datetime.fromtimestamp(answer["hour"] * 3600, dt.timezone.utc)
    end = start + dt.timedelta(hours=1)
    return f"type = '{answer['type']}' AND time >= '{start.isoformat()}' AND time < '{end.isoformat()}'"


def peer(table, row_filter):
    pyiceberg.manifest.clear_manifest_cache()
    scan = table.scan(row_filter=row_filter) if row_filter else table.scan()
    started = time.monotonic()
    files = len(list(scan.plan_files()))
    return files, (time.monotonic() - started) * 1000


def compare(directory, commits, files, merges, runs):
    root = pathlib.Path(directory) / f"{commits}-{files}-{merges}"
    root.mkdir()
    built = program("build", root, commits, files, merges)
    table = StaticTable.from_metadata(built["metadata"])
    best = {}
    for _ in range(runs):
        ours = program("plan", root, built["metadata"], 3)
        for kind, row_filter in [("all", None), ("filter", filter_of(ours))]:
            count, milliseconds = peer(table, row_filter)
            assert count == ours[kind]["files"], (kind, count, ours[kind])
            row = best.setdefault(kind, {"files": count, "cold": 1e9, "warm": 1e9, "pyiceberg": 1e9})
            row["cold"] = min(row["cold"], ours[kind]["cold_min_ms"])
            row["warm"] = min(row["warm"], ours[kind]["warm_min_ms"])
            row["pyiceberg"] = min(row["pyiceberg"], milliseconds)
    return built, best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--large-commits", type=int, default=5000)
    options = parser.parse_args()
    print(f"PyIceberg {pyiceberg.__version__}; best of {options.runs} runs; milliseconds")
    print("| table | scan | files | cold | warm | PyIceberg | ratio cold | ratio warm |")
    print("|---|---|---|---|---|---|---|---|")
    commits = []
    with tempfile.TemporaryDirectory() as directory:
        for count, files, merges in [(500, 8, "off"), (500, 8, "on"), (options.large_commits, 1, "on")]:
            built, best = compare(directory, count, files, merges, options.runs)
            name = f"{count} commits, {built['manifests']} manifests"
            for kind, row in best.items():
                print(
                    f"| {name} | {kind} | {row['files']} | {row['cold']:.1f} | {row['warm']:.1f} | {row['pyiceberg']:.0f} "
                    f"| {row['pyiceberg'] / row['cold']:.0f} | {row['pyiceberg'] / row['warm']:.0f} |", flush=True)
            commits.append((name, built))
    print("\nPreparing a commit (manifests and list encoded, nothing stored), milliseconds:")
    for name, built in commits:
        print(
            f"{name}: median of the first 100 {built['prepare_first_ms']:.2f}, of the last 100 "
            f"{built['prepare_last_ms']:.2f}; mean {built['prepare_mean_ms']:.2f}, longest {built['prepare_max_ms']:.1f}")


if __name__ == "__main__":
    main()
