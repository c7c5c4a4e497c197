"""Random Iceberg tables: schemas, rows as Iceberg's JSON single values, and what other engines read of them."""

import datetime
import itertools
import json
import pathlib
import struct

import duckdb
import pyiceberg.table
import suite
from formats import PRIMITIVES, from_table

VERSION_2 = {
    "boolean": "boolean", "int32": "int", "int64": "long", "float": "float", "double": "double", "string": "string",
    "binary": "binary", "fixed": "fixed[5]", "uuid": "uuid", "date": "date", "time_microseconds": "time",
    "timestamp_microseconds": "timestamp", "timestamptz_microseconds": "timestamptz",
    "decimal_int32": "decimal(9, 2)", "decimal_int64": "decimal(18, 18)", "decimal_fixed": "decimal(38, 10)",
}
VERSION_3 = VERSION_2 | {"timestamp_nanoseconds": "timestamp_ns", "timestamptz_nanoseconds": "timestamptz_ns"}


def kind_of(field):
    """The name in PRIMITIVES of a leaf's type."""
    type = {key: value for key, value in field.items() if key not in ("name", "repetition")}
    return next(kind for kind, described in PRIMITIVES.items() if described == type)


def iceberg_schema(schema):
    """The driver's description of a Parquet schema as an Iceberg schema, ids breadth first from 1 on."""
    ids = itertools.count(1)

    def struct(fields):
        numbers = [next(ids) for _ in fields]
        return [
            {"id": number, "name": field["name"], "required": required(field), "type": type_of(field)}
            for number, field in zip(numbers, fields)
        ]

    def required(field):
        return field["repetition"] == "required"

    def type_of(field):
        logical = field.get("logical", {}).get("type")
        if logical == "list":
            element = field["fields"][0]["fields"][0]
            number = next(ids)
            return {"type": "list", "element-id": number, "element": type_of(element), "element-required": required(element)}
        if logical == "map":
            key, value = field["fields"][0]["fields"]
            key_id, value_id = next(ids), next(ids)
            return {
                "type": "map", "key-id": key_id, "key": type_of(key), "value-id": value_id, "value": type_of(value),
                "value-required": required(value),
            }
        if "fields" in field:
            return {"type": "struct", "fields": struct(field["fields"])}
        return VERSION_3[kind_of(field)]

    return {"type": "struct", "schema-id": 0, "fields": struct(schema)}


def iceberg_value(value, field):
    """A canonical value (see formats.py) as Iceberg's JSON single value, structs by name."""
    if value is None:
        return None
    logical = field.get("logical", {})
    kind = logical.get("type")
    if kind == "list":
        element = field["fields"][0]["fields"][0]
        return [iceberg_value(part, element) for part in value]
    if kind == "map":
        key_field, value_field = field["fields"][0]["fields"]
        return {
            "keys": [iceberg_value(key, key_field) for key, _ in value],
            "values": [iceberg_value(part, value_field) for _, part in value],
        }
    if "fields" in field:
        return {child["name"]: iceberg_value(value[child["name"]], child) for child in field["fields"]}
    if kind == "date":
        return day(value)
    if kind == "time":
        return clock(value, 6)
    if kind == "timestamp":
        digits = 9 if logical["unit"] == "nanoseconds" else 6
        days, rest = divmod(value, 86_400 * 10**digits)
        return f"{day(days)}T{clock(rest, digits)}" + ("+00:00" if logical["utc"] else "")
    return value


def day(days):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days)).isoformat()


def clock(value, digits):
    seconds, fraction = divmod(value, 10**digits)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:0{digits}}"


def iceberg_rows(rows, schema):
    return [{field["name"]: iceberg_value(row[field["name"]], field) for field in schema} for row in rows]


def rounded(value, field):
    """A value of our JSON, whose floats have as few digits as make them out, as the number that is meant."""
    if isinstance(value, float) and field.get("type") == "float":
        return struct.unpack("f", struct.pack("f", value))[0]
    if value is None or "fields" not in field:
        return value
    if field.get("logical", {}).get("type") == "list":
        return [rounded(part, field["fields"][0]["fields"][0]) for part in value]
    if field.get("logical", {}).get("type") == "map":
        inner = field["fields"][0]["fields"][1]
        return value | {"values": [rounded(part, inner) for part in value["values"]]}
    return {child["name"]: rounded(value[child["name"]], child) for child in field["fields"]}


def without_null_maps(value, field):
    """The value with empty maps for null ones: PyIceberg 0.12 reads them so where it converts keys or values."""
    if field.get("logical", {}).get("type") == "map":
        inner = field["fields"][0]["fields"][1]
        return [[key, without_null_maps(part, inner)] for key, part in value or []]
    if value is None or "fields" not in field:
        return value
    if field.get("logical", {}).get("type") == "list":
        return [without_null_maps(part, field["fields"][0]["fields"][0]) for part in value]
    return {child["name"]: without_null_maps(value[child["name"]], child) for child in field["fields"]}


class Table:
    """A table that tables-driver makes below a directory."""

    def __init__(self, driver, root, name="db.t"):
        self.driver, self.root, self.name = driver, pathlib.Path(root), name
        self.metadata = None

    def ask(self, command, **members):
        answer = self.driver.ask(command, root=str(self.root), table=self.name, **members)
        self.metadata = answer.get("metadata", self.metadata)
        return answer

    @property
    def directory(self):
        return self.root / "lake" / pathlib.Path(*self.name.split("."))

    def read(self, **members):
        """Rows as our scan gives them: Iceberg's JSON."""
        self.driver.ask("read", root=str(self.root), table=self.name, output="read.jsonl", **members)
        with open(self.root / "lake" / "read.jsonl", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def by_us(self, schema, **members):
        """The same as iceberg_rows."""
        return [{field["name"]: rounded(row[field["name"]], field) for field in schema} for row in self.read(**members)]

    # What others read, as canonical rows.

    def pyiceberg(self):
        return pyiceberg.table.StaticTable.from_metadata(self.metadata)

    def by_pyiceberg(self, schema):
        return from_table(self.pyiceberg().scan().to_arrow(), schema)

    def by_duckdb(self, schema):
        with duckdb.connect() as connection:
            connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
            for extension in suite.extension_files():
                connection.execute(f"LOAD '{extension}'")
            connection.execute("SET TimeZone='UTC'")
            path = self.metadata.removeprefix("file://")
            table = connection.execute(f"SELECT * FROM iceberg_scan('{path}')").to_arrow_table()
            return from_table(table, schema)

    def by_clickhouse(self, clickhouse, schema):
        return from_table(clickhouse.query(f"SELECT * FROM icebergLocal('{self.directory}/')"), schema)
