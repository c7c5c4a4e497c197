#!/usr/bin/env python3
"""Acknowledgements per second and their latency: requests of one event over connections that are kept, every one synced to the
log before its 202; beside an empty handler of libmicrohttpd with the same generator, in the same run: with poll and as many
connections, and with epoll and 64 (its internal thread stands still with more than 128 that are active); the faster one counts.

    bench.sh ack [--connections 256] [--seconds 8] [--runs 3] [--environment NAME=VALUE]…
    bench.sh ack --beside DIRECTORY     what a request costs this collector and that of DIRECTORY, run at the same time: a busy
                                        machine slows both alike
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests" / "EndToEnd"), str(ROOT / "deploy" / "bench" / "support")]

from pairs import pairs  # noqa: E402
from suite import BINARIES, Suite  # noqa: E402

EVENT = {
    "specversion": "1.0", "id": "@" * 16, "source": "https://shop.example/web", "type": "page.view", "subject": "user-48151623",
    "time": "2026-11-21T12:00:00.000Z", "datacontenttype": "application/json",
    "data": {
        "url": "https://shop.example/products/coffee-grinder?ref=newsletter", "referrer": "https://search.example/?q=coffee+grinder",
        "title": "Coffee grinder, stainless steel", "session_id": "0b3f6c1e-8f0e-4d5d-9a55-1f8f4a1b2c3d", "viewport": [1440, 900],
        "language": "de-AT", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
        "duration_ms": 5312, "scroll_depth": 0.82, "experiments": {"checkout": "B", "search": "A"}, "logged_in": True,
    },
}


class EmptyHandler:
    """libmicrohttpd, one thread, 202 with an empty body."""

    def __init__(self, wait):
        self.wait = wait

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        program = f"{self.directory.name}/empty-handler"
        source = ROOT / "deploy" / "bench" / "support" / "empty_handler.c"
        subprocess.run(["cc", "-O2", "-o", program, source, "-lmicrohttpd"], check=True)
        self.process = subprocess.Popen([program, self.wait], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


def status(pid, field):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as line:
        fields = line.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port, body, connections, seconds, rate=None):
    command = [BINARIES / "load-generator", "--port", port, "--body", body, "--connections", connections, "--seconds", seconds, "--warm-up", 1]
    if rate:
        command += ["--rate", rate]
    run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    result = json.loads(run.stdout)
    assert set(result["statuses"]) == {"202"} and not result["connections_lost"], result
    return result


def measure_peer(wait, body, connections, seconds):
    with EmptyHandler(wait) as empty:
        rate = load(empty.port, body, connections, seconds)["requests_per_second"]
        return {"rate": rate, "processor": processor_seconds(empty.process.pid) / (rate * seconds), "with": f"{wait}, {connections} connections"}


def one_run(options, body, environment, number):
    with Suite("local", LOG_LEVEL="warn", **environment).start("catalog", "collector") as suite:
        pid = suite.collector.process.pid
        peers = [measure_peer("poll", body, options.connections, options.seconds), measure_peer("epoll", body, min(64, options.connections), options.seconds)]
        before = processor_seconds(pid)
        most = load(suite.collector.port, body, options.connections, options.seconds)
        used = processor_seconds(pid) - before
        peer = max(peers, key=lambda found: found["rate"])
        # What was accepted must not be counted in the next: it is committed meanwhile.
        suite.flush()
        # At its own events: ids of the first are remembered, and a repeated one would not be written.
        text = body.read_text().replace("https://shop.example/web", "https://shop.example/app")
        second = body.with_name("second.json")
        second.write_text(text)
        steady = load(suite.collector.port, second, options.connections, options.seconds, 0.7 * most["requests_per_second"])
        suite.flush()
        rows = int(suite.table().current_snapshot().summary["total-records"])
        return {
            "collector": most["requests_per_second"], "empty": peer["rate"], "empty_with": peer["with"], "ratio": most["requests_per_second"] / peer["rate"],
            "latency_at_most": most["latency_ms"], "latency_at_70_percent": steady["latency_ms"],
            "rate_at_70_percent": steady["requests_per_second"],
            "processor_microseconds_per_request": used / max(1, most["requests_per_second"] * options.seconds) * 1e6,
            "processor_microseconds_of_the_empty": peer["processor"] * 1e6,
            "peak_memory": status(pid, "VmHWM"), "rows": rows, "run": number,
        }


def once(options, body, environment):
    """The collector alone, as fast as it goes."""
    with Suite("local", LOG_LEVEL="warn", **environment).start("catalog", "collector") as suite:
        pid = suite.collector.process.pid
        before = processor_seconds(pid)
        result = load(suite.collector.port, body, options.connections, options.seconds)
        suite.flush()
        used = processor_seconds(pid) - before
        rows = int(suite.table().current_snapshot().summary["total-records"])
        return {"processor_microseconds_per_request": used / rows * 1e6, "peak_memory": status(pid, "VmHWM"),
                "rate": result["requests_per_second"], "p99": result["latency_ms"]["p99"]}


def beside(options):
    """Pairs of runs of this build and another one, at the same time."""
    command = [sys.executable, __file__, "--once", "--connections", str(options.connections), "--seconds", str(options.seconds)]
    for pair in options.environment:
        command += ["--environment", pair]
    print(f"{'':<12} {'µs a request':>14} {'peak MB':>10} {'requests/s':>12} {'p99 ms':>10}")
    totals = {"this build": [], "the other": []}
    for name, result in pairs(command, BINARIES, options.beside, options.runs):
        totals[name].append(result["processor_microseconds_per_request"])
        print(f"{name:<12} {totals[name][-1]:>14.1f} {result['peak_memory'] / 1e6:>10,.0f} {result['rate']:>12,.0f} {result['p99']:>10.1f}")
    ratios = [this / other for this, other in zip(*totals.values())]
    print(f"{'ratio':<12} {statistics.median(ratios):>14.3f}   median of {options.runs}, {min(ratios):.3f} to {max(ratios):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--environment", action="append", default=[])
    parser.add_argument("--beside", metavar="DIRECTORY", help="binaries of another build")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        return beside(options)
    environment = dict(pair.split("=", 1) for pair in options.environment)
    results = []
    with tempfile.TemporaryDirectory() as directory:
        body = pathlib.Path(directory) / "event.json"
        body.write_text(json.dumps(EVENT))
        if options.once:
            print(json.dumps(once(options, body, environment)))
            return
        for number in range(options.runs):
            results.append(one_run(options, body, environment, number))
            print(json.dumps(results[-1]), file=sys.stderr)
            time.sleep(1)

    def middle(*path):
        def value(result):
            for key in path:
                result = result[key]
            return result

        return statistics.median(value(result) for result in results)

    print(f"one event of {len(json.dumps(EVENT))} bytes a request, {options.connections} connections, median of {options.runs} runs of {options.seconds:g} s")
    print(f"empty libmicrohttpd handler, a second   {middle('empty'):>12,.0f}   {results[0]['empty_with']}")
    print(f"acknowledged (synced) a second          {middle('collector'):>12,.0f}")
    print(f"ratio                                   {middle('ratio'):>12.2f}")
    print(f"at most, p50 / p99 / p99.9 ms           {middle('latency_at_most', 'p50'):>12.2f} / {middle('latency_at_most', 'p99'):.2f} / {middle('latency_at_most', 'p999'):.2f}")
    print(f"at 70 %, a second                       {middle('rate_at_70_percent'):>12,.0f}")
    print(f"at 70 %, p50 / p99 / p99.9 ms           {middle('latency_at_70_percent', 'p50'):>12.2f} / {middle('latency_at_70_percent', 'p99'):.2f} / {middle('latency_at_70_percent', 'p999'):.2f}")
    print(f"processor time a request, µs            {middle('processor_microseconds_per_request'):>12.1f}   empty handler: {middle('processor_microseconds_of_the_empty'):.1f}")
    print(f"peak memory of the collector, MB        {middle('peak_memory') / 1e6:>12,.0f}")


if __name__ == "__main__":
    main()
