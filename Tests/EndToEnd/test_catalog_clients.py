"""Standard clients use every part of the catalog, on both stores, with no collector about."""

import datetime
import json
import subprocess
import sys

import pyarrow
import pytest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    NoSuchViewError,
    TableAlreadyExistsError,
)
from pyiceberg.expressions import EqualTo, GreaterThan
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestamptzType
from pyiceberg.view.metadata import SQLViewRepresentation, ViewVersion
from suite import ACCESS_KEY, SECRET_KEY, Suite, call

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "kind", StringType(), required=False),
    NestedField(3, "at", TimestamptzType(), required=False),
)
NOON = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.timezone.utc)


def rows(start, count, kind="a"):
    return pyarrow.table(
        {
            "id": pyarrow.array(range(start, start + count), pyarrow.int64()),
            "kind": pyarrow.array([kind] * count, pyarrow.string()),
            "at": pyarrow.array([NOON] * count, pyarrow.timestamp("us", "UTC")),
        })


@pytest.fixture(scope="module", params=["local", "s3"])
def suite(request):
    with Suite(request.param).start("catalog") as running:
        running.pyiceberg().create_namespace("clients")
        yield running


@pytest.fixture
def catalog(suite):
    return suite.pyiceberg()


@pytest.fixture
def name(request, catalog):
    """A table name of the test's own."""
    base = "".join(c if c.isalnum() else "_" for c in request.node.originalname.removeprefix("test_"))
    return f"clients.{base}"


def ids(table, **scan):
    return sorted(table.scan(**scan).to_arrow()["id"].to_pylist())


# PyIceberg: namespaces, tables, views


def test_pyiceberg_namespaces(catalog):
    catalog.create_namespace("parent", {"owner": "one"})
    catalog.create_namespace(("parent", "child"))
    with pytest.raises(NamespaceAlreadyExistsError):
        catalog.create_namespace("parent")
    assert ("parent",) in catalog.list_namespaces()
    assert catalog.list_namespaces("parent") == [("parent", "child")]
    assert catalog.namespace_exists("parent") and not catalog.namespace_exists("none")
    summary = catalog.update_namespace_properties("parent", {"owner", "none"}, {"team": "two"})
    assert (summary.removed, summary.updated, summary.missing) == (["owner"], ["team"], ["none"])
    assert catalog.load_namespace_properties("parent") == {"team": "two"}
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace("parent")
    catalog.drop_namespace(("parent", "child"))
    catalog.drop_namespace("parent")
    with pytest.raises(NoSuchNamespaceError):
        catalog.load_namespace_properties("parent")


def test_pyiceberg_tables(catalog, name):
    table = catalog.create_table(name, SCHEMA, properties={"a": "b"})
    assert table.properties["a"] == "b"
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(name, SCHEMA)
    assert catalog.create_table_if_not_exists(name, SCHEMA).metadata.table_uuid == table.metadata.table_uuid
    assert tuple(name.split(".")) in catalog.list_tables("clients")
    table.append(rows(0, 3))
    table.append(rows(3, 3, "b"))
    table.delete(EqualTo("id", 1))
    table.overwrite(rows(100, 1), GreaterThan("id", 4))
    assert ids(catalog.load_table(name)) == [0, 2, 3, 4, 100]
    table.upsert(rows(100, 2, "c"), join_cols=["id"])
    assert ids(table, row_filter=EqualTo("kind", "c")) == [100, 101]
    catalog.rename_table(name, f"{name}_renamed")
    with pytest.raises(NoSuchTableError):
        catalog.load_table(name)
    moved = catalog.load_table(f"{name}_renamed")
    location = moved.metadata_location
    catalog.drop_table(f"{name}_renamed")
    assert not catalog.table_exists(f"{name}_renamed")
    assert ids(catalog.register_table(name, location)) == [0, 2, 3, 4, 100, 101]
    catalog.purge_table(name)
    with pytest.raises(NoSuchTableError):
        catalog.drop_table(name)


def test_pyiceberg_evolution(catalog, name):
    spec = PartitionSpec(PartitionField(3, 1000, DayTransform(), "day"))
    order = SortOrder(SortField(1, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_LAST))
    table = catalog.create_table(name, SCHEMA, partition_spec=spec, sort_order=order)
    table.append(rows(0, 2))
    with table.update_schema() as change:
        change.add_column("note", StringType())
        change.rename_column("kind", "type")
    with table.update_spec() as change:
        change.add_identity("type")
    with table.transaction() as transaction:
        transaction.set_properties(x="1", y="2")
        transaction.remove_properties("y")
    table.append(pyarrow.table({"id": [7], "type": ["z"], "at": pyarrow.array([NOON], pyarrow.timestamp("us", "UTC")), "note": ["n"]}))
    again = catalog.load_table(name)
    assert again.schema().column_names == ["id", "type", "at", "note"]
    assert again.properties == {"x": "1"}
    assert ids(again) == [0, 1, 7]
    assert len({row["spec_id"] for row in again.inspect.files().to_pylist()}) == 2


def test_pyiceberg_branches_and_rollback(catalog, name):
    table = catalog.create_table(name, SCHEMA)
    table.append(rows(0, 1))
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "start").create_branch(first, "side").commit()
    table.append(rows(1, 1), branch="side")
    table.append(rows(2, 1))
    assert ids(table) == [0, 2]
    assert ids(table, snapshot_id=table.metadata.refs["side"].snapshot_id) == [0, 1]
    answer = call("POST", f"{catalog.properties['uri']}/v1/namespaces/clients/tables/{name.split('.')[1]}/rollback", {"snapshot_id": first})
    assert answer.status == 200, answer
    assert ids(catalog.load_table(name)) == [0]
    table.refresh()
    table.manage_snapshots().remove_branch("side").remove_tag("start").commit()
    assert set(catalog.load_table(name).metadata.refs) == {"main"}


def test_pyiceberg_staged_creation(catalog, name):
    with catalog.create_table_transaction(name, SCHEMA) as transaction:
        assert not catalog.table_exists(name)
        transaction.append(rows(0, 5))
        transaction.set_properties(made="at once")
    table = catalog.load_table(name)
    assert ids(table) == list(range(5)) and table.properties["made"] == "at once"


def test_pyiceberg_views(catalog, name):
    version = ViewVersion(
        version_id=1, schema_id=0, timestamp_ms=1_700_000_000_000, summary={"engine-name": "tests"},
        representations=[SQLViewRepresentation(type="sql", sql="select 1 as id", dialect="duckdb")], default_namespace=["clients"])
    view = catalog.create_view(name, SCHEMA, version)
    assert view.current_version().representations[0].root.sql == "select 1 as id"
    assert tuple(name.split(".")) in catalog.list_views("clients")
    assert catalog.view_exists(name)
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(name, SCHEMA)
    with pytest.raises(NoSuchTableError):
        catalog.load_table(name)
    catalog.drop_view(name)
    with pytest.raises(NoSuchViewError):
        catalog.load_view(name)


def test_pyiceberg_lost_race(catalog, name):
    """Without rebase the loser of a race is told so, and nothing of its commit is there."""
    catalog.create_table(name, SCHEMA, properties={"commit.retry.num-retries": "0"})
    first, second = catalog.load_table(name), catalog.load_table(name)
    first.append(rows(0, 1))
    with pytest.raises(CommitFailedException):
        second.append(rows(1, 1))
    assert ids(catalog.load_table(name)) == [0]


APPENDER = """
import json, sys, threading
import pyarrow
from pyiceberg.catalog import load_catalog
asked = json.load(sys.stdin)
catalog = load_catalog("analytics", **asked["properties"])
tables = {number: catalog.load_table(asked["table"]) for number in asked["numbers"]}
failed = []
def append(number):
    try:
        tables[number].append(pyarrow.table({"id": pyarrow.array([number], pyarrow.int64())}))
    except Exception as error:
        failed.append(f"{number}: {type(error).__name__} {error}")
threads = [threading.Thread(target=append, args=[number]) for number in tables]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(failed))
"""


def test_forty_concurrent_appenders(suite, catalog, name):
    """All of them start from the same snapshot, and none may retry by itself."""
    properties = {"commit.rebase.enabled": "true", "commit.retry.num-retries": "0"}
    catalog.create_table(name, Schema(NestedField(1, "id", LongType(), required=False)), properties=properties)
    asked = {"table": name, "numbers": list(range(40)), "properties": dict(catalog.properties)}
    # In a process of its own: forty connections at once are the client's affair.
    run = subprocess.run(
        [sys.executable, "-c", APPENDER], input=json.dumps(asked), capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout) == []
    table = catalog.load_table(name)
    assert ids(table) == list(range(40))
    assert table.current_snapshot().summary["total-records"] == "40"
    assert table.current_snapshot().summary["total-data-files"] == "40"


# Other engines


def test_duckdb(suite, catalog, name):
    table = name.split(".")[1]
    with suite.duckdb() as connection:
        connection.execute(f"CREATE TABLE lake.clients.{table} AS SELECT range AS id, 'k' || range AS kind FROM range(10)")
        connection.execute(f"INSERT INTO lake.clients.{table} VALUES (10, 'k10'), (11, NULL)")
        connection.execute(f"UPDATE lake.clients.{table} SET kind = 'changed' WHERE id = 3")
        connection.execute(f"DELETE FROM lake.clients.{table} WHERE id < 2")
        found = connection.execute(f"SELECT id, kind FROM lake.clients.{table} ORDER BY id").fetchall()
        assert [row[0] for row in found] == list(range(2, 12))
        assert found[1] == (3, "changed") and found[-1] == (11, None)
        assert ids(catalog.load_table(name)) == list(range(2, 12))
        connection.execute(f"CREATE TABLE lake.clients.{table}_empty (id BIGINT)")
        assert catalog.load_table(f"{name}_empty").scan().to_arrow().num_rows == 0
        connection.execute(f"DROP TABLE lake.clients.{table}_empty")
    assert not catalog.table_exists(f"{name}_empty")


CHDB = """
import json, sys
from chdb import session
s = session.Session()
for statement in json.load(sys.stdin):
    last = s.query(statement, "JSONCompact")
print(json.dumps(json.loads(str(last))["data"]))
"""


def clickhouse(suite, statements):
    """What the last of the statements gives."""
    run = subprocess.run(
        [sys.executable, "-c", CHDB], input=json.dumps(statements), capture_output=True, text=True, timeout=120, cwd=suite.directory)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.strip().splitlines()[-1])


def clickhouse_database(suite):
    # Of vended credentials ClickHouse takes no endpoint: it is told all of the store.
    return [
        "SET allow_experimental_database_iceberg=1", "SET allow_experimental_insert_into_iceberg=1",
        f"CREATE DATABASE lake ENGINE=DataLakeCatalog('{suite.catalog.url}/v1','{ACCESS_KEY}','{SECRET_KEY}') SETTINGS"
        " catalog_type='rest', warehouse='analytics', vended_credentials=false,"
        f" storage_endpoint='{suite.seaweed.endpoint}/analytics-source'",
    ]


def test_clickhouse(suite, catalog, name):
    table = catalog.create_table(name, SCHEMA)
    table.append(rows(0, 4))
    table.append(rows(4, 2, "b"))
    table.delete(EqualTo("id", 0))
    if suite.store == "s3":
        statements = [*clickhouse_database(suite), f"SELECT toInt64(id), kind FROM lake.`{name}` ORDER BY id"]
    else:
        path = catalog.load_table(name).location().removeprefix("file://")
        statements = [f"SELECT toInt64(id), kind FROM icebergLocal('{path}/') ORDER BY id"]
    found = clickhouse(suite, statements)
    assert [(int(id), kind) for id, kind in found] == [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b")]


def test_clickhouse_inserts(suite, catalog, name):
    """Committed through the catalog, with the gate on. ClickHouse has no catalog for local files."""
    if suite.store == "local":
        pytest.skip("ClickHouse writes to a REST catalog's tables on S3 only")
    table = catalog.create_table(name, SCHEMA)
    table.append(rows(0, 2))
    found = clickhouse(suite, [
        *clickhouse_database(suite),
        f"INSERT INTO lake.`{name}` VALUES (2, 'b', '2024-03-01 12:00:00'), (3, NULL, NULL)",
        f"INSERT INTO lake.`{name}` SELECT number, 'c', '2024-03-01 12:00:00' FROM numbers(10, 3)",
        f"SELECT toInt64(id), kind FROM lake.`{name}` ORDER BY id",
    ])
    expected = [(0, "a"), (1, "a"), (2, "b"), (3, None), (10, "c"), (11, "c"), (12, "c")]
    assert [(int(id), kind) for id, kind in found] == expected
    after = catalog.load_table(name)
    assert sorted((row["id"], row["kind"]) for row in after.scan().to_arrow().to_pylist()) == expected
    after.append(rows(20, 1))
    assert len(after.snapshots()) == 4 and len(ids(after)) == 8


def test_polars_and_datafusion(suite, catalog, name, monkeypatch):
    import datafusion
    import polars

    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")
    storage = None
    if suite.store == "s3":
        storage = {
            "aws_endpoint_url": suite.seaweed.endpoint, "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY,
            "aws_region": "us-east-1", "aws_allow_http": "true",
        }

    table = catalog.create_table(name, SCHEMA)
    table.append(rows(0, 4))
    table.append(rows(4, 2, "b"))
    frame = polars.scan_iceberg(table, storage_options=storage).filter(polars.col("kind") == "b").select("id").collect()
    assert sorted(frame["id"].to_list()) == [4, 5]
    context = datafusion.SessionContext()
    # PyIceberg hands DataFusion all properties of a catalog's table, and fails on those that are no texts.
    properties = {key: value for key, value in table.io.properties.items() if isinstance(value, str)}
    context.register_table("clients", StaticTable.from_metadata(table.metadata_location, properties))
    found = context.sql("SELECT kind, count(*) AS n FROM clients GROUP BY kind ORDER BY kind").to_pydict()
    assert found == {"kind": ["a", "b"], "n": [4, 2]}


# What goes beyond the standard, by way of a client's table


def test_dropped_and_back(catalog, name, suite):
    table = catalog.create_table(name, SCHEMA)
    table.append(rows(0, 3))
    catalog.drop_table(name)
    base = f"{suite.catalog.url}/v1/namespaces/clients"
    listed = call("GET", f"{base}/dropped").json["dropped"]
    assert name.split(".")[1] in [dropped["name"] for dropped in listed]
    answer = call("POST", f"{base}/tables/{name.split('.')[1]}/undrop", {})
    assert answer.status == 200, answer
    assert ids(catalog.load_table(name)) == [0, 1, 2]


def test_purge_deletes_the_tables_files_and_no_others(store):
    with Suite(store, CATALOG_DROP_RETENTION_HOURS="0").start("catalog") as suite:
        catalog = suite.pyiceberg()
        catalog.create_namespace("clients")
        gone, kept = (catalog.create_table(f"clients.{name}", SCHEMA) for name in ("gone", "kept"))
        for table in (gone, kept):
            table.append(rows(0, 3))
            table.append(rows(3, 3))
        files = [row["file_path"] for row in gone.inspect.files().to_pylist()]
        paths = [*files, gone.metadata_location, gone.current_snapshot().manifest_list]
        assert all(gone.io.new_input(path).exists() for path in paths)
        catalog.purge_table("clients.gone")
        answer = call("POST", f"{suite.catalog.url}/v1/purges", {})
        assert answer.status == 200 and answer.json["failed"] == [], answer
        assert not any(gone.io.new_input(path).exists() for path in paths)
        assert ids(catalog.load_table("clients.kept")) == list(range(6))
