"""Spark 3.5 with Iceberg's Java library reads what we write, and we read what it writes.

Runs where ANALYTICS_SPARK names a directory that tools/spark/setup.sh made ready: `deploy/test.sh spark` sees to it.
"""

import json
import os
import pathlib
import random
import subprocess
import uuid
from decimal import Decimal

import pyarrow.parquet
import pytest
from formats import PRIMITIVES, WIDE, Driver, Generator, assert_same_rows, told
from iceberg_tables import VERSION_2, Table, iceberg_rows, iceberg_schema
from test_formats_tables import KEY, by_key, random_table

KIT = os.environ.get("ANALYTICS_SPARK")
pytestmark = pytest.mark.skipif(not KIT, reason="ANALYTICS_SPARK names no directory with Spark: run deploy/test.sh spark")

# Spark has no time of day; its Python hands out years from 1 on, in which one second may lie before the first.
KINDS = tuple(kind for kind in VERSION_2 if not kind.startswith("time_"))
YEARS = {"earliest": -2_208_988_800, "latest": 7_258_118_400}


class Spark:
    def __init__(self, warehouse):
        self.process = subprocess.Popen(
            [pathlib.Path(KIT) / "venv" / "bin" / "python", pathlib.Path(__file__).with_name("spark_worker.py"), warehouse],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["rows"]

    def rows(self, sql, schema):
        return [{field["name"]: as_field(row[field["name"]], field) for field in schema} for row in self.ask(sql=sql)]

    def parquet(self, path, schema):
        return [{field["name"]: as_field(row[field["name"]], field) for field in schema} for row in self.ask(parquet=str(path))]


def as_field(value, field, is_micros=True):
    """A value of Spark's in the canonical form of a field; maps, which its Python gets in any order, by their keys."""
    if value is None:
        return None
    logical = field.get("logical", {})
    if logical.get("type") == "list":
        return [as_field(part, field["fields"][0]["fields"][0], is_micros) for part in value]
    if logical.get("type") == "map":
        fields = field["fields"][0]["fields"]
        entries = [[as_field(part, inner, is_micros) for part, inner in zip(entry, fields)] for entry in value]
        return sorted(entries, key=lambda entry: str(entry[0]))
    if "fields" in field:
        return {child["name"]: as_field(value[child["name"]], child, is_micros) for child in field["fields"]}
    if logical.get("type") == "timestamp" and logical["unit"] == "milliseconds" and is_micros:
        return value // 1000
    if logical.get("type") == "integer":
        return int(value)
    if logical.get("type") == "decimal":
        return format(Decimal(value).quantize(Decimal(1).scaleb(-logical["scale"]), context=WIDE), "f")
    return value


def in_order(rows, schema):
    """Canonical rows with the entries of maps in the order of as_field."""
    return [{field["name"]: as_field(row[field["name"]], field, is_micros=False) for field in schema} for row in rows]


def maps_in_order(value):
    """The same for Iceberg's JSON."""
    if isinstance(value, list):
        return [maps_in_order(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"keys", "values"}:
        pairs = sorted(zip(value["keys"], maps_in_order(value["values"])), key=lambda pair: str(pair[0]))
        return {"keys": [key for key, _ in pairs], "values": [part for _, part in pairs]}
    return {name: maps_in_order(part) for name, part in value.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def spark(root):
    (root / "lake").mkdir()
    engine = Spark(str(root / "lake"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def driver():
    with Driver("tables-driver") as driver:
        yield driver


@pytest.fixture(scope="module")
def files():
    with Driver("formats-driver") as driver:
        yield driver


LAYOUTS = [
    {"codec": "zstd"}, {"codec": "snappy", "page-version": 2, "page-rows": 50}, {"codec": "gzip", "dictionary": False},
    {"codec": "lz4_raw", "row-group-rows": 99, "bloom-filters": True, "page-checksums": True},
]
# Types that Spark's own reader of Parquet refuses, whatever the encoding.
REFUSED = ("time_", "timestamp_nanoseconds", "timestamptz_nanoseconds", "uuid", "float16")
PARQUET_KINDS = tuple(kind for kind in PRIMITIVES if not kind.startswith(REFUSED))


@pytest.mark.parametrize("seed", range(8))
def test_spark_reads_parquet_files(files, spark, root, seed):
    generator = Generator(600 + seed, kinds=PARQUET_KINDS, **YEARS)
    schema = generator.schema(6)
    if '"uuid"' in json.dumps(schema):
        pytest.skip("a map has UUIDs as keys")
    rows = generator.rows(schema, 300)
    path = root / f"{seed}.parquet"
    layout = LAYOUTS[seed % len(LAYOUTS)]
    files.ask("write", file=str(path), schema=schema, rows=rows, options=layout)
    with told(f"Spark, {layout}, {schema}"):
        assert_same_rows(spark.parquet(path, schema), in_order(rows, schema), "Spark")


WRITERS = [
    {}, {"page-version": 2, "page-rows": 20}, {"row-group-rows": 15}, {"profile": "compact"},
    {"profile": "compact", "page-version": 2},
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_spark_reads_random_tables(driver, spark, root, seed, version):
    name = f"db.random{version}_{seed}"
    table, schema, rows = random_table(
        driver, root, 700 + seed, version, KINDS, table_name=name, writer=WRITERS[seed % len(WRITERS)], **YEARS)
    with told(f"{schema}"):
        assert_same_rows(by_key(spark.rows(f"SELECT * FROM lake.{name}", schema)), in_order(by_key(rows), schema), "Spark")


@pytest.mark.parametrize("kind", ["positions", "equality", "vectors"])
@pytest.mark.parametrize("seed", range(2))
def test_spark_applies_deletes(driver, spark, root, seed, kind):
    name, version = f"db.{kind}{seed}", 3 if kind == "vectors" else 2
    table, schema, rows = random_table(
        driver, root, 800 + seed, version, KINDS, table_name=name, partitioned=kind != "equality", **YEARS)
    for gone in ([0, 1, 2, 3, 50, 119], list(range(40, 60)) + [7]):
        table.ask("delete", kind=kind, column="key", values=gone)
        rows = [row for row in rows if row["key"] not in gone]
    with told(f"{schema}"):
        assert_same_rows(by_key(spark.rows(f"SELECT * FROM lake.{name}", schema)), in_order(by_key(rows), schema), "Spark")
        if version == 3:
            check_lineage(table, spark)
        if kind != "equality":
            table.ask("rewrite")
            assert_same_rows(by_key(spark.rows(f"SELECT * FROM lake.{name}", schema)), in_order(by_key(rows), schema), "Spark, rewritten")
        if version == 3:
            check_lineage(table, spark)


def check_lineage(table, spark):
    """Row ids and sequence numbers, which must survive a rewrite, are the same for both."""
    columns = ["key", "_row_id", "_last_updated_sequence_number"]
    theirs = spark.ask(sql=f"SELECT {', '.join(columns)} FROM lake.{table.name}")
    ours = table.read(columns=columns)
    assert by_key(theirs) == by_key(ours)
    assert len({row["_row_id"] for row in ours}) == len(ours)
    lineage = {row["key"]: (row["_row_id"], row["_last_updated_sequence_number"]) for row in ours}
    assert getattr(table, "lineage", lineage) == lineage
    table.lineage = lineage


CHANGES = [
    "INSERT INTO {table} SELECT key + 1000, {rest} FROM {table} WHERE key < 20",
    "DELETE FROM {table} WHERE key % 7 = 3",
    "UPDATE {table} SET key = key + 5000 WHERE key % 11 = 4",
    "ALTER TABLE {table} ADD COLUMN added STRUCT<a: INT, b: ARRAY<STRING>> FIRST",
    "INSERT INTO {table} (key, {names}, added) SELECT key + 2000, {rest}, struct(1, array('x', null)) FROM {table} WHERE key < 9",
    "ALTER TABLE {table} ADD PARTITION FIELD bucket(2, key)",
    "ALTER TABLE {table} RENAME COLUMN added TO renamed",
    "MERGE INTO {table} t USING (SELECT 12L AS k UNION ALL SELECT 13L) s ON t.key = s.k"
    " WHEN MATCHED THEN DELETE",
    "DELETE FROM {table} WHERE key BETWEEN 30 AND 33",
    "CALL lake.system.rewrite_data_files(table => '{name}', options => map('min-input-files', '2'))",
    "DELETE FROM {table} WHERE key = 34",
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("mode", ["merge-on-read", "copy-on-write"])
def test_we_read_what_spark_writes_into_our_table(driver, spark, root, version, mode):
    name = f"db.changed{version}_{mode.replace('-', '_')}"
    table, schema, rows = random_table(driver, root, 900 + version, version, KINDS, table_name=name, nested=True, **YEARS)
    spark.ask(sql=f"ALTER TABLE lake.{name} SET TBLPROPERTIES ("
              + ", ".join(f"'write.{what}.mode'='{mode}'" for what in ("delete", "update", "merge")) + ")")
    names = [field["name"] for field in schema[1:]]
    for change in CHANGES:
        quoted = ", ".join(f"`{column}`" for column in names)
        with told(f"{change}, {schema}"):
            spark.ask(sql=change.format(table=f"lake.{name}", name=name, rest=quoted, names=quoted))
            theirs = spark.rows(f"SELECT {', '.join(['key'] + names)} FROM lake.{name}", schema)
            ours = table.by_us(schema)
            assert_same_rows(
                maps_in_order(by_key(ours)), maps_in_order(iceberg_rows(by_key(theirs), schema)), "ours")
    ours = {row["key"]: row["renamed"] for row in table.read(columns=["key", "renamed"])}
    assert ours[2001] == {"a": 1, "b": ["x", None]} and ours[0] is None
    if version == 3:
        check_lineage(table, spark)
    # And on from there.
    table.ask("delete", kind="vectors" if version == 3 else "positions", column="key", values=[0, 2001])
    theirs = {row["key"] for row in spark.ask(sql=f"SELECT key FROM lake.{name}")}
    assert theirs == ours.keys() - {0, 2001}


# What `compact` chooses for such values, and whether Iceberg's vectorized reader takes it; the other one takes all.
COMPACT = [
    ("int64", "DELTA_BINARY_PACKED", True, lambda pick, row: row * 3 + 1_000_000),
    ("double", "BYTE_STREAM_SPLIT", False, lambda pick, row: pick.random()),
    ("string", "DELTA_BYTE_ARRAY", False, lambda pick, row: f"prefix/{row:08}/{pick.random()}"),
    ("binary", "DELTA_LENGTH_BYTE_ARRAY", False, lambda pick, row: pick.randbytes(3 + row % 7).hex()),
    ("uuid", "PLAIN", True, lambda pick, row: str(uuid.UUID(int=pick.getrandbits(128)))),
]


@pytest.mark.parametrize("kind,encoding,is_vectorized,value", COMPACT, ids=[entry[0] for entry in COMPACT])
def test_spark_reads_compact_tables_or_refuses_as_documented(driver, spark, root, kind, encoding, is_vectorized, value):
    pick = random.Random(1)
    schema = [KEY, {"name": "c", "repetition": "optional"} | PRIMITIVES[kind]]
    rows = [{"key": row, "c": value(pick, row)} for row in range(3000)]
    table = Table(driver, root, f"db.compact_{kind}")
    table.ask("create", schema=iceberg_schema(schema), properties={})
    table.ask("append", rows=iceberg_rows(rows, schema), writer={"profile": "compact"})
    [path] = (table.directory / "data").rglob("*.parquet")
    assert encoding in pyarrow.parquet.read_metadata(path).row_group(0).column(1).encodings
    sql = f"SELECT * FROM lake.{table.name}"
    if is_vectorized:
        assert_same_rows(by_key(spark.rows(sql, schema)), rows, "Spark, vectorized")
    else:
        with pytest.raises(RuntimeError, match="Cannot support vectorized reads"):
            spark.rows(sql, schema)
    spark.ask(sql=f"ALTER TABLE lake.{table.name} SET TBLPROPERTIES ('read.parquet.vectorization.enabled'='false')")
    assert_same_rows(by_key(spark.rows(sql, schema)), rows, "Spark, row by row")
