#!/usr/bin/env python3
"""Events per second from the first byte sent to the committed snapshot, through HTTP, with every event synced to the log
before it is acknowledged; beside DuckDB turning the same NDJSON file into zstd Parquet, in the same run.

    bench.sh ingest [--file FILE] [--batch 100] [--connections 4] [--runs 3] [--environment NAME=VALUE]…
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests" / "EndToEnd"), str(ROOT / "deploy" / "demo")]

import duckdb  # noqa: E402
import send  # noqa: E402
from suite import Suite  # noqa: E402


def peak_memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def ours(path, batch, connections, environment):
    bodies = []
    with open(path, "rb") as lines:
        while group := [line for _, line in zip(range(batch), lines)]:
            bodies.append((len(group), b"".join(group)))
    total = sum(count for count, _ in bodies)
    with Suite("local", LOG_LEVEL="warn", **environment).start("catalog", "collector") as suite:
        client = send.Sender(suite.collector.url, None, os.path.getsize(path))
        queue, lock = iter(bodies), threading.Lock()

        def work():
            connection = client.connect()
            while True:
                with lock:
                    count, body = next(queue, (0, None))
                if body is None:
                    return connection.close()
                connection, answer = client.post(connection, body)
                assert answer["accepted"] == count, answer

        threads = [threading.Thread(target=work) for _ in range(connections)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        acknowledged = time.monotonic() - started
        suite.flush()
        committed = time.monotonic() - started
        table = suite.table()
        summary = table.current_snapshot().summary
        assert int(summary["total-records"]) == total, summary
        return {
            "events": total,
            "acknowledged_per_second": total / acknowledged,
            "committed_per_second": total / committed,
            "commits": len(table.metadata.snapshots),
            "data_files": int(summary["total-data-files"]),
            "bytes_written": int(summary["total-files-size"]),
            "collector_peak_memory": peak_memory(suite.collector.process.pid),
            "catalog_peak_memory": peak_memory(suite.catalog.process.pid),
        }


def peer(path, total):
    with tempfile.TemporaryDirectory() as directory:
        connection = duckdb.connect(config={"threads": 2})
        started = time.monotonic()
        connection.execute(
            f"COPY (SELECT * FROM read_json('{path}', format='newline_delimited', columns={{specversion:'VARCHAR', type:'VARCHAR',"
            " source:'VARCHAR', id:'VARCHAR', subject:'VARCHAR', time:'TIMESTAMPTZ', datacontenttype:'VARCHAR', data:'JSON'}))"
            f" TO '{directory}/events.parquet' (FORMAT parquet, COMPRESSION zstd)")
        elapsed = time.monotonic() - started
        return {"events_per_second": total / elapsed, "bytes_written": os.path.getsize(f"{directory}/events.parquet")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", default=str(ROOT / "var" / "demo" / "flights.ndjson"))
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--environment", action="append", default=[])
    options = parser.parse_args()
    environment = dict(pair.split("=", 1) for pair in options.environment)
    results = []
    # In turn, so that a machine whose speed drifts slows both.
    for _ in range(options.runs):
        mine = ours(options.file, options.batch, options.connections, environment)
        theirs = peer(options.file, mine["events"])
        mine["ratio"] = mine["committed_per_second"] / theirs["events_per_second"]
        results.append({"ours": mine, "duckdb": theirs})
        print(json.dumps(results[-1]), file=sys.stderr)
    middle = lambda key, who: statistics.median(result[who][key] for result in results)
    print(f"events                              {results[0]['ours']['events']:>14,}   in requests of {options.batch}, {options.connections} connections, median of {options.runs}")
    print(f"acknowledged (synced) a second      {middle('acknowledged_per_second', 'ours'):>14,.0f}")
    print(f"committed a second                  {middle('committed_per_second', 'ours'):>14,.0f}")
    print(f"DuckDB NDJSON to zstd Parquet       {middle('events_per_second', 'duckdb'):>14,.0f}   {duckdb.__version__}, 2 threads")
    print(f"ratio committed / DuckDB            {middle('ratio', 'ours'):>14.2f}")
    print(f"bytes written, ours / DuckDB        {middle('bytes_written', 'ours'):>14,.0f} / {middle('bytes_written', 'duckdb'):,.0f}")
    print(f"commits, data files                 {middle('commits', 'ours'):>14,.0f} , {middle('data_files', 'ours'):,.0f}")
    print(f"peak memory, collector / catalog    {middle('collector_peak_memory', 'ours') / 1e6:>11,.0f} MB / {middle('catalog_peak_memory', 'ours') / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
