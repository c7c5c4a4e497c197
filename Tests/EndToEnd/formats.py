"""Random Parquet schemas and values, and every reader's values in one canonical form.

The form is that of `formats-driver` (Tests/Programs/formats-driver/ValueText.swift): integers for dates, times and
timestamps, text for decimals and UUIDs, lowercase hexadecimal for bytes, `"NaN"` and the like for what JSON cannot say.
A field is the driver's description of it: a dict with "name", "repetition", "type" or "fields", "logical".
"""

import contextlib
import json
import os
import random
import struct
import subprocess
import uuid
from decimal import Decimal

import pyarrow
import suite


class Driver:
    """One process of formats-driver or tables-driver: a request a line, an answer a line."""

    def __init__(self, name):
        arguments = [suite.BINARIES / name] + (["serve"] if name == "formats-driver" else [])
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0
        self.process.stdout.close()

    def ask(self, command, **members):
        """The answer to a request; an error is raised."""
        answer = self.attempt(command, **members)
        assert "error" not in answer, answer["error"]
        return answer

    def attempt(self, command, **members):
        self.process.stdin.write(json.dumps({"command": command} | members) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait()} at {command}"
        return json.loads(line)

    def read(self, path):
        """Every row of a Parquet file, as the driver reads it."""
        output = f"{path}.rows"
        self.ask("read", file=str(path), output=output)
        try:
            with open(output, encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
        finally:
            os.unlink(output)

    def schema(self, path):
        output = f"{path}.schema"
        self.ask("schema", file=str(path), output=output)
        with open(output, encoding="utf-8") as text:
            return json.load(text)


# --- Types --------------------------------------------------------------------------------------------------------------


def _integer(bits, signed):
    return {"type": "int64" if bits == 64 else "int32", "logical": {"type": "integer", "bits": bits, "signed": signed}}


def _time(kind, unit, utc):
    physical = "int32" if kind == "time" and unit == "milliseconds" else "int64"
    return {"type": physical, "logical": {"type": kind, "unit": unit, "utc": utc}}


def _decimal(precision, scale, physical, length=None):
    described = {"type": physical, "logical": {"type": "decimal", "precision": precision, "scale": scale}}
    return described | ({"length": length} if length else {})


def _bytes(logical=None):
    return {"type": "byteArray"} | ({"logical": {"type": logical}} if logical else {})


UNITS = ("milliseconds", "microseconds", "nanoseconds")
PER_SECOND = {"milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

PRIMITIVES = (
    {"boolean": {"type": "boolean"}, "int32": {"type": "int32"}, "int64": {"type": "int64"}}
    | {f"int{bits}_logical": _integer(bits, True) for bits in (8, 16, 32, 64)}
    | {f"uint{bits}": _integer(bits, False) for bits in (8, 16, 32, 64)}
    | {"float": {"type": "float"}, "double": {"type": "double"}}
    | {"float16": {"type": "fixed", "length": 2, "logical": {"type": "float16"}}}
    | {"string": _bytes("string"), "enum": _bytes("enumeration"), "json": _bytes("json"), "bson": _bytes("bson")}
    | {"binary": _bytes(), "fixed": {"type": "fixed", "length": 5}}
    | {"uuid": {"type": "fixed", "length": 16, "logical": {"type": "uuid"}}}
    | {"date": {"type": "int32", "logical": {"type": "date"}}}
    | {f"time_{unit}": _time("time", unit, utc=False) for unit in UNITS}
    | {f"timestamp_{unit}": _time("timestamp", unit, utc=False) for unit in UNITS}
    | {f"timestamptz_{unit}": _time("timestamp", unit, utc=True) for unit in UNITS}
    | {"decimal_int32": _decimal(9, 2, "int32"), "decimal_int64": _decimal(18, 18, "int64")}
    | {"decimal_fixed": _decimal(38, 10, "fixed", 16), "decimal_short": _decimal(11, 0, "fixed", 5)}
    | {"decimal_binary": _decimal(20, 3, "byteArray")}
)


class Generator:
    """Random schemas and rows, the same for the same seed."""

    # Seconds since 1970 of the years 1 and 10000, which most engines keep to.
    def __init__(self, seed, kinds=tuple(PRIMITIVES), nested=True, earliest=-62_135_596_800, latest=253_402_300_799):
        self.random = random.Random(seed)
        self.earliest, self.latest = earliest, latest
        self.kinds, self.nested = kinds, nested

    def schema(self, columns):
        return [self.field(f"c{index}", depth=0) for index in range(columns)]

    def field(self, name, depth, repetition=None):
        repetition = repetition or self.random.choice(("required", "optional", "optional"))
        shape = self.random.random() if self.nested and depth < 3 else 0
        if shape < 0.6:
            return {"name": name, "repetition": repetition} | PRIMITIVES[self.random.choice(self.kinds)]
        if shape < 0.75:
            count = self.random.randint(1, 3)
            return {
                "name": name, "repetition": repetition,
                "fields": [self.field(f"f{index}", depth + 1) for index in range(count)],
            }
        if shape < 0.9:
            wrapper = {"name": "list", "repetition": "repeated", "fields": [self.field("element", depth + 1)]}
            return {"name": name, "repetition": repetition, "logical": {"type": "list"}, "fields": [wrapper]}
        key = {"name": "key", "repetition": "required"} | PRIMITIVES[self.random.choice(("string", "int32", "uuid", "date"))]
        entry = {"name": "key_value", "repetition": "repeated", "fields": [key, self.field("value", depth + 1)]}
        return {"name": name, "repetition": repetition, "logical": {"type": "map"}, "fields": [entry]}

    def rows(self, schema, count):
        columns = {field["name"]: self.column(field, count) for field in schema}
        return [{name: values[row] for name, values in columns.items()} for row in range(count)]

    def column(self, field, count):
        """Values with runs, repetition or neither, so that every encoding has its turn."""
        nulls = self.random.choice((0, 0.05, 0.5, 1)) if field["repetition"] == "optional" else 0
        style = self.random.random()
        pool = [self.content(field) for _ in range(self.random.choice((1, 7, 300)))] if style < 0.5 else None
        values, run = [], 0
        for _ in range(count):
            if run > 0:
                values.append(values[-1])
                run -= 1
                continue
            if self.random.random() < nulls:
                values.append(None)
            else:
                values.append(self.random.choice(pool) if pool else self.content(field))
            run = self.random.randint(0, 40) if style < 0.2 else 0
        return values

    def value(self, field):
        if field["repetition"] == "optional" and self.random.random() < 0.2:
            return None
        return self.content(field)

    def content(self, field):
        if "fields" not in field:
            return self.primitive(field)
        logical = field.get("logical", {}).get("type")
        if logical == "list":
            return [self.value(field["fields"][0]["fields"][0]) for _ in range(self.length())]
        if logical == "map":
            key, value = field["fields"][0]["fields"]
            entries = {json.dumps(self.primitive(key)): self.value(value) for _ in range(self.length())}
            return [[json.loads(name), value] for name, value in entries.items()]
        return {child["name"]: self.value(child) for child in field["fields"]}

    def length(self):
        return self.random.choice((0, 0, 1, 1, 2, 3, 9))

    # Timestamps of nanoseconds reach from 1678 to 2261.
    def primitive(self, field):
        pick = self.random
        logical = field.get("logical", {})
        kind = logical.get("type")
        if kind == "decimal":
            limit = 10 ** logical["precision"] - 1
            unscaled = pick.choice((0, 1, -1, limit, -limit, pick.randint(-limit, limit), pick.randint(-999, 999)))
            return format(Decimal(unscaled).scaleb(-logical["scale"], context=WIDE), "f")
        if kind == "date":
            low, high = self.earliest // 86_400, self.latest // 86_400
            return pick.choice((0, -1, low, high, pick.randint(low, high), pick.randint(0, 20_000)))
        if kind == "time":
            limit = 86_400 * PER_SECOND[logical["unit"]] - 1
            return pick.choice((0, limit, pick.randint(0, limit)))
        if kind == "timestamp":
            per_second = PER_SECOND[logical["unit"]]
            low, high = (-9_223_372_036, 9_223_372_035) if per_second == 10**9 else (self.earliest, self.latest)
            seconds = pick.choice((0, -1, low, high, pick.randint(low, high), pick.randint(0, 1_700_000_000)))
            return seconds * per_second + pick.choice((0, per_second - 1, pick.randrange(per_second)))
        if kind == "integer" or field["type"] in ("int32", "int64"):
            bits = logical.get("bits", int(field["type"][3:]))
            signed = logical.get("signed", True)
            low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
            return pick.choice((0, 1, low, high, pick.randint(low, high), pick.randint(0, 100)))
        if kind == "uuid":
            return str(uuid.UUID(int=pick.choice((0, 2**128 - 1, pick.getrandbits(128)))))
        if kind == "float16":
            return self.float("e", 16)
        if field["type"] in ("float", "double"):
            return self.float("f", 32) if field["type"] == "float" else self.float("d", 64)
        if field["type"] == "boolean":
            return pick.random() < 0.5
        if kind in ("string", "enumeration"):
            return self.text()
        if kind == "json":
            return json.dumps({"k": self.text(), "n": pick.randint(0, 9)})
        length = field.get("length") or pick.choice((0, 1, 3, 20, 300))
        fill = pick.choice((0x00, 0xFF, None, None))
        return (bytes([fill]) * length if fill is not None else pick.randbytes(length)).hex()

    def float(self, code, bits):
        pick = self.random
        choice = pick.randrange(6)
        if choice == 0:
            return pick.choice(("NaN", "Infinity", "-Infinity", -0.0, 0.0))
        if choice < 4:
            value = struct.unpack(code, struct.pack(code, pick.choice((1.5, -2.25, pick.uniform(-1000, 1000)))))[0]
        else:
            value = struct.unpack("<" + code, pick.getrandbits(bits).to_bytes(bits // 8, "little"))[0]
        return canonical_float(value)

    def text(self):
        pick = self.random
        return pick.choice((
            "", "a", "a\0b", "\x7f\x01", "ü", "🦊", "\ud7ff\ue000", "\U0010ffff" * 3, "x" * pick.choice((15, 16, 17, 64, 65, 400)),
            "é" * 40, str(pick.randint(0, 10**12)), "".join(pick.choice("abcdefgh") for _ in range(pick.randint(1, 30))),
        ))


def canonical_float(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


# --- From Arrow ---------------------------------------------------------------------------------------------------------

import decimal  # noqa: E402

WIDE = decimal.Context(prec=80)


def from_table(table, schema):
    """Rows of an Arrow table, as whichever reader made it, in the canonical form of the schema."""
    columns = {field["name"]: from_arrow(table.column(field["name"]).combine_chunks(), field) for field in schema}
    return [{name: values[row] for name, values in columns.items()} for row in range(table.num_rows)]


def from_arrow(array, field):
    if isinstance(array, pyarrow.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if isinstance(array, pyarrow.ExtensionArray):
        array = array.storage
    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pyarrow.types.is_null(kind):
        return [None] * len(array)
    valid = array.is_valid().to_pylist()
    if pyarrow.types.is_struct(kind):
        children = {child["name"]: from_arrow(array.field(child["name"]), child) for child in field["fields"]}
        return [
            {name: values[row] for name, values in children.items()} if valid[row] else None for row in range(len(array))
        ]
    if pyarrow.types.is_map(kind):
        key, value = field["fields"][0]["fields"]
        keys, items = from_arrow(array.keys, key), from_arrow(array.items, value)
        entries = [[key, item] for key, item in zip(keys, items)]
        return _slices(array, entries, valid)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return _slices(array, from_arrow(array.values, field["fields"][0]["fields"][0]), valid)
    return [_value(value, field) if is_valid else None for value, is_valid in zip(_raw(array), valid)]


def _slices(array, values, valid):
    offsets = array.offsets.to_pylist()
    return [values[offsets[row] : offsets[row + 1]] if valid[row] else None for row in range(len(array))]


def _raw(array):
    """Python values, with times as numbers of a unit: (number, units a second)."""
    kind = array.type
    if pyarrow.types.is_timestamp(kind):
        return [(value, PER_SECOND[kind.unit]) for value in array.view(pyarrow.int64()).to_pylist()]
    if pyarrow.types.is_time32(kind):
        return [(value, PER_SECOND[kind.unit]) for value in array.view(pyarrow.int32()).to_pylist()]
    if pyarrow.types.is_time64(kind):
        return [(value, PER_SECOND[kind.unit]) for value in array.view(pyarrow.int64()).to_pylist()]
    if pyarrow.types.is_date32(kind):
        return array.view(pyarrow.int32()).to_pylist()
    return array.to_pylist()


def _value(value, field):
    kind = field.get("logical", {}).get("type")
    if kind in ("time", "timestamp"):
        number, per_second = value
        wanted = PER_SECOND[field["logical"]["unit"]]
        return number * wanted // per_second
    if kind == "decimal":
        return format(Decimal(value), "f")
    if kind == "uuid":
        return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else str(value)
    if kind in ("string", "enumeration", "json"):
        return value if isinstance(value, str) else value.decode()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, bool) or not isinstance(value, (int, float)) and not hasattr(value, "dtype"):
        return value
    if kind == "float16" or field["type"] in ("float", "double"):
        return canonical_float(float(value))
    return value


def from_driver(driver, path, schema):
    """Rows of a file that another writer made, as our reader reads them, in the units of the schema."""
    stored = {field["name"]: field for field in driver.schema(path)}
    wanted = {field["name"]: field for field in schema}
    return [
        {name: _rescaled(value, stored[name], wanted[name]) for name, value in row.items()} for row in driver.read(path)
    ]


def _rescaled(value, stored, wanted):
    """A value as the wanted field has it: writers choose other units of time, and store text and UUIDs as plain bytes."""
    if value is None:
        return None
    logical = wanted.get("logical", {}).get("type")
    if logical == "list":
        stored = stored["fields"][0]["fields"][0]
        return [_rescaled(element, stored, wanted["fields"][0]["fields"][0]) for element in value]
    if logical == "map":
        fields = list(zip(stored["fields"][0]["fields"], wanted["fields"][0]["fields"]))
        return [[_rescaled(part, *pair) for part, pair in zip(entry, fields)] for entry in value]
    if "fields" in wanted:
        inner = {field["name"]: field for field in stored["fields"]}
        return {field["name"]: _rescaled(value[field["name"]], inner[field["name"]], field) for field in wanted["fields"]}
    if logical in ("time", "timestamp"):
        unit = stored.get("logical", {}).get("unit", "nanoseconds" if stored["type"] == "int96" else None)
        return value * PER_SECOND[wanted["logical"]["unit"]] // PER_SECOND[unit]
    text = stored.get("logical", {}).get("type")
    if logical in ("string", "json", "enumeration") and text is None:
        return bytes.fromhex(value).decode()
    if logical == "uuid" and text is None:
        return str(uuid.UUID(value))
    if text == "string" and wanted["type"] in ("byteArray", "fixed") and logical in (None, "bson"):
        return value["bytes"] if isinstance(value, dict) else value.encode().hex()
    if logical == "decimal":
        return format(Decimal(value), "f")
    return value


def exact(value):
    """A form in which equal means the same: floats by their bits."""
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, list):
        return [exact(element) for element in value]
    if isinstance(value, dict):
        return {key: exact(element) for key, element in value.items()}
    return value


def one_zero(value):
    """The value with -0.0 as 0.0, for writers whose dictionaries hold one of the two."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, list):
        return [one_zero(element) for element in value]
    if isinstance(value, dict):
        return {key: one_zero(element) for key, element in value.items()}
    return value


def assert_same_rows(actual, expected, what):
    assert len(actual) == len(expected), f"{what}: {len(actual)} rows instead of {len(expected)}"
    for row, (left, right) in enumerate(zip(actual, expected)):
        if exact(left) != exact(right):
            names = [name for name in right if exact(left.get(name)) != exact(right[name])]
            shown = {name: (left.get(name), right[name]) for name in names}
            raise AssertionError(f"{what}: row {row} differs (read, expected): {str(shown)[:1500]}")


def leaves(schema, path=()):
    """(path, field, whether it is flat) of every leaf, in order."""
    for field in schema:
        here = path + (field["name"],)
        if "fields" in field:
            yield from leaves(field["fields"], here)
        else:
            yield here, field


@contextlib.contextmanager
def told(what):
    """Says what was tried when it fails."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {str(error)[:2000]}") from error
