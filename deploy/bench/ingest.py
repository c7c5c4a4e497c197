#!/usr/bin/env python3
"""Events per second from the first byte sent to the committed snapshot, through HTTP, with every event synced to the log
before it is acknowledged; beside DuckDB turning the same NDJSON file into zstd Parquet, in the same run.

    bench.sh ingest [--file FILE | --events 500000] [--batch 100] [--connections 4] [--runs 3] [--environment NAME=VALUE]…
    bench.sh ingest --scale 100000,1000000,10000000     cost of an event as there are more of them
    bench.sh ingest --partitions 1,10,100,1000          cost of an event, and files, as they are in more partitions
    bench.sh ingest --beside DIRECTORY                  what an event costs this collector and that of DIRECTORY, run at the same
                                                        time: a busy machine slows both alike

Without --file it is the event set the benchmarks share (`support/event_table.py`: about 670 bytes an event), made once
below var/bench; --file var/demo/flights.ndjson is the demo's. The sender is `load-generator`, which takes little of the
machine; its processor time is printed.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests" / "EndToEnd"), str(ROOT / "deploy" / "bench" / "support")]

import duckdb  # noqa: E402
from pairs import pairs  # noqa: E402
from suite import BINARIES, Suite  # noqa: E402

NDJSON = "application/x-ndjson"


def event_set(count):
    path = ROOT / "var" / "bench" / f"events-{count}.ndjson"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        script = ROOT / "deploy" / "bench" / "support" / "event_table.py"
        subprocess.run([sys.executable, script, str(count), "--ndjson", part], check=True)
        part.rename(path)
    return path


class Watch:
    """Memory and processor time of a process: memory every 50 ms while it runs."""

    def __init__(self, pid):
        self.pid, self.peak, self.resident, self.stopped = pid, 0, [], threading.Event()
        self.started = self.processor_seconds()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def status(self, name):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))

    def processor_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self):
        while not self.stopped.wait(0.05):
            self.resident.append(self.status("VmRSS"))

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return {"peak_memory": self.status("VmHWM"), "median_memory": int(statistics.median(self.resident or [0])),
                "processor_seconds": self.processor_seconds() - self.started}


def files_of_commit(table):
    """Files of one partition, at most, that one commit added; commits are at least COMMIT_INTERVAL_MS apart."""
    counts = {}
    for entry in table.inspect.entries().to_pylist():
        key = (entry["snapshot_id"], json.dumps(entry["data_file"]["partition"], default=str))
        counts[key] = counts.get(key, 0) + 1
    return max(counts.values(), default=0)


def ours(arguments, total, connections, environment):
    with Suite("local", LOG_LEVEL="warn", **environment).start("catalog", "collector") as suite:
        watch = Watch(suite.collector.process.pid)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        port = suite.collector.url.rsplit(":", 1)[1]
        sent = subprocess.run(
            [BINARIES / "load-generator", "--port", port, "--connections", str(connections), "--content-type", NDJSON]
            + arguments, check=True, capture_output=True, text=True)
        acknowledged = time.monotonic() - started
        sender = json.loads(sent.stdout)
        assert list(sender["statuses"]) == ["202"] and not sender["connections_lost"], sender
        suite.flush()
        committed = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        use = watch.stop()
        table = suite.table()
        summary = table.current_snapshot().summary
        assert int(summary["total-records"]) == total, summary
        return {
            "events": total,
            "acknowledged_per_second": total / acknowledged,
            "committed_per_second": total / committed,
            "flush_seconds": committed - acknowledged,
            "commits": len(table.metadata.snapshots),
            "data_files": int(summary["total-data-files"]),
            "files_per_partition_and_commit": files_of_commit(table),
            "seconds": committed,
            "bytes_written": int(summary["total-files-size"]),
            "collector": use,
            "sender_processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "latency_ms": sender["latency_ms"],
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


def line(name, *values):
    print(f"{name:<36}" + "".join(f" {value:>15}" for value in values))


def against_peer(options, environment):
    path = pathlib.Path(options.file) if options.file else event_set(options.events)
    with open(path, "rb") as lines:
        total = sum(1 for _ in lines)
    arguments = ["--ndjson", str(path), "--batch", str(options.batch)]
    results = []
    # In turn, so that a machine whose speed drifts slows both.
    for _ in range(options.runs):
        mine = ours(arguments, total, options.connections, environment)
        theirs = peer(path, total)
        mine["ratio"] = mine["committed_per_second"] / theirs["events_per_second"]
        results.append({"ours": mine, "duckdb": theirs})
        print(json.dumps(results[-1]), file=sys.stderr)

    def middle(key, who="ours"):
        values = [result[who] for result in results]
        for part in key.split("/"):
            values = [value[part] for value in values]
        return statistics.median(values)

    line("events", f"{total:,}", f"in requests of {options.batch}, {options.connections} connections, median of {options.runs}")
    line("acknowledged (synced) a second", f"{middle('acknowledged_per_second'):,.0f}")
    line("committed a second", f"{middle('committed_per_second'):,.0f}")
    line("DuckDB NDJSON to zstd Parquet", f"{middle('events_per_second', 'duckdb'):,.0f}", f"{duckdb.__version__}, 2 threads")
    line("ratio committed / DuckDB", f"{middle('ratio'):.2f}")
    line("processor s, collector / sender", f"{middle('collector/processor_seconds'):.2f}", f"{middle('sender_processor_seconds'):.2f}")
    line("memory of the collector, peak", f"{middle('collector/peak_memory') / 1e6:,.0f} MB", f"median {middle('collector/median_memory') / 1e6:,.0f} MB")
    line("commits, data files", f"{middle('commits'):,.0f}", f"{middle('data_files'):,.0f}")
    line("files a partition and commit", f"{middle('files_per_partition_and_commit'):,.0f}", f"in {middle('seconds'):.1f} s")
    line("bytes written, ours / DuckDB", f"{middle('bytes_written'):,.0f}", f"{middle('bytes_written', 'duckdb'):,.0f}")


def beside(options, environment):
    """Pairs of runs of this build and another one, at the same time."""
    path = pathlib.Path(options.file) if options.file else event_set(options.events)
    command = [sys.executable, __file__, "--once", "--file", str(path), "--batch", str(options.batch), "--connections", str(options.connections)]
    for name, value in environment.items():
        command += ["--environment", f"{name}={value}"]
    line("", "µs an event", "peak MB", "events/s")
    for name, result in pairs(command, BINARIES, options.beside, options.runs):
        line(name, f"{result['collector']['processor_seconds'] / result['events'] * 1e6:.2f}",
             f"{result['collector']['peak_memory'] / 1e6:,.0f}", f"{result['committed_per_second']:,.0f}")


def once(options, environment):
    with open(options.file, "rb") as lines:
        total = sum(1 for _ in lines)
    print(json.dumps(ours(["--ndjson", options.file, "--batch", str(options.batch)], total, options.connections, environment)))


def template(directory):
    """A hundred events of the shared set as a body that is sent again and again, its ids made new by the sender."""
    path = pathlib.Path(directory) / "template.ndjson"
    with open(event_set(100_000), "rb") as lines, open(path, "w") as out:
        for number, text in zip(range(100), lines):
            event = json.loads(text)
            event["id"] = f"{number}-" + "@" * 16
            out.write(json.dumps(event, separators=(",", ":")) + "\n")
    return path


def scale(options, environment):
    line("events", "µs an event", "events/s", "peak MB", "files", "flush s")
    with tempfile.TemporaryDirectory() as directory:
        body = template(directory)
        for count in options.scale:
            result = ours(["--body", str(body), "--requests", str(count // 100)], count // 100 * 100, options.connections, environment)
            line(f"{result['events']:,}", f"{result['collector']['processor_seconds'] / result['events'] * 1e6:.2f}",
                 f"{result['committed_per_second']:,.0f}", f"{result['collector']['peak_memory'] / 1e6:,.0f}",
                 f"{result['data_files']:,}", f"{result['flush_seconds']:.2f}")


def partitions(options, environment):
    """The same events spread over more and more types."""
    line("partitions", "µs an event", "events/s", "peak MB", "files", "flush s")
    source = event_set(100_000)
    for count in options.partitions:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "events.ndjson"
            with open(source) as lines, open(path, "w") as out:
                for number, text in enumerate(lines):
                    event = json.loads(text)
                    event["type"], event["time"] = f"type.{number % count}", "2026-11-01T12:00:00Z"
                    out.write(json.dumps(event, separators=(",", ":")) + "\n")
            more = {"COMMIT_INTERVAL_MS": "60000", "ICEBERG_BUFFER_TIMEOUT_MS": "60000"} | environment
            if count > 1000:
                more = {"MAX_OPEN_PARTITIONS": "100000"} | more
            result = ours(["--ndjson", str(path), "--batch", "100"], 100_000, options.connections, more)
            line(f"{count:,}", f"{result['collector']['processor_seconds'] / result['events'] * 1e6:.2f}",
                 f"{result['committed_per_second']:,.0f}", f"{result['collector']['peak_memory'] / 1e6:,.0f}",
                 f"{result['data_files']:,}", f"{result['flush_seconds']:.2f}")


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", help="NDJSON of CloudEvents instead of the shared set")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--environment", action="append", default=[])
    parser.add_argument("--scale", type=numbers)
    parser.add_argument("--partitions", type=numbers)
    parser.add_argument("--beside", metavar="DIRECTORY", help="binaries of another build")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    environment = dict(pair.split("=", 1) for pair in options.environment)
    if options.once:
        return once(options, environment)
    if options.beside:
        return beside(options, environment)
    if options.scale:
        scale(options, environment)
    if options.partitions:
        partitions(options, environment)
    if not options.scale and not options.partitions:
        against_peer(options, environment)


if __name__ == "__main__":
    main()
