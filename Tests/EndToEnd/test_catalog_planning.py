"""Scans planned by the catalog, against what PyIceberg plans by itself."""

import random

import pytest
import suite
from formats import Driver, assert_same_rows, from_table, told
from iceberg_tables import VERSION_2, Table, kind_of
from pyiceberg import expressions as E
from pyiceberg.catalog import load_catalog
from test_formats_tables import KEY, iceberg_field, iceberg_schema, leaf, random_table

INTEGERS = ("int32", "int64")


@pytest.fixture(scope="module")
def lake():
    """A catalog, and a driver that writes tables below the same store."""
    with suite.Suite(CATALOG_WAREHOUSE_BUCKETS="lake").start("catalog") as running, Driver("tables-driver") as driver:
        running.driver, running.root = driver, running.directory / "object-store"
        assert suite.call("POST", f"{running.catalog.url}/v1/namespaces", {"namespace": ["db"]}).status == 200
        yield running


def register(lake, table):
    """The driver's table as one of the catalog's: the names of its loaders by client and by server planning."""
    body = {"name": table.name.removeprefix("db."), "metadata-location": table.metadata, "overwrite": True}
    answer = suite.call("POST", f"{lake.catalog.url}/v1/namespaces/db/register", body)
    assert answer.status == 200, answer
    return {mode: loader(lake, mode).load_table(table.name) for mode in ("client", "server")}


def loader(lake, mode):
    properties = {"type": "rest", "uri": lake.catalog.url, "warehouse": "analytics", "scan-planning-mode": mode}
    return load_catalog("analytics", **properties)


def literal(value, kind):
    if kind in ("float", "double") and isinstance(value, str):
        return float(value.replace("Infinity", "inf"))
    return value


def filters(schema, rows, seed):
    """Tests of the columns that PyIceberg can send, with values that rows have, and combinations of them."""
    picks = random.Random(seed)
    found = [E.GreaterThan("key", 60), E.LessThan("key", 17), E.EqualTo("key", 5), E.In("key", {1, 50, 119}), E.AlwaysTrue()]
    for field in schema[1:]:
        if "fields" in field:
            continue
        name, kind = field["name"], kind_of(field)
        found += [E.IsNull(name), E.NotNull(name)]
        values = [row[field["name"]] for row in rows if row[field["name"]] is not None]
        if not values:
            continue
        some = [picks.choice(values) for _ in range(3)]
        if kind in INTEGERS:
            found += [E.GreaterThanOrEqual(name, some[0]), E.NotEqualTo(name, some[1]), E.NotIn(name, set(some))]
        if kind == "string":
            found += [E.LessThanOrEqual(name, some[0]), E.StartsWith(name, some[1][:2]), E.EqualTo(name, some[2])]
        if kind == "boolean":
            found += [E.EqualTo(name, some[0])]
        if kind in ("float", "double"):
            found += [E.IsNaN(name), E.NotNaN(name)]
    for _ in range(8):
        left, right = picks.choice(found), picks.choice(found)
        found.append(picks.choice([E.And(left, right), E.Or(left, right), E.Not(left)]))
    return found


def assert_same_plan(tables, condition, **members):
    client, server = (plan(tables[mode], condition, **members) for mode in ("client", "server"))
    assert set(server) == set(client)
    for path, (deletes, residual) in server.items():
        # PyIceberg gives a file every deletion vector of its partition; which one is meant tells the vector itself.
        assert deletes == {name for name in client[path][0] if not name.endswith(".puffin") or name in deletes}, path
        # Ours may know that nothing is left to test where the client does not, never the other way.
        assert residual == E.AlwaysTrue() or client[path][1] != E.AlwaysTrue(), (residual, client[path][1])
    counts = [tables[mode].scan(row_filter=condition, **members).count() for mode in ("client", "server")]
    assert counts[0] == counts[1]


def plan(table, condition, **members):
    """Data file → its delete files and what is left of the filter."""
    tasks = list(table.scan(row_filter=condition, **members).plan_files())
    planned = {task.file.file_path: (frozenset(d.file_path for d in task.delete_files), task.residual) for task in tasks}
    assert len(planned) == len(tasks)
    return planned


# Of these tables no file has a null in its partition: PyIceberg 0.12 takes none in a plan.
@pytest.mark.parametrize("seed", [0, 3, 4])
@pytest.mark.parametrize("deletes", [None, "positions", "vectors"])
def test_server_plans_are_those_of_the_client(lake, seed, deletes):
    version = 3 if deletes == "vectors" else 2
    table, schema, rows = random_table(
        lake.driver, lake.root, 300 + seed, version, tuple(VERSION_2), nested=False, table_name=f"db.t{seed}{deletes}")
    for gone in ([0, 1, 2, 3, 50, 119], list(range(40, 60)) + [7]) if deletes else ():
        table.ask("delete", kind=deletes, column="key", values=gone)
    tables = register(lake, table)
    conditions = filters(schema, rows, seed)
    for condition in conditions:
        with told(f"{condition} of {schema}"):
            assert_same_plan(tables, condition)
    for condition in conditions[::9]:
        with told(f"{condition} of {schema}"):
            client, server = (
                sorted(from_table(tables[mode].scan(row_filter=condition).to_arrow(), schema), key=lambda row: row["key"])
                for mode in ("client", "server"))
            assert_same_rows(server, client, "the catalog's plan")


def test_scans_over_several_specs_and_schemas_and_of_older_snapshots(lake):
    old = [KEY, leaf("a", "int32", "required"), leaf("s", "string"), leaf("gone", "string")]
    table = Table(lake.driver, lake.root, "db.evolved")
    spec = {"spec-id": 0, "fields": [{"source-id": 2, "field-id": 1000, "name": "a_part", "transform": "truncate[10]"}]}
    table.ask("create", schema=iceberg_schema(old), spec=spec, properties={"format-version": "2"})
    table.ask("append", rows=[{"key": number, "a": number * 7, "s": f"s{number}"} for number in range(10)])
    table.ask("delete", kind="positions", column="key", values=[2, 3])
    changed = [
        iceberg_field(1, "key", "long", required=True), iceberg_field(2, "b", "long", required=True),
        iceberg_field(3, "s", "string"), iceberg_field(5, "more", "string")]
    table.ask("commit", updates=[
        {"action": "add-schema", "schema": {"type": "struct", "schema-id": 1, "fields": changed}},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"fields": [{"source-id": 1, "name": "key_part", "transform": "bucket[2]"}]}},
        {"action": "set-default-spec", "spec-id": -1},
    ])
    table.ask("append", rows=[{"key": number, "b": number * 7, "more": "x"} for number in range(10, 20)])
    table.ask("delete", kind="positions", column="key", values=[4, 11])
    tables = register(lake, table)
    conditions = [
        E.AlwaysTrue(), E.GreaterThan("b", 50), E.EqualTo("key", 11), E.And(E.LessThan("b", 30), E.NotNull("s")),
        E.Or(E.EqualTo("more", "x"), E.In("key", {1, 2, 4})), E.IsNull("more"),
    ]
    snapshots = [snapshot.snapshot_id for snapshot in tables["client"].metadata.snapshots]
    for condition in conditions:
        for snapshot in [None, *snapshots]:
            with told(f"{condition} of snapshot {snapshot}"):
                assert_same_plan(tables, condition, snapshot_id=snapshot)
    keys = sorted(tables["server"].scan(row_filter=E.LessThan("key", 13)).to_arrow()["key"].to_pylist())
    assert keys == [0, 1, 5, 6, 7, 8, 9, 10, 12]


def test_incremental_scans_have_the_files_that_pyiceberg_finds(lake):
    table = Table(lake.driver, lake.root, "db.grown")
    table.ask("create", schema=iceberg_schema([KEY]), properties={"format-version": "2"})
    for number in range(5):
        table.ask("append", rows=[{"key": number * 10 + row} for row in range(5)])
    client = register(lake, table)["client"]
    ids = [snapshot.snapshot_id for snapshot in client.metadata.snapshots]
    url = f"{lake.catalog.url}/v1/namespaces/db/tables/grown/plan"
    for start, end, condition in [(0, 4, None), (1, 3, None), (0, 4, ("key", 25)), (3, 4, None)]:
        scan = client.incremental_append_scan(
            from_snapshot_id_exclusive=ids[start], to_snapshot_id_inclusive=ids[end],
            **({"row_filter": E.GreaterThan(*condition)} if condition else {}))
        body = {"start-snapshot-id": ids[start], "end-snapshot-id": ids[end]}
        if condition:
            body["filter"] = {"type": "gt", "left": {"type": "reference", "name": condition[0]}, "right": condition[1]}
        answer = suite.call("POST", url, body)
        assert answer.status == 200, answer
        planned = {task["data-file"]["file-path"] for task in answer.json["file-scan-tasks"]}
        assert planned == {task.file.file_path for task in scan.plan_files()}
