#!/usr/bin/env python3
"""Flushes, queries through GraphQL, compares with the counts of the source, compacts and shows what became of the files."""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

RANGE = {"start": "2013-01-01", "end": "2014-01-03"}
COUNTS = """query($range: TimeRange!, $types: [String!]) {
  analytics { eventCounts(timeRange: $range, eventTypes: $types) { eventType count uniqueUsers } }
}"""


def call(method, url, body=None, accept=(200,)):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=900) as response:
            return json.load(response)
    except urllib.error.HTTPError as refusal:
        text = refusal.read().decode(errors="replace")
        if refusal.code in accept:
            return json.loads(text)
        sys.exit(f"error: {method} {url} answered {refusal.code}: {text[:1000]}")


def graphql(api, query, **variables):
    started = time.monotonic()
    answer = call("POST", f"{api}/graphql", {"query": query, "variables": variables})
    if answer.get("errors"):
        sys.exit(f"error: the query failed: {json.dumps(answer['errors'])[:1000]}")
    return answer["data"], (time.monotonic() - started) * 1000


def megabytes(count):
    return f"{int(count) / 1e6:,.1f} MB"


def show_counts(options):
    expected = json.load(open(options.counts))
    data, elapsed = graphql(options.api, COUNTS, range=RANGE, types=sorted(expected))
    counted = {row["eventType"]: row for row in data["analytics"]["eventCounts"]}
    print(f"\n  {'type':32} {'in the source':>14} {'in the table':>14} {'unique users':>14}")
    for kind in sorted(expected):
        row = counted.get(kind, {"count": 0, "uniqueUsers": 0})
        print(f"  {kind:32} {expected[kind]:>14,} {row['count']:>14,} {row['uniqueUsers']:>14,}")
    found = {kind: counted.get(kind, {"count": 0})["count"] for kind in expected}
    if found != expected:
        sys.exit("error: the counts differ")
    print(f"  {'equal':32} {sum(expected.values()):>14,} {sum(found.values()):>14,}   answered in {elapsed:,.0f} ms")


def table(options):
    metadata = call("GET", f"{options.catalog}/v1/namespaces/analytics/tables/events")["metadata"]
    current = next(s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])
    return metadata, current


def show_files(options, title):
    metadata, current = table(options)
    summary = current["summary"]
    print(
        f"  {title}: {int(summary['total-data-files']):,} data files, {megabytes(summary.get('total-files-size', 0))},"
        f" {int(summary['total-records']):,} rows, {len(metadata['snapshots']):,} snapshots")
    return metadata, current


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("environment", "counts", "collector", "catalog", "compaction", "api", "health"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()

    started = time.monotonic()
    flushed = call("POST", f"{options.collector}/debug/flush/all")
    print(f"  flushed {flushed['flushed']:,} buffered events in {time.monotonic() - started:.1f} s")
    show_counts(options)
    print()
    _, before = show_files(options, "before compaction")

    started = time.monotonic()
    call("POST", f"{options.compaction}/compact/events?force=true&wait=true")
    elapsed = time.monotonic() - started
    metadata, after = show_files(options, f"after  compaction ({elapsed:.1f} s)")
    if after["snapshot-id"] != before["snapshot-id"]:
        show_counts(options)
        query = "query($s: ID!) { analytics { timeTravel(snapshotId: $s, query: \"SELECT count(*) AS n FROM events\") { results } } }"
        past, elapsed = graphql(options.api, query, s=str(before["snapshot-id"]))
        rows = past["analytics"]["timeTravel"]["results"][0]["n"]
        print(f"\n  time travel to the snapshot before compaction: {rows:,} rows, answered in {elapsed:,.0f} ms")
    else:
        print("  nothing to compact: every partition is one file already")

    health = call("GET", f"{options.health}/health", accept=(200, 503))
    parts = ", ".join(f"{name} {state}" for name, state in health["components"].items())
    print(f"\n  health: {health['status']} ({parts})")
    if health["status"] == "unhealthy":
        sys.exit("error: not everything is healthy")


if __name__ == "__main__":
    main()
