"""The calls of the setup guide, word for word, one test for each."""

import datetime

import pyarrow
import pytest
from suite import Suite, call

NAMESPACE = {"namespace": ["default"], "properties": {}}
TABLE = {
    "name": "events",
    "location": "s3://analytics-source/tables/events",
    "schema": {
        "type": "struct",
        "fields": [
            {"id": 1, "name": "event_id", "required": True, "type": "string"},
            {"id": 2, "name": "timestamp", "required": True, "type": "timestamp"},
            {"id": 3, "name": "type", "required": True, "type": "string"},
            {"id": 4, "name": "source", "required": True, "type": "string"},
            {"id": 5, "name": "data", "required": False, "type": "string"},
        ],
    },
    "partition-spec": [
        {"name": "event_hour", "transform": "hour", "source-id": 2},
        {"name": "event_type", "transform": "identity", "source-id": 3},
    ],
    "properties": {
        "write.format.default": "parquet",
        "write.parquet.compression-codec": "snappy",
        "write.target-file-size-bytes": "134217728",
    },
}
TABLES = "/v1/namespaces/default/tables"
EVENTS = f"{TABLES}/events"


def events(*numbers):
    """Rows of the guide's table, each of an hour of its own."""
    schema = pyarrow.schema(
        [
            pyarrow.field("event_id", pyarrow.string(), False), pyarrow.field("timestamp", pyarrow.timestamp("us"), False),
            pyarrow.field("type", pyarrow.string(), False), pyarrow.field("source", pyarrow.string(), False),
            pyarrow.field("data", pyarrow.string()),
        ])
    hour = 3_600_000_000
    rows = [{"event_id": str(n), "timestamp": n * hour, "type": "t", "source": "s", "data": None} for n in numbers]
    return pyarrow.Table.from_pylist(rows, schema=schema)


@pytest.fixture(scope="module", params=["local", "s3"])
def running(request):
    with Suite(request.param).start("catalog") as suite:
        yield suite


@pytest.fixture
def ask(running):
    def ask(method, path, body=None):
        return call(method, running.catalog.url + path, body)

    return ask


@pytest.fixture
def table(running, ask):
    """The guide's table, new, with two snapshots."""
    ask("POST", "/v1/namespaces", NAMESPACE)
    ask("DELETE", EVENTS)
    answer = ask("POST", TABLES, TABLE)
    assert answer.status == 200, answer
    loaded = running.pyiceberg().load_table("default.events")
    loaded.append(events(1, 2))
    loaded.append(events(3))
    return loaded


def test_create_the_namespace(ask, table):
    table.catalog.drop_table("default.events")
    assert ask("DELETE", "/v1/namespaces/default").status == 204
    answer = ask("POST", "/v1/namespaces", NAMESPACE)
    assert answer.status == 200 and answer.json == {"namespace": ["default"], "properties": {}}


def test_create_the_table(ask, table):
    assert ask("DELETE", EVENTS).status == 204
    answer = ask("POST", TABLES, TABLE)
    assert answer.status == 200, answer
    metadata = answer.json["metadata"]
    assert [field["name"] for field in metadata["partition-specs"][0]["fields"]] == ["event_hour", "event_type"]
    assert metadata["properties"] == TABLE["properties"]
    assert ask("POST", TABLES, TABLE).status == 409
    read = table.catalog.load_table("default.events")
    assert [field.name for field in read.schema().fields] == ["event_id", "timestamp", "type", "source", "data"]


def test_list_all_tables(ask, table):
    answer = ask("GET", TABLES)
    assert {"namespace": ["default"], "name": "events"} in answer.json["identifiers"]


def test_table_metadata(ask, table):
    answer = ask("GET", EVENTS)
    assert answer.status == 200
    assert answer.json["metadata"]["current-snapshot-id"] == table.current_snapshot().snapshot_id


def test_table_properties(ask, table):
    assert ask("GET", EVENTS).json["properties"]["write.target-file-size-bytes"] == "134217728"


def test_expire_old_snapshots(ask, table):
    answer = ask("POST", f"{EVENTS}/snapshots/expire", {"older_than_days": 7})
    assert answer.status == 200 and answer.json["expired_snapshot_ids"] == [] and answer.json["retained"] == 2
    answer = ask("POST", f"{EVENTS}/snapshots/expire", {"older_than_days": 0})
    assert answer.json["retained"] == 1


def test_table_history(ask, table):
    answer = ask("GET", f"{EVENTS}/snapshots")
    assert [s["snapshot-id"] for s in answer.json["snapshots"]] == [s.snapshot_id for s in table.snapshots()]


def test_register_again(ask, table):
    location = table.metadata_location
    table.catalog.drop_table("default.events")
    answer = ask("POST", f"{EVENTS}/register")
    assert answer.status == 200 and answer.json["metadata-location"] == location
    assert table.catalog.load_table("default.events").scan().to_arrow().num_rows == 3


def test_small_files(ask, table):
    answer = ask("GET", f"{EVENTS}/files?max_size=10485760")
    assert answer.status == 200 and answer.json["total"] == 3


def test_recover(ask, table):
    assert ask("POST", f"{EVENTS}/recover").status == 200
    assert table.catalog.load_table("default.events").scan().to_arrow().num_rows == 3


def test_transactions(ask, table):
    assert ask("GET", f"{EVENTS}/transactions").status == 200


def test_roll_back_to_a_snapshot(ask, table):
    first = table.snapshots()[0].snapshot_id
    answer = ask("POST", f"{EVENTS}/rollback", {"snapshot_id": first})
    assert answer.status == 200 and answer.json["snapshot_id"] == first
    assert table.catalog.load_table("default.events").scan().to_arrow().num_rows == 2
    answer = ask("POST", f"{EVENTS}/rollback", {"snapshot_id": 1234567890123456789})
    assert answer.status == 404 and "no snapshot 1234567890123456789" in answer.json["error"]["message"], answer


def test_roll_back_to_a_time(ask, table):
    first = table.snapshots()[0]
    time = datetime.datetime.fromtimestamp(first.timestamp_ms / 1000, datetime.timezone.utc)
    text = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answer = ask("POST", f"{EVENTS}/rollback", {"as_of_timestamp": text})
    assert answer.status == 200 and answer.json["snapshot_id"] == first.snapshot_id
    answer = ask("POST", f"{EVENTS}/rollback", {"as_of_timestamp": "2024-01-20T10:00:00Z"})
    assert answer.status == 404 and "current at 2024-01-20T10:00:00" in answer.json["error"]["message"], answer


def test_validate(ask, table):
    assert ask("POST", f"{EVENTS}/validate").status == 200


def test_rebuild_manifests(ask, table):
    answer = ask("POST", f"{EVENTS}/rebuild-manifests")
    assert answer.status == 200 and answer.json["needed"] is False, answer
    assert table.catalog.load_table("default.events").scan().to_arrow().num_rows == 3


def test_rebuild_all(ask, table):
    answer = ask("POST", "/v1/recovery/rebuild-all")
    assert answer.status == 200 and answer.json["complete"], answer
    assert table.catalog.load_table("default.events").scan().to_arrow().num_rows == 3


def test_costs(ask, table):
    answer = ask("GET", "/v1/costs")
    assert answer.status == 200 and answer.json["complete"], answer
    events = next(entry for entry in answer.json["tables"] if entry["table"] == {"namespace": ["default"], "name": "events"})
    assert events["live-bytes"] == sum(task.file.file_size_in_bytes for task in table.scan().plan_files())
