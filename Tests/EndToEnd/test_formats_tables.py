"""Iceberg tables of random schemas: what we write, PyIceberg, DuckDB and ClickHouse read, deletes and evolution included."""

import datetime
from decimal import Decimal

import pytest
from engines import ClickHouse
from formats import PRIMITIVES, Driver, Generator, assert_same_rows, told
from iceberg_tables import VERSION_2, Table, iceberg_rows, iceberg_schema, kind_of, rounded, without_null_maps
from pyiceberg.catalog import load_catalog
from pyiceberg.types import LongType

SEEDS = range(10)
KEY = {"name": "key", "repetition": "required", "type": "int64"}
TRANSFORMS = {
    "int32": ["identity", "bucket[5]", "truncate[10]"], "int64": ["bucket[3]", "truncate[1000]"],
    "string": ["identity", "bucket[4]", "truncate[3]"], "date": ["year", "month", "day", "identity"],
    "timestamp_microseconds": ["year", "day", "hour"], "timestamptz_microseconds": ["month", "day", "hour"],
    "decimal_int32": ["bucket[4]", "truncate[50]", "identity"], "uuid": ["bucket[4]"], "binary": ["bucket[3]", "truncate[2]"],
    "boolean": ["identity"], "fixed": ["bucket[2]"], "time_microseconds": ["bucket[3]"],
}


@pytest.fixture(scope="module")
def driver():
    with Driver("tables-driver") as driver:
        yield driver


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    engine = ClickHouse(tmp_path_factory.mktemp("clickhouse"))
    yield engine
    engine.close()


def random_table(
        driver, root, seed, version, kinds, nested=True, partitioned=True, rows=120, table_name="db.t", writer=None, **limits):
    """A table with three commits: (table, schema, rows). Every row has a key of its own."""
    generator = Generator(seed, kinds=kinds, nested=nested, **limits)
    schema = [KEY] + generator.schema(generator.random.randint(1, 7))
    described = iceberg_schema(schema)
    ids = {field["name"]: field["id"] for field in described["fields"]}
    spec, order = [], []
    for field in schema[1:]:
        transforms = TRANSFORMS.get(kind_of(field), []) if "fields" not in field else []
        if transforms and partitioned and len(spec) < 2 and generator.random.random() < 0.4:
            transform = generator.random.choice(transforms)
            # A value of few rows each makes many files: buckets and years are enough.
            name = field["name"] if transform == "identity" else f"{field['name']}_part"
            spec.append({"source-id": ids[field["name"]], "field-id": 1000 + len(spec), "name": name, "transform": transform})
        elif "fields" not in field and len(order) < 2 and generator.random.random() < 0.3:
            order.append({
                "source-id": ids[field["name"]], "transform": "identity",
                "direction": generator.random.choice(["asc", "desc"]),
                "null-order": generator.random.choice(["nulls-first", "nulls-last"])})
    table = Table(driver, root, table_name)
    table.ask(
        "create", schema=described, spec={"spec-id": 0, "fields": spec},
        **({"order": {"order-id": 1, "fields": order}} if order else {}),
        properties={"format-version": str(version), "write.parquet.compression-codec": "zstd"})
    values = generator.rows(schema, rows)
    for index, row in enumerate(values):
        row["key"] = index
    for part in range(3):
        table.ask("append", rows=iceberg_rows(values[part::3], schema), writer=writer or {})
    return table, schema, values


def by_key(rows):
    return sorted(rows, key=lambda row: row["key"])


def check_all(table, schema, rows, clickhouse=None, duckdb=True, pyiceberg=True, ours=True):
    rows = by_key(rows)
    if ours:
        assert_same_rows(by_key(table.by_us(schema)), iceberg_rows(rows, schema), "ours")
    if pyiceberg:
        with told("PyIceberg"):
            read, expected = (
                [{field["name"]: without_null_maps(row[field["name"]], field) for field in schema} for row in some]
                for some in (by_key(table.by_pyiceberg(schema)), rows))
            assert_same_rows(read, expected, "PyIceberg")
    if duckdb:
        with told("DuckDB"):
            assert_same_rows(by_key(table.by_duckdb(schema)), rows, "DuckDB")
    if clickhouse:
        with told("ClickHouse"):
            assert_same_rows(by_key(table.by_clickhouse(clickhouse, schema)), rows, "ClickHouse")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_random_tables_are_read_by_all(driver, clickhouse, seed, version):
    root = clickhouse.directory / f"random{version}-{seed}"
    table, schema, rows = random_table(driver, root, seed, version, tuple(VERSION_2))
    with told(f"{schema}"):
        check_all(table, schema, rows)


@pytest.mark.parametrize("seed", SEEDS)
def test_flat_tables_are_read_by_clickhouse(driver, clickhouse, seed):
    root = clickhouse.directory / f"flat{seed}"
    table, schema, rows = random_table(driver, root, 50 + seed, 2, tuple(VERSION_2), nested=False)
    with told(f"{schema}"):
        check_all(table, schema, rows, clickhouse, duckdb=False, pyiceberg=False)


@pytest.mark.parametrize("kind", ["positions", "equality", "vectors"])
@pytest.mark.parametrize("seed", range(4))
def test_deletes_are_applied_by_all(driver, clickhouse, seed, kind):
    root = clickhouse.directory / f"{kind}{seed}"
    version = 3 if kind == "vectors" else 2
    table, schema, rows = random_table(
        driver, root, 70 + seed, version, tuple(VERSION_2), nested=False, partitioned=kind != "equality")
    for gone in ([0, 1, 2, 3, 50, 119], list(range(40, 60)) + [7]):
        table.ask("delete", kind=kind, column="key", values=gone)
        rows = [row for row in rows if row["key"] not in gone]
    with told(f"{schema}"):
        # ClickHouse 26.9 reads no deletion vectors, PyIceberg 0.12 no equality deletes.
        check_all(
            table, schema, rows, None if kind == "vectors" else clickhouse, pyiceberg=kind != "equality")
    if kind != "equality":
        table.ask("rewrite")
        with told(f"rewritten, {schema}"):
            check_all(table, schema, rows, clickhouse)


def test_nanoseconds_are_kept(driver, clickhouse):
    root = clickhouse.directory / "nanoseconds"
    table, schema, rows = random_table(driver, root, 1, 3, ("timestamp_nanoseconds", "timestamptz_nanoseconds"))
    # DuckDB has no zoned timestamps of nanoseconds.
    check_all(table, schema, rows, duckdb=False)


# --- Metrics --------------------------------------------------------------------------------------------------------------

EXACT = ("boolean", "int32", "int64", "float", "double", "date", "time_microseconds", "decimal_int32", "decimal_int64",
         "decimal_fixed", "timestamp_microseconds", "timestamptz_microseconds")


@pytest.mark.parametrize("seed", SEEDS)
def test_metrics_of_files_are_those_of_their_rows(driver, clickhouse, seed):
    """Counts and bounds as PyIceberg decodes them from manifests, against the rows that our scan finds in each file."""
    root = clickhouse.directory / f"metrics{seed}"
    # PyIceberg's metadata tables fail on columns of UUIDs.
    kinds = tuple(kind for kind in VERSION_2 if kind != "uuid")
    table, schema, rows = random_table(driver, root, 90 + seed, 2, kinds, nested=False, rows=90)
    by_number = {row["key"]: row for row in rows}
    members = {}
    for row in table.read(columns=["key", "_file"]):
        members.setdefault(row["_file"], []).append(by_number[row["key"]])
    files = table.pyiceberg().inspect.files().to_pylist()
    assert {file["file_path"] for file in files} == set(members)
    for file in files:
        part = members[file["file_path"]]
        assert file["record_count"] == len(part)
        for field in schema:
            metrics = file["readable_metrics"][field["name"]]
            values = [row[field["name"]] for row in part]
            present = [value for value in values if value is not None]
            assert metrics["value_count"] == len(values)
            assert metrics["null_value_count"] == len(values) - len(present)
            kind = kind_of(field)
            if kind in ("float", "double"):
                assert metrics["nan_value_count"] == present.count("NaN")
                present = [float(str(value).replace("Infinity", "inf")) for value in present if value != "NaN"]
            if kind in EXACT:
                bounds = [readable(metrics[name], field) for name in ("lower_bound", "upper_bound")]
                wanted = [readable(function(present), field, canonical=True) if present else None for function in (low, high)]
                assert bounds == wanted, (field, bounds, wanted)
            elif present and kind in ("string", "binary"):
                keys = [value.encode() if kind == "string" else bytes.fromhex(value) for value in present]
                lower, upper = (as_bytes(metrics[name]) for name in ("lower_bound", "upper_bound"))
                assert lower is not None and min(keys).startswith(lower), (field, lower, min(keys))
                assert upper is None or upper >= max(keys), (field, upper, max(keys))


def low(values):
    return min(values, key=sort_key)


def high(values):
    return max(values, key=sort_key)


def sort_key(value):
    return float(value) if isinstance(value, float) else Decimal(value) if isinstance(value, str) else value


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def readable(value, field, canonical=False):
    """Bounds as numbers that can be compared, from canonical values or from what PyIceberg's metrics have."""
    if value is None:
        return None
    kind = field.get("logical", {}).get("type")
    if kind == "decimal":
        return Decimal(value)
    if not canonical and kind == "date":
        return (value - datetime.date(1970, 1, 1)).days
    if not canonical and kind == "timestamp":
        epoch = datetime.datetime(1970, 1, 1, tzinfo=value.tzinfo)
        return (value - epoch) // datetime.timedelta(microseconds=1)
    if not canonical and kind == "time":
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 10**6 + value.microsecond
    # Zeros of both signs are within bounds of -0.0 and 0.0.
    return 0.0 if isinstance(value, float) and value == 0 else value


# --- Evolution ------------------------------------------------------------------------------------------------------------


def leaf(name, kind, repetition="optional"):
    return {"name": name, "repetition": repetition} | PRIMITIVES[kind]


def iceberg_field(number, name, type, required=False, **defaults):
    return {"id": number, "name": name, "required": required, "type": type} | defaults


@pytest.mark.parametrize("version", [2, 3])
def test_files_of_older_schemas_and_specs_are_read_as_the_table_is_now(driver, clickhouse, version):
    old = [KEY, leaf("a", "int32"), leaf("b", "float"), leaf("d", "decimal_int32"), leaf("s", "string"), leaf("gone", "string")]
    table = Table(driver, clickhouse.directory / f"evolved{version}")
    spec = {"spec-id": 0, "fields": [{"source-id": 2, "field-id": 1000, "name": "a_part", "transform": "truncate[10]"}]}
    table.ask("create", schema=iceberg_schema(old), spec=spec, properties={"format-version": str(version)})
    table.ask("append", rows=[
        {"key": 1, "a": -7, "b": 1.5, "d": "-1234567.89", "s": "x", "gone": "y"}, {"key": 2, "s": "z"}])
    defaults = {"initial-default": 7, "write-default": 8} if version == 3 else {}
    changed = [
        iceberg_field(7, "n", "int", **defaults), iceberg_field(1, "key", "long", required=True), iceberg_field(2, "a", "long"),
        iceberg_field(3, "b", "double"), iceberg_field(4, "d", "decimal(18, 2)"), iceberg_field(5, "t", "string"),
        iceberg_field(8, "more", {"type": "struct", "fields": [iceberg_field(9, "x", "int")]}),
    ]
    table.ask("commit", updates=[
        {"action": "add-schema", "schema": {"type": "struct", "schema-id": 1, "fields": changed}},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"fields": [{"source-id": 1, "name": "key_part", "transform": "bucket[2]"}]}},
        {"action": "set-default-spec", "spec-id": -1},
    ])
    table.ask("append", rows=[
        {"n": None, "key": 3, "a": 2**40, "b": 0.1, "d": "1234567890123456.78", "t": "y", "more": {"x": 1}}, {"key": 4}])
    new = [
        leaf("n", "int32"), KEY, leaf("a", "int64"), leaf("b", "double"),
        {"name": "d", "repetition": "optional", "type": "int64",
         "logical": {"type": "decimal", "precision": 18, "scale": 2}},
        leaf("t", "string"), {"name": "more", "repetition": "optional", "fields": [leaf("x", "int32")]},
    ]
    before, after = (7, 8) if version == 3 else (None, None)
    empty = {"a": None, "b": None, "d": None, "more": None}
    rows = [
        {"n": before, "key": 1, "a": -7, "b": 1.5, "d": "-1234567.89", "t": "x", "more": None},
        {"n": before, "key": 2, "t": "z"} | empty,
        {"n": None, "key": 3, "a": 2**40, "b": 0.1, "d": "1234567890123456.78", "t": "y", "more": {"x": 1}},
        {"n": after, "key": 4, "t": None} | empty,
    ]
    check_all(table, new, rows, pyiceberg=version == 2)
    gone = [1, 3]
    table.ask("delete", kind="vectors" if version == 3 else "positions", column="key", values=gone)
    rows = [row for row in rows if row["key"] not in gone]
    check_all(table, new, rows, pyiceberg=version == 2)
    table.ask("rewrite")
    check_all(table, new, rows)


def test_a_row_that_does_not_fit_is_refused_and_nothing_is_written(driver, clickhouse):
    table = Table(driver, clickhouse.directory / "refused")
    table.ask("create", schema=iceberg_schema([KEY, leaf("a", "int32", "required")]), properties={})
    for rows, message in (
        ([{"key": 1}], "column a: a required value is missing"), ([{"key": 1, "a": 2**31}], "row 0.a"),
        ([{"key": 1, "a": 1, "b": 2}], "there is no field"),
    ):
        answer = driver.attempt("append", root=str(table.root), table=table.name, rows=rows)
        assert message in answer["error"]
    assert not (table.directory / "data").exists()
    assert table.read() == []


@pytest.mark.parametrize("seed", range(4))
def test_we_read_what_pyiceberg_writes(driver, clickhouse, seed):
    root = clickhouse.directory / f"pyiceberg{seed}"
    # PyIceberg makes null maps empty before it writes them as well: flat columns only.
    table, schema, rows = random_table(driver, root, 20 + seed, 2, tuple(VERSION_2), nested=False)
    source = table.pyiceberg()
    catalog = load_catalog(
        "theirs", type="sql", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}/lake")
    catalog.create_namespace("theirs")
    theirs = catalog.create_table("theirs.t", source.schema(), properties={"format-version": "2"})
    theirs.append(source.scan().to_arrow())
    theirs.delete("key < 10")
    theirs.append(source.scan(row_filter="key < 3").to_arrow())
    with theirs.update_schema() as update:
        update.rename_column("key", "number")
        update.add_column("extra", LongType())
    lines = table.read(metadata=theirs.metadata_location)
    expected = [row for row in rows if row["key"] >= 10 or row["key"] < 3]
    fields = [{**KEY, "name": "number"}] + schema[1:]
    expected = [{"number": row["key"]} | {name: value for name, value in row.items() if name != "key"} for row in expected]
    assert all(line["extra"] is None for line in lines)
    ours = [{field["name"]: rounded(line[field["name"]], field) for field in fields} for line in lines]
    ours, expected = (sorted(some, key=lambda row: row["number"]) for some in (ours, iceberg_rows(expected, fields)))
    assert_same_rows(ours, expected, "ours")
