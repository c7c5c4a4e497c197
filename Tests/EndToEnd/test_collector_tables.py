"""The collector on catalogs and tables that are not this suite's: SeaweedFS's Iceberg catalog, tables of other shapes made by
other engines, and what it refuses."""

import json
import os
import subprocess
import threading
import time

import pyarrow
import pytest
from suite import ACCESS_KEY, SECRET_KEY, Suite, call, free_port, wait_until

SETTINGS = {"ICEBERG_BUFFER_TIMEOUT_MS": "200", "COMMIT_INTERVAL_MS": "100", "MAX_RETRIES": "3", "RETRY_BASE_DELAY_MS": "50"}
EVENTS = [
    {
        "specversion": "1.0", "id": f"{n}", "source": "/shop", "type": f"order.{n % 3}", "time": f"2024-01-1{n % 5}T0{n % 10}:30:00Z",
        "data": {
            "price": n / 4, "count": n, "paid": n % 2 == 0, "note": f"n\u00fc{n}", "day": "2024-02-29", "at": "2024-01-15T14:30:00+01:00",
            "tags": ["a", f"b{n}"], "nested": {"k": [n]}, "big": 2**40 + n, "amount": f"{n}.25",
            "session": f"0190a8e5-7c00-7000-8000-{n:012d}",
        },
    }
    for n in range(60)
]


class Lakehouse:
    """SeaweedFS with its own Iceberg REST catalog over a table bucket."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        (self.directory / "data").mkdir(parents=True)
        configuration = self.directory / "s3.json"
        identity = {
            "name": "admin", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        configuration.write_text(json.dumps({"identities": [identity]}))
        names = ("master", "volume", "filer", "s3")
        ports = {f"{name}.port{kind}": free_port() for name in names for kind in ("", ".grpc")}
        ports["s3.port.iceberg"] = free_port()
        self.log = open(self.directory / "seaweed.log", "ab")
        self.process = subprocess.Popen(
            [os.environ.get("SEAWEEDFS_BINARY", "weed"), f"-logdir={self.directory}", "mini", f"-dir={self.directory}/data", "-ip=127.0.0.1",
             "-ip.bind=127.0.0.1", "-master.telemetry=false", f"-s3.config={configuration}", "-webdav=false", "-admin.ui=false",
             "-s3.port.lance=0", "-bucket=analytics-source", "-tableBucket=warehouse", *(f"-{name}={port}" for name, port in ports.items())],
            stdout=self.log, stderr=self.log, cwd=self.directory)
        self.endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        self.catalog = f"http://127.0.0.1:{ports['s3.port.iceberg']}"
        wait_until(self.is_ready, "SeaweedFS with its catalog", 60)
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"SeaweedFS ended: see {self.directory}"
        try:
            return call("GET", f"{self.catalog}/v1/config?warehouse=warehouse").json["overrides"] == {"prefix": "warehouse"}
        except Exception:
            return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def pyiceberg(self):
        from pyiceberg.catalog import load_catalog

        return load_catalog(
            "seaweed", type="rest", uri=self.catalog, warehouse="warehouse", credential=f"{ACCESS_KEY}:{SECRET_KEY}",
            **{"oauth2-server-uri": f"{self.catalog}/v1/oauth/tokens", "s3.endpoint": self.endpoint, "s3.access-key-id": ACCESS_KEY,
               "s3.secret-access-key": SECRET_KEY, "s3.region": "us-east-1"})


def test_another_catalog_with_tokens_prefix_and_places_of_its_own(tmp_path):
    with Lakehouse(tmp_path / "seaweed") as lakehouse:
        settings = SETTINGS | {
            "OBJECT_STORE": "s3", "R2_ENDPOINT": lakehouse.endpoint, "R2_ACCESS_KEY_ID": ACCESS_KEY, "R2_SECRET_ACCESS_KEY": SECRET_KEY,
            "R2_REGION": "us-east-1", "R2_CATALOG_ENDPOINT": lakehouse.catalog, "R2_CATALOG_WAREHOUSE": "warehouse",
            "R2_CATALOG_AUTH_TOKEN": f"{ACCESS_KEY}:{SECRET_KEY}",
        }
        with Suite("local") as suite:
            suite.collector.own = settings
            suite.start("collector")
            for start in range(0, 60, 20):
                assert suite.send(EVENTS[start : start + 20]).status == 202
                suite.flush()
            suite.collector.kill()
            # What comes after a crash goes on from the watermark in the table.
            suite.start("collector")
            assert suite.send([EVENTS[0] | {"id": "after"}, EVENTS[1]]).status == 202
            suite.flush()
            table = lakehouse.pyiceberg().load_table("analytics.events")
            rows = table.scan().to_arrow()
            assert sorted(rows["id"].to_pylist()) == sorted([e["id"] for e in EVENTS] + ["after"])
            assert table.metadata.location.startswith("s3://warehouse/")
            by_id = {row["id"]: row for row in rows.to_pylist()}
            assert all(json.loads(by_id[e["id"]]["data"]) == e["data"] for e in EVENTS)


def test_credentials_and_tokens_that_the_catalog_gives_out():
    """A collector without any access to the object store of its own."""
    with Suite("s3", CATALOG_CLIENTS="collector:a secret/with:colons", **SETTINGS).start("catalog") as suite:
        suite.collector.own = {
            "OBJECT_STORE": f"file://{suite.directory}/elsewhere", "R2_ACCESS_KEY_ID": "nobody", "R2_SECRET_ACCESS_KEY": "nothing",
            "R2_CATALOG_ENDPOINT": f"{suite.catalog.url}/v1/", "R2_CATALOG_WAREHOUSE": "analytics",
            "R2_CATALOG_AUTH_TOKEN": "collector:a secret/with:colons",
        }
        suite.start("collector")
        assert suite.send(EVENTS).status == 202
        files = suite.flush()["files"]
        assert files and all(name.startswith("s3://analytics-source/") for name in files)
        answer = call("POST", f"{suite.catalog.url}/v1/oauth/tokens",
                      b"grant_type=client_credentials&client_id=collector&client_secret=a%20secret/with:colons&scope=catalog",
                      {"Content-Type": "application/x-www-form-urlencoded"})
        from pyiceberg.catalog import load_catalog

        catalog = load_catalog("analytics", type="rest", uri=suite.catalog.url, warehouse="analytics", token=answer.json["access_token"])
        rows = catalog.load_table("analytics.events").scan().to_arrow()
        assert sorted(rows["id"].to_pylist()) == sorted(e["id"] for e in EVENTS)
        assert "nobody" not in suite.collector.log() and "secret/with" not in suite.collector.log()


def create(suite, name, schema, spec=None, **properties):
    catalog = suite.pyiceberg()
    catalog.create_namespace_if_not_exists(name.split(".")[0])
    arguments = {"partition_spec": spec} if spec else {}
    return catalog.create_table(name, schema=schema, properties=properties, **arguments)


def five():
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField, StringType, TimestampType

    kinds = {"event_id": StringType(), "timestamp": TimestampType(), "type": StringType(), "source": StringType(), "data": StringType()}
    return Schema(*(NestedField(1 + at, name, kind, required=name != "data") for at, (name, kind) in enumerate(kinds.items())))


@pytest.mark.parametrize("partition", ["none", "day", "bucket"])
def test_the_five_columns_of_another_project(partition):
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
    from pyiceberg.transforms import BucketTransform, DayTransform

    spec = {
        "none": UNPARTITIONED_PARTITION_SPEC,
        "day": PartitionSpec(PartitionField(2, 1000, DayTransform(), "event_day")),
        "bucket": PartitionSpec(PartitionField(3, 1000, BucketTransform(4), "type_bucket")),
    }[partition]
    with Suite("local", ICEBERG_NAMESPACE="default", **SETTINGS).start("catalog") as suite:
        create(suite, "default.events", five(), spec)
        suite.start("collector")
        assert suite.send(EVENTS).status == 202
        suite.flush()
        rows = suite.pyiceberg().load_table("default.events").scan().to_arrow().to_pylist()
        assert {r["event_id"]: json.loads(r["data"]) for r in rows} == {e["id"]: e["data"] for e in EVENTS}
        assert all(r["timestamp"].isoformat() == e["time"][:-1] for r in rows for e in EVENTS if e["id"] == r["event_id"])
        duckdb = suite.duckdb()
        assert duckdb.execute("SELECT count(*), count(DISTINCT event_id), min(type) FROM lake.default.events").fetchone() == (60, 60, "order.0")
        day = duckdb.execute("SELECT count(*) FROM lake.default.events WHERE timestamp >= '2024-01-12' AND timestamp < '2024-01-13'").fetchone()[0]
        assert day == sum(e["time"].startswith("2024-01-12") for e in EVENTS)


@pytest.mark.parametrize("version", ["2", "3"])
def test_columns_of_every_type_are_taken_from_data(version):
    from pyiceberg.schema import Schema
    from pyiceberg.types import (
        BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, ListType, LongType, NestedField, StringType, StructType,
        TimestampType, TimestamptzType, UUIDType)

    columns = {
        "price": DoubleType(), "count": IntegerType(), "paid": BooleanType(), "note": StringType(), "day": DateType(), "at": TimestamptzType(),
        "nested": StringType(), "big": LongType(), "amount": DecimalType(9, 2), "session": UUIDType(), "missing": FloatType(),
    }
    fields = [NestedField(1, "event_id", StringType(), required=True), NestedField(2, "time", TimestampType(), required=True)]
    fields += [NestedField(3 + at, name, kind) for at, (name, kind) in enumerate(columns.items())]
    fields.append(NestedField(40, "tags", ListType(41, StringType(), False)))
    fields.append(NestedField(42, "left_out", StructType(NestedField(43, "k", StringType()))))
    with Suite("local", ICEBERG_TABLE="orders", **SETTINGS).start("catalog") as suite:
        create(suite, "analytics.orders", Schema(*fields), **{"format-version": version})
        suite.start("collector")
        assert suite.send(EVENTS).status == 202
        misfit = EVENTS[0] | {"id": "misfit", "data": {"price": "dear", "count": 2**40, "day": "today", "tags": "none", "note": None}}
        assert suite.send([misfit, EVENTS[0] | {"id": "empty", "data": None}]).status == 202
        suite.flush()
        table = suite.pyiceberg().load_table("analytics.orders")
        assert table.metadata.format_version == int(version)
        rows = {r["event_id"]: r for r in table.scan(selected_fields=("event_id", "time", *columns, "tags")).to_arrow().to_pylist()}
        assert len(rows) == 62
        for event in EVENTS:
            row, data = rows[event["id"]], event["data"]
            assert [row["price"], row["count"], row["paid"], row["note"], row["big"]] == [
                data["price"], data["count"], data["paid"], data["note"], data["big"]]
            assert str(row["day"]) == data["day"] and row["at"].isoformat() == "2024-01-15T13:30:00+00:00"
            assert json.loads(row["nested"]) == data["nested"] and row["tags"] == data["tags"]
            assert str(row["amount"]) == data["amount"] and row["missing"] is None
        for odd in ("misfit", "empty"):
            assert all(rows[odd][name] is None for name in (*columns, "tags"))
        if version == "2":
            found = suite.duckdb().execute("SELECT sum(price), sum(count), max(amount), sum(len(tags)) FROM lake.analytics.orders").fetchone()
            assert (found[0], found[1], str(found[2]), found[3]) == (442.5, 1770, "59.25", 120)


@pytest.mark.parametrize("why, fields, properties", [
    ("format version 1", [("event_id", False)], {"format-version": "1"}),
    ('requires the column "price"', [("event_id", False), ("price", False)], {}),
])
def test_tables_that_cannot_be_written_are_refused_with_the_reason(why, fields, properties):
    with Suite("local", ICEBERG_TABLE="refused", **SETTINGS).start("catalog") as suite:
        schema = pyarrow.schema([pyarrow.field(name, pyarrow.string(), nullable=nullable) for name, nullable in fields])
        create(suite, "analytics.refused", schema, **properties)
        suite.collector.start()
        wait_until(lambda: suite.collector.process.poll() is not None or _answers(suite), "the collector", 30)
        assert suite.send(EVENTS[:1]).status == 202

        def told():
            checks = call("GET", f"{suite.collector.url}/health")
            return checks.status == 503 and why in json.dumps(checks.json).replace('\\"', '"')

        wait_until(told, f"the reason: {why}", 30)


def _answers(suite):
    try:
        return call("GET", f"{suite.collector.url}/health/live", timeout=5).status == 200
    except OSError:
        return False


def test_a_table_that_another_changes_in_the_middle_of_a_full_batch():
    """Rows encoded ahead are for the table as it was: they are encoded anew, once, while events go on coming."""
    settings = {"ICEBERG_BUFFER_TIMEOUT_MS": "2000", "COMMIT_INTERVAL_MS": "2000", "LOG_LEVEL": "warn"}
    with Suite("local", **settings).start("catalog", "collector") as suite:
        sent, started, change = 0, time.monotonic(), None

        def alter():
            with suite.table().transaction() as transaction:
                transaction.set_properties({"write.parquet.page-row-limit": "15000"})

        while time.monotonic() - started < 10:
            events = [
                {"specversion": "1.0", "id": str(n), "type": "t", "source": "s", "time": "2026-01-01T00:00:00Z", "data": {"n": n}}
                for n in range(sent, sent + 1000)
            ]
            assert suite.send(events).status == 202
            sent += 1000
            if change is None and time.monotonic() - started > 5:
                change = threading.Thread(target=alter)
                change.start()
        change.join()
        suite.flush()
        assert suite.table().properties["write.parquet.page-row-limit"] == "15000"
        ids = suite.arrow(["id"])["id"].to_pylist()
        assert len(ids) == len(set(ids)) == sent
        assert suite.collector.log().count("the batch is given up") <= 3
