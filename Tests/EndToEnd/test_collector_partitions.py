"""Many types, one that is hot beside thousands that are not, late events and events of the future."""

import collections
import datetime
import json
import time

import duckdb
from conftest import LONG
from suite import Suite, wait_until
from support.ledger import FIRST_HOUR, Ledger, event, judge
from support.prometheus import scrape
from support.senders import Sender

TABLE = {"table": "analytics.events"}


def send(suite, events, ledger=None):
    if ledger:
        ledger.pending([(e["source"], e["id"]) for e in events])
    answer = suite.send(events)
    assert answer.status == 202 and answer.json["rejected"] == [], answer
    if ledger:
        ledger.acked([(e["source"], e["id"]) for e in events])


def peak_memory(worker):
    with open(f"/proc/{worker.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@LONG
def test_ten_thousand_types_at_once():
    """Each type is a partition, and so a file of its own; what that costs is bounded."""
    with Suite(ICEBERG_BUFFER_TIMEOUT_MS="500", LOG_LEVEL="warn").start("catalog", "collector") as suite:
        ledger = Ledger(suite.directory)
        started = time.monotonic()
        for at in range(0, 10_000, 1000):
            send(suite, [event("/wide", n, type=f"wide.{n}", time=FIRST_HOUR) for n in range(at, at + 1000)], ledger)
            assert scrape(suite.collector)("collector_buffers", **TABLE) <= 9000  # 4,000 open, as many being committed
        wait_until(lambda: scrape(suite.collector)("collector_uncommitted_records", **TABLE) == 0, "everything committed", 300)
        found = scrape(suite.collector)
        assert peak_memory(suite.collector) < 300e6
        assert len(found.values) < 400
        drained = time.monotonic() - started
        table = suite.table()
        paths = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
        rows = duckdb.sql(f"SELECT source, id, type, subject, data FROM read_parquet({paths}, hive_partitioning=false)").to_arrow_table().to_pylist()
        figures = judge(table, ledger, complete=True, rows=rows)
        assert len({row["type"] for row in rows}) == len(rows) == 10_000
        print(figures, {"commits": found("collector_commits_total", outcome="committed", **TABLE), "in the table after": round(drained, 1),
                        "peak MB": peak_memory(suite.collector) // 1e6})
        assert found("collector_commits_total", outcome="committed", **TABLE) <= 40


def test_cold_types_do_not_wait_behind_a_hot_one():
    """A hot type fills batch after batch; thousands of cold ones are as old in the table as their own age allows."""
    with Suite(ICEBERG_BUFFER_TIMEOUT_MS="2000", BUFFER_MEMORY_BYTES=str(16 << 20), LOG_LEVEL="warn").start("catalog", "collector") as suite:
        ledger = Ledger(suite.directory)
        hot = [Sender(suite.collector.url, ledger, f"/hot/{n}", batch=500, pause=0, types=lambda _: "hot", padding=200) for n in range(2)]
        for sender in hot:
            sender.start()
        wait_until(lambda: ledger.sizes()[1] > 5000, "a hot stream")
        worst = 0
        for round in range(2):
            started = time.monotonic()
            send(suite, [event(f"/cold/{round}", n, type=f"cold.{n}", time=FIRST_HOUR) for n in range(2000)], ledger)
        
            def visible():
                return suite.table().scan(row_filter="type == 'cold.7'", selected_fields=("id",)).to_arrow().num_rows == round + 1

            wait_until(visible, "a cold event in the table", 90)
            worst = max(worst, time.monotonic() - started)
        for sender in hot:
            sender.finish()
        wait_until(lambda: scrape(suite.collector)("collector_uncommitted_records", **TABLE) == 0, "everything committed", 120)
        figures = judge(suite.table(), ledger, complete=True)
        print(figures, {"a cold event was visible after": round_up(worst)})
        assert worst < 45, "a cold type waits behind the hot one"


def round_up(seconds):
    return f"{seconds:.1f} s"


def test_late_and_future_events_go_to_partitions_of_their_own_time():
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    moments = {
        "now": now, "yesterday": now - datetime.timedelta(days=1), "last week": now - datetime.timedelta(days=8),
        "ten days": now - datetime.timedelta(days=10), "last quarter": now - datetime.timedelta(days=90),
        "last century": datetime.datetime(1969, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc), "epoch": datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc),
        "tomorrow": now + datetime.timedelta(days=1), "next century": datetime.datetime(2101, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc),
    }
    with Suite(ICEBERG_BUFFER_TIMEOUT_MS="200", LOG_LEVEL="warn").start("catalog", "collector") as suite:
        events = [
            {"specversion": "1.0", "id": name, "source": "/times", "type": "t", "time": at.isoformat(), "data": {"name": name}}
            for name, at in moments.items()
        ]
        send(suite, events)
        suite.flush()
        table = suite.table()
        rows = table.scan(selected_fields=("id", "time", "year", "month", "day", "hour", "data")).to_arrow().to_pylist()
        assert {row["id"]: row["time"] for row in rows} == moments
        for row in rows:
            at = moments[row["id"]]
            assert (row["year"], row["month"], row["day"], row["hour"]) == (at.year, at.month, at.day, at.hour)
            assert json.loads(row["data"]) == {"name": row["id"]}
        # What is old is in few large partitions, what is young in those of an hour.
        for name, at in moments.items():
            found = table.scan(row_filter=f"time == '{at.isoformat()}'", selected_fields=("id",)).to_arrow()["id"].to_pylist()
            assert found == [name]
        files = {file["file_path"]: file["spec_id"] for file in table.inspect.files().to_pylist()}
        # A second batch of late events joins the same partitions.
        send(suite, [{**e, "id": e["id"] + " again"} for e in events])
        suite.flush()
        specs = collections.Counter(file["spec_id"] for file in suite.table().inspect.files().to_pylist())
        assert len(specs) == 3 and sum(specs.values()) == 2 * len(files), (specs, files)
