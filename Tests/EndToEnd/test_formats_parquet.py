"""Parquet files of random schemas and values: what we write, others read; what they write, we read."""

import struct

import duckdb
import pyarrow.parquet
import pytest
from engines import ClickHouse, duckdb_table, pyarrow_table
from formats import PRIMITIVES, Driver, Generator, assert_same_rows, from_driver, from_table, leaves, one_zero, told

SEEDS = range(22)

LAYOUTS = [
    {"codec": "zstd"},
    {"codec": "snappy", "page-rows": 100, "row-group-rows": 400, "page-version": 2},
    {"codec": "gzip", "dictionary": False, "page-bytes": 2000, "bloom-filters": True},
    {"codec": "none", "page-checksums": True, "page-rows": 7, "dictionary-bytes": 100},
    {"codec": "zstd", "level": 9, "page-index": False, "size-statistics": False},
    {"codec": "lz4_raw", "page-version": 2, "page-checksums": True, "bloom-filters": True},
    {"codec": "brotli", "row-group-rows": 150},
    {"profile": "compact", "codec": "zstd", "page-version": 1},
    {"profile": "compact", "codec": "none", "page-version": 2, "page-rows": 130, "bloom-filters": True},
    {"profile": "compact", "codec": "snappy", "page-version": 2, "dictionary": False, "row-group-rows": 300},
    {"profile": "compact", "codec": "brotli", "page-version": 1, "dictionary": False, "page-bytes": 1000},
]


@pytest.fixture(scope="module")
def driver():
    with Driver("formats-driver") as driver:
        yield driver


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    engine = ClickHouse(tmp_path_factory.mktemp("clickhouse"))
    yield engine
    engine.close()


def written(driver, path, seed, layout, rows=1000, **generator):
    """A file of a random schema: (schema, rows)."""
    generator = Generator(seed, **generator)
    schema = generator.schema(generator.random.randint(1, 8))
    values = generator.rows(schema, rows)
    driver.ask("write", file=str(path), schema=schema, rows=values, options=layout, **{"batch-rows": 300})
    return schema, values


def without(*names):
    return tuple(kind for kind in PRIMITIVES if not any(kind.startswith(name) for name in names))


@pytest.mark.parametrize("seed", SEEDS)
def test_we_and_pyarrow_read_what_we_write(driver, tmp_path, seed):
    layout = LAYOUTS[seed % len(LAYOUTS)]
    path = tmp_path / "file.parquet"
    schema, rows = written(driver, path, seed, layout)
    assert_same_rows(driver.read(path), rows, f"ours, {layout}")
    with told(f"pyarrow, {layout}, {schema}"):
        assert_same_rows(from_table(pyarrow_table(path), schema), rows, "pyarrow")
        check_statistics(path, schema, rows, layout)


# Times and zoned timestamps of nanoseconds lose their last three digits in DuckDB; it refuses files with BSON.
DUCKDB_LOSES = ("time_nanoseconds", "timestamptz_nanoseconds", "bson")
DUCKDB_KINDS = without(*DUCKDB_LOSES)
# It refuses what the profile `compact` does to byte arrays of fixed length, and to decimals in byte arrays.
DUCKDB_COMPACT_KINDS = without(*DUCKDB_LOSES, "fixed", "uuid", "float16", "decimal")
# ClickHouse parses JSON and writes it anew.
CLICKHOUSE_KINDS = without("json")


@pytest.mark.parametrize("seed", SEEDS)
def test_duckdb_reads_what_we_write(driver, tmp_path, seed):
    layout = LAYOUTS[seed % len(LAYOUTS)]
    path = tmp_path / "file.parquet"
    kinds = DUCKDB_COMPACT_KINDS if layout.get("profile") == "compact" else DUCKDB_KINDS
    schema, rows = written(driver, path, 100 + seed, layout, kinds=kinds)
    with told(f"DuckDB, {layout}, {schema}"):
        assert_same_rows(from_table(duckdb_table(path), schema), rows, "DuckDB")


@pytest.mark.parametrize("seed", SEEDS)
def test_clickhouse_reads_what_we_write(driver, clickhouse, seed):
    layout = LAYOUTS[seed % len(LAYOUTS)]
    path = clickhouse.directory / f"{seed}.parquet"
    schema, rows = written(driver, path, 200 + seed, layout, kinds=CLICKHOUSE_KINDS, nested=False)
    with told(f"ClickHouse, {layout}, {schema}"):
        assert_same_rows(from_table(clickhouse.table(path), schema), rows, "ClickHouse")


# --- Who refuses what -----------------------------------------------------------------------------------------------------

ALL_ENCODINGS = {
    "plain": "PLAIN", "dictionary": "RLE_DICTIONARY", "rle": "RLE", "deltaBinaryPacked": "DELTA_BINARY_PACKED",
    "deltaLengthByteArray": "DELTA_LENGTH_BYTE_ARRAY", "deltaByteArray": "DELTA_BYTE_ARRAY",
    "byteStreamSplit": "BYTE_STREAM_SPLIT",
}


def duckdb_refuses(kind, field, encoding):
    if encoding == "byteStreamSplit":
        return kind not in ("float", "double")
    return encoding == "deltaLengthByteArray" and kind == "decimal_binary"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("encoding", ALL_ENCODINGS)
def test_every_encoding_of_every_type_is_read_or_refused_as_documented(driver, clickhouse, encoding, version):
    """What docs/formats/parquet.md says of readers: refusals come and go with their versions."""
    generator = Generator(7, nested=False)
    kinds = [kind for kind in PRIMITIVES if kind not in ("bson", "json")]
    schema = [{"name": kind, "repetition": "optional"} | PRIMITIVES[kind] for kind in kinds]
    rows = [{field["name"]: generator.value(field) for field in schema} for _ in range(200)]
    path = clickhouse.directory / f"{encoding}{version}.parquet"
    options = {"codec": "zstd", "encoding": encoding, "page-version": version}
    driver.ask("write", file=str(path), schema=schema, rows=rows, options=options)
    assert_same_rows(driver.read(path), rows, "ours")
    table, metadata = pyarrow_table(path), pyarrow.parquet.read_metadata(path)
    used = []
    for index, field in enumerate(schema):
        if ALL_ENCODINGS[encoding] not in metadata.row_group(0).column(index).encodings:
            continue
        if encoding == "rle" and field["type"] != "boolean":
            continue
        kind = field["name"]
        used.append(kind)
        expected = [{kind: row[kind]} for row in rows]
        assert_same_rows(from_table(table, [field]), expected, f"pyarrow, {kind}")
        read = clickhouse.query(f"SELECT `{kind}` FROM file('{path}', Parquet)")
        assert_same_rows(from_table(read, [field]), expected, f"ClickHouse, {kind}")
        if kind in DUCKDB_LOSES:
            continue
        try:
            read = from_table(duckdb_table(path, f'"{kind}"'), [field])
            assert not duckdb_refuses(kind, field, encoding), f"DuckDB reads {kind} now"
            assert_same_rows(read, expected, f"DuckDB, {kind}")
        except duckdb.Error as error:
            assert duckdb_refuses(kind, field, encoding), f"{kind}: {error}"
    assert used, "the encoding was not used at all"


# --- What others write ----------------------------------------------------------------------------------------------------

ENCODINGS = {
    "boolean": ["RLE", "PLAIN"],
    "int32": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"],
    "int64": ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"],
    "float": ["BYTE_STREAM_SPLIT", "PLAIN"],
    "double": ["BYTE_STREAM_SPLIT", "PLAIN"],
    "byteArray": ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"],
    "fixed": ["BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY", "PLAIN"],
}


def pyarrow_options(random, path, has_nanoseconds):
    """One of many ways to write a file; encodings go by the physical types that pyarrow stores the columns as."""
    options = {
        "compression": random.choice(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
        "data_page_version": random.choice(["1.0", "2.0"]),
        "version": "2.6" if has_nanoseconds else random.choice(["1.0", "2.4", "2.6"]),
        "data_page_size": random.choice([100, 3000, 1 << 20]),
        "write_batch_size": random.choice([10, 1024]),
        "row_group_size": random.choice([150, 999, 100_000]),
        "write_page_index": random.random() < 0.5,
        "write_page_checksum": random.random() < 0.5,
        "use_compliant_nested_type": random.random() < 0.8,
        "store_decimal_as_integer": random.random() < 0.5,
    }
    style = random.randrange(3)
    if style == 0:
        options |= {"use_dictionary": True, "dictionary_pagesize_limit": random.choice([50, 1 << 20])}
    else:
        options["use_dictionary"] = False
    if style == 2:
        physical = {"INT32": "int32", "INT64": "int64", "FLOAT": "float", "DOUBLE": "double", "BOOLEAN": "boolean"}
        physical |= {"BYTE_ARRAY": "byteArray", "FIXED_LEN_BYTE_ARRAY": "fixed"}
        pyarrow.parquet.write_table(pyarrow_table(path), f"{path}.probe", **{
            name: options[name] for name in ("version", "use_compliant_nested_type", "store_decimal_as_integer")})
        columns = pyarrow.parquet.ParquetFile(f"{path}.probe").schema
        options["column_encoding"] = {
            column.path: random.choice(ENCODINGS[physical[column.physical_type]]) for column in columns}
    return options


@pytest.mark.parametrize("seed", SEEDS)
def test_we_read_what_pyarrow_writes(driver, tmp_path, seed):
    path = tmp_path / "ours.parquet"
    schema, rows = written(driver, path, 300 + seed, {"codec": "zstd"}, kinds=without("enum"))
    options = pyarrow_options(Generator(seed).random, path, has_nanoseconds="nanoseconds" in str(schema))
    theirs = tmp_path / "theirs.parquet"
    with told(f"pyarrow, {options}, {schema}"):
        pyarrow.parquet.write_table(pyarrow_table(path), theirs, **options)
        assert_same_rows(from_driver(driver, theirs, schema), rows, "what pyarrow wrote")


@pytest.mark.parametrize("seed", SEEDS)
def test_we_read_what_duckdb_writes(driver, tmp_path, seed):
    path = tmp_path / "ours.parquet"
    schema, rows = written(driver, path, 400 + seed, {"codec": "zstd"}, kinds=without("enum", *DUCKDB_LOSES))
    random = Generator(seed).random
    options = f"""FORMAT parquet, COMPRESSION {random.choice(["snappy", "zstd", "gzip", "lz4_raw", "brotli", "uncompressed"])},
        PARQUET_VERSION {random.choice(["v1", "v2"])}, ROW_GROUP_SIZE {random.choice([2048, 100_000])},
        DICTIONARY_SIZE_LIMIT {random.choice([1, 10_000])}"""
    theirs = tmp_path / "theirs.parquet"
    with told(f"DuckDB, {options}, {schema}"):
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone='UTC'")
            connection.execute(f"COPY (SELECT * FROM read_parquet('{path}')) TO '{theirs}' ({options})")
        assert_same_rows(one_zero(from_driver(driver, theirs, schema)), one_zero(rows), "what DuckDB wrote")


@pytest.mark.parametrize("seed", SEEDS)
def test_we_read_what_clickhouse_writes(driver, clickhouse, seed):
    path = clickhouse.directory / f"ours{seed}.parquet"
    schema, rows = written(driver, path, 500 + seed, {"codec": "zstd"}, kinds=CLICKHOUSE_KINDS, nested=False)
    random = Generator(seed).random
    options = f"""output_format_parquet_compression_method='{random.choice(["snappy", "zstd", "gzip", "lz4", "brotli", "none"])}',
        output_format_parquet_row_group_size={random.choice([100, 100000])},
        output_format_parquet_data_page_size={random.choice([500, 1048576])},
        output_format_parquet_max_dictionary_size={random.choice([0, 1048576])},
        output_format_parquet_fixed_string_as_fixed_byte_array=1, engine_file_truncate_on_insert=1"""
    theirs = clickhouse.directory / f"theirs{seed}.parquet"
    with told(f"ClickHouse, {options}, {schema}"):
        clickhouse.query(
            f"INSERT INTO FUNCTION file('{theirs}', Parquet) SELECT * FROM file('{path}', Parquet) SETTINGS {options}",
            answers=False)
        assert_same_rows(from_driver(driver, theirs, schema), rows, "what ClickHouse wrote")


# --- Statistics -----------------------------------------------------------------------------------------------------------


def check_statistics(path, schema, rows, layout):
    """Null counts and bounds of every flat column, of every row group, against the values."""
    metadata = pyarrow.parquet.read_metadata(path)
    fields = dict(leaves(schema))
    start = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        part = rows[start : start + group.num_rows]
        start += group.num_rows
        for position in range(group.num_columns):
            column = group.column(position)
            path_in_schema = tuple(column.path_in_schema.split("."))
            if len(path_in_schema) > 1:
                continue
            values = [row[path_in_schema[0]] for row in part]
            check_column(column, fields[path_in_schema], values)
    assert start == len(rows)


def check_column(column, field, values):
    statistics = column.statistics
    present = [value for value in values if value is not None]
    assert statistics is not None, field
    assert statistics.null_count == len(values) - len(present), field
    ordered = [order(value, field) for value in present]
    ordered = [value for value in ordered if value is not None]
    if not ordered:
        assert not statistics.has_min_max, field
        return
    if not statistics.has_min_max:
        # Bounds of half floats are left out; so is a maximum that cannot be raised within the limit of 64 bytes.
        is_half = field.get("logical", {}).get("type") == "float16"
        assert is_half or isinstance(ordered[0], bytes) and max(len(value) for value in ordered) > 64, field
        return
    low, high = raw(statistics.min_raw, field), raw(statistics.max_raw, field)
    if isinstance(min(ordered), bytes) and max(len(value) for value in ordered) > 64:
        assert low <= min(ordered) and high >= max(ordered), field
        assert len(low) <= 64 and len(high) <= 64, field
    else:
        assert (low, high) == (min(ordered), max(ordered)), (field, low, high, min(ordered), max(ordered))
        if field["type"] in ("float", "double") and low == 0:
            assert str(statistics.min_raw) == "-0.0"
        if field["type"] in ("float", "double") and high == 0:
            assert str(statistics.max_raw) == "0.0"


def order(value, field):
    """What a value is compared by; None for NaN, which has no place in bounds."""
    kind = field.get("logical", {}).get("type")
    if kind == "decimal":
        return int(value.replace(".", ""))
    if kind == "uuid":
        return bytes.fromhex(value.replace("-", ""))
    if kind == "float16" or field["type"] in ("float", "double"):
        return None if value == "NaN" else float(value.replace("Infinity", "inf") if isinstance(value, str) else value)
    if kind in ("string", "enumeration", "json"):
        return value.encode()
    if isinstance(value, str):
        return bytes.fromhex(value)
    return value


def raw(value, field):
    logical = field.get("logical", {})
    if logical.get("type") == "integer" and not logical["signed"]:
        return value % (1 << (64 if field["type"] == "int64" else 32))
    if logical.get("type") == "decimal" and isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    if logical.get("type") == "float16":
        return struct.unpack("<e", value)[0] if isinstance(value, bytes) else float(value)
    return value
