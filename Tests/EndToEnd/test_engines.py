"""Every engine reads what the collector wrote, and writes beside it."""

import datetime
import json
import subprocess
import sys
import threading

import pyarrow
from conftest import count_by_type
from suite import ACCESS_KEY, SECRET_KEY, Suite


def batches(lines, size=1000):
    return [lines[at : at + size] for at in range(0, len(lines), size)]


def send_all(suite, lines):
    for batch in batches(lines):
        answer = suite.send(batch)
        assert answer.status == 202, answer
        assert answer.json["rejected"] == []


CHDB = """
import json, sys
from chdb import session
s = session.Session()
for statement in json.load(sys.stdin):
    last = s.query(statement, "JSONCompact")
print(json.dumps({row[0]: int(row[1]) for row in json.loads(str(last))["data"]}))
"""


def clickhouse_counts(suite):
    """Counts by type as ClickHouse reads them, in a process of its own (chDB keeps global state)."""
    if suite.store == "s3":
        statements = [
            "SET allow_experimental_database_iceberg=1",
            f"CREATE DATABASE lake ENGINE=DataLakeCatalog('{suite.catalog.url}/v1','{ACCESS_KEY}','{SECRET_KEY}') SETTINGS"
            # With vended credentials it puts the bucket into the path twice.
            " catalog_type='rest', warehouse='analytics', vended_credentials=false,"
            f" storage_endpoint='{suite.seaweed.endpoint}/analytics-source'",
            "SELECT type, count() FROM lake.`analytics.events` GROUP BY type",
        ]
    else:
        # ClickHouse cannot follow a catalog to local files: it reads the table by its path.
        path = suite.table().location().removeprefix("file://")
        statements = [f"SELECT type, count() FROM icebergLocal('{path}/') GROUP BY type"]
    run = subprocess.run(
        [sys.executable, "-c", CHDB], input=json.dumps(statements), capture_output=True, text=True, timeout=300,
        # It reads local files only below the directory it runs in.
        cwd=suite.directory)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.strip().splitlines()[-1])


def test_every_engine_counts_the_same(store, flights):
    lines = flights[:20_000]
    expected = count_by_type(lines)
    with Suite(store).start("catalog", "collector", "api") as suite:
        send_all(suite, lines)
        suite.flush()
        assert suite.counts() == expected
        ours = suite.graphql(
            """{ analytics { eventCounts(timeRange: {start: "2013-01-01", end: "2014-01-02"}) { eventType count uniqueUsers } } }"""
        )["analytics"]["eventCounts"]
        assert {row["eventType"]: row["count"] for row in ours} == expected
        subjects = {}
        for line in lines:
            event = json.loads(line)
            subjects.setdefault(event["type"], set()).add(event["subject"])
        assert {row["eventType"]: row["uniqueUsers"] for row in ours} == {k: len(v) for k, v in subjects.items()}

        table = suite.arrow(("type", "id"))
        grouped = table.group_by("type").aggregate([("id", "count")]).to_pylist()
        assert {row["type"]: row["id_count"] for row in grouped} == expected

        rows = suite.duckdb().execute("SELECT type, count(*) FROM lake.analytics.events GROUP BY type").fetchall()
        assert dict(rows) == expected

        assert clickhouse_counts(suite) == expected


def test_the_content_of_an_event_is_what_was_sent(store):
    event = {
        "specversion": "1.0", "type": "order.placed", "source": "/shop/ü", "id": "ö-1", "subject": "customer 7",
        "time": "2024-01-15T14:30:00.123456+02:00", "datacontenttype": "application/json",
        "dataschema": "https://example.com/order", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "priority": 7, "urgent": True, "data": {"total": 12.50, "items": [1, {"x": None}], "note": "a \"quoted\" 🦊"},
    }
    with Suite(store).start("catalog", "collector") as suite:
        assert suite.send([event]).json["accepted"] == 1
        suite.flush()
        row = suite.table().scan().to_arrow().to_pylist()[0]
    assert json.loads(row["data"]) == event["data"]
    moment = datetime.datetime(2024, 1, 15, 12, 30, 0, 123456, tzinfo=datetime.timezone.utc)
    assert row["time"] == moment
    assert (row["year"], row["month"], row["day"], row["hour"]) == (2024, 1, 15, 12)
    extensions = dict(row["extensions"])
    assert extensions.pop("useragent").startswith("Python-urllib/")
    assert extensions == {"traceparent": event["traceparent"], "priority": "7", "urgent": "true"}
    for name in ("type", "source", "id", "subject", "datacontenttype", "dataschema", "specversion"):
        assert row[name] == event[name]
    assert row["received_at"] > moment


def foreign_rows(schema, writer, number, count):
    """Rows as another writer of the table would make them."""
    moment = datetime.datetime(2024, 3, 1, number % 24, 15, tzinfo=datetime.timezone.utc)
    rows = []
    for index in range(count):
        row = {name: None for name in schema.names}
        row |= {
            "id": f"{writer}-{number}-{index}", "type": f"written.by.{writer}", "source": f"/{writer}", "specversion": "1.0",
            "time": moment, "year": 2024, "month": 3, "day": 1, "hour": moment.hour, "received_at": moment,
        }
        rows.append(row)
    return pyarrow.Table.from_pylist(rows, schema=schema)


def test_other_writers_append_while_the_collector_runs(store, flights):
    lines = flights[:15_000]
    rounds, rows = 5, 20
    with Suite(store).start("catalog", "collector", "api") as suite:
        send_all(suite, lines[:1000])
        suite.flush()
        failures = []

        def collect():
            try:
                for batch in batches(lines[1000:], 500):
                    answer = suite.send(batch)
                    assert answer.status == 202, answer
                    if len(batch) == 500:
                        suite.flush()
            except BaseException as error:
                failures.append(error)

        collector = threading.Thread(target=collect)
        collector.start()
        appended = {"pyiceberg": 0, "duckdb": 0}
        schema = suite.table().schema().as_arrow()
        for number in range(rounds):
            for attempt in range(20):
                try:
                    suite.table().append(foreign_rows(schema, "pyiceberg", number, rows))
                    appended["pyiceberg"] += rows
                    break
                except Exception as error:
                    if "CommitFailed" not in type(error).__name__:
                        raise
            for attempt in range(20):
                try:
                    connection = suite.duckdb()
                    source = foreign_rows(schema, "duckdb", number, rows)
                    connection.register("source_rows", source)
                    connection.execute("INSERT INTO lake.analytics.events SELECT * FROM source_rows")
                    appended["duckdb"] += rows
                    break
                except Exception as error:
                    if "onflict" not in str(error) and "ommit" not in str(error):
                        raise
        collector.join()
        assert failures == []
        suite.flush()
        expected = count_by_type(lines)
        expected |= {f"written.by.{writer}": count for writer, count in appended.items() if count}
        assert appended == {"pyiceberg": rounds * rows, "duckdb": rounds * rows}
        assert suite.counts() == expected
        ids = suite.arrow(("source", "id")).to_pylist()
        assert len(ids) == len({(row["source"], row["id"]) for row in ids}) == sum(expected.values())
