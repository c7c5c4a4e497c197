#!/usr/bin/env python3
"""Writing and reading Parquet beside pyarrow and DuckDB, one thread each, in one run: the event table of event_table.py,
zstd level 1, row groups of 122,880 rows (DuckDB's own size).

    bench.sh parquet [--rows 1000000] [--row-group 122880] [--runs 7]

The three take turns, and the best of the runs counts: on a shared machine noise only adds. `cpu` is the ratio of the
processor's time, which other processes disturb less.
"""

import argparse
import datetime as dt
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "deploy" / "bench" / "support"))

import event_table  # noqa: E402

PROGRAM = ROOT / ".build" / "release" / "formats-benchmark"
COLUMNS = ["type", "duration_ms"]
# 58 minutes of 24 hours: 4 % of the rows.
FROM = dt.datetime(2026, 11, 1, 11, 0, tzinfo=dt.timezone.utc)
TO = FROM + dt.timedelta(minutes=58)


class Ours:
    def __init__(self, source):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("load", source)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"formats-benchmark: {answer['error']}")
        return answer


def timed(work):
    wall, cpu = time.monotonic(), time.process_time()
    result = work()
    return {"seconds": time.monotonic() - wall, "cpu": time.process_time() - cpu, **(result or {})}


class Peers:
    def __init__(self, events, row_group):
        self.events, self.row_group = events, row_group
        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)
        self.duckdb = duckdb.connect(config={"threads": 1})
        self.duckdb.execute("SET TimeZone = 'UTC'")
        self.duckdb.execute("CREATE TABLE events AS FROM events")

    def arrow_write(self, path):
        pq.write_table(self.events, path, compression="zstd", compression_level=1, row_group_size=self.row_group)
        return {"bytes": os.path.getsize(path)}

    def duckdb_write(self, path):
        self.duckdb.execute(
            f"COPY events TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {self.row_group})")
        return {"bytes": os.path.getsize(path)}

    def arrow_read(self, path):
        return {"rows": pq.read_table(path, use_threads=False, pre_buffer=False).num_rows}

    def duckdb_read(self, path):
        return {"rows": self.duckdb.execute(f"SELECT * FROM '{path}'").to_arrow_table().num_rows}

    def arrow_filter(self, path):
        wanted = (pc.field("time") >= pa.scalar(FROM)) & (pc.field("time") < pa.scalar(TO))
        return {"rows": pq.read_table(path, columns=COLUMNS, filters=wanted, use_threads=False, pre_buffer=False).num_rows}

    def duckdb_filter(self, path):
        query = f"SELECT {', '.join(COLUMNS)} FROM '{path}' WHERE time >= '{FROM}' AND time < '{TO}'"
        return {"rows": self.duckdb.execute(query).to_arrow_table().num_rows}


def microseconds(moment):
    return int(moment.timestamp()) * 1_000_000


def measure(runs, parties):
    """Every party once a run, in turn; the best of each."""
    best = {}
    for _ in range(runs):
        for name, work in parties.items():
            answer = work()
            former = best.setdefault(name, answer)
            if answer["seconds"] < former["seconds"]:
                answer["cpu"], best[name] = min(answer["cpu"], former["cpu"]), answer
            else:
                former["cpu"] = min(answer["cpu"], former["cpu"])
    return best


def report(title, rows, memory, best):
    print(f"\n{title}")
    for name, result in best.items():
        line = f"  {name:16}{result['seconds'] * 1000:>10,.1f} ms {result['cpu'] * 1000:>10,.1f} ms cpu {rows / result['seconds']:>13,.0f} rows/s"
        if memory:
            line += f" {memory / result['seconds'] / 1e6:>8,.0f} MB/s"
        if "bytes" in result:
            line += f" {result['bytes']:>13,} bytes"
        print(line)
    ours = next(result for name, result in best.items() if name.startswith("ours"))
    for name, result in best.items():
        if result is not ours:
            line = f"  ours / {name}: speed {result['seconds'] / ours['seconds']:.2f}, cpu {result['cpu'] / ours['cpu']:.2f}"
            if "bytes" in result:
                line += f", bytes {ours['bytes'] / result['bytes']:.3f}"
            print(line)
    sys.stdout.flush()


def check_same(best):
    counts = {name: result["rows"] for name, result in best.items()}
    if len(set(counts.values())) != 1:
        raise SystemExit(f"not the same rows: {counts}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--row-group", type=int, default=122_880)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    events = event_table.table(options.rows)
    memory, size, runs = events.nbytes, options.row_group, options.runs
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/source.parquet"
        pq.write_table(events, source, compression="none", use_dictionary=False, row_group_size=size)
        ours, peers = Ours(source), Peers(events, size)
        files = {name: f"{folder}/{name}.parquet" for name in ("ours", "compact", "pyarrow", "duckdb")}
        print(f"{options.rows:,} rows, {events.num_columns} columns, {memory / 1e6:,.0f} MB; row groups of {size:,}; best of {runs} runs, one thread")
        print(f"pyarrow {pa.__version__}, DuckDB {duckdb.__version__}")
        report("write, zstd level 1", options.rows, memory, measure(runs, {
            "ours": lambda: ours.ask("write", files["ours"], "compatible", size),
            "pyarrow": lambda: timed(lambda: peers.arrow_write(files["pyarrow"])),
            "DuckDB": lambda: timed(lambda: peers.duckdb_write(files["duckdb"])),
        }))
        report("write, zstd level 1, profile compact", options.rows, memory, measure(max(1, runs // 2), {
            "ours": lambda: ours.ask("write", files["compact"], "compact", size),
            "pyarrow": lambda: timed(lambda: peers.arrow_write(files["pyarrow"])),
        }))
        for name in ("pyarrow", "ours", "compact"):
            path = files[name]
            by = {"pyarrow": "pyarrow's file", "ours": "our file", "compact": "our compact file"}[name]
            best = measure(runs, {
                "ours": lambda: ours.ask("read", path),
                "pyarrow": lambda: timed(lambda: peers.arrow_read(path)),
                "DuckDB": lambda: timed(lambda: peers.duckdb_read(path)),
            })
            check_same(best)
            report(f"read all, {by}", options.rows, memory, best)
            best = measure(runs * 3, {
                "ours": lambda: ours.ask("filter", path, "time", microseconds(FROM), microseconds(TO), *COLUMNS),
                "pyarrow": lambda: timed(lambda: peers.arrow_filter(path)),
                "DuckDB": lambda: timed(lambda: peers.duckdb_filter(path)),
            })
            check_same(best)
            chosen = best["ours"]["rows"]
            report(f"two columns of {chosen:,} rows ({chosen / options.rows:.1%}) by time, {by}", options.rows, None, best)


if __name__ == "__main__":
    main()
