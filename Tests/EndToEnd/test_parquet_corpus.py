"""Every file of the parquet-testing collection decodes to the values that pyarrow reads, nested ones included.

`formats-driver read` writes rows as JSON in a canonical form (Tests/Programs/formats-driver/ValueText.swift); pyarrow's
are brought into the same form here. Files that one of them does not read are listed with the reason.
"""

import json
import subprocess
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import suite

ROOT = suite.CORPORA / "parquet" / "parquet-testing"
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("**/*.parquet"))
ENCRYPTED = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("**/*.encrypted"))

# What we refuse, with words of the message.
REFUSED = {
    # Made to be refused: pyarrow does so too when it checks.
    "data/datapage_v1-corrupt-checksum.parquet": "CRC-32",
    "data/rle-dict-uncompressed-corrupt-checksum.parquet": "CRC-32",
    # A page of a gigabyte out of four kilobytes, above the limit on pages. pyarrow does not read it either.
    "data/large_string_map.brotli.parquet": "allowed",
}

# What pyarrow refuses, with what we read.
ONLY_OURS = {
    # "Map keys must be annotated as required"; we read the keys as they are.
    "data/incorrect_map_schema.parquet": [{"my_map": [["parent", "another"], ["name", "report"]]}],
}

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus parquet-testing is not beside the project")


def ours(name):
    result = subprocess.run([suite.BINARIES / "formats-driver", "read", ROOT / name], capture_output=True, timeout=120)
    if result.returncode != 0:
        return None, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.decode().split("\n") if line], ""


def theirs(name):
    file = pq.ParquetFile(ROOT / name, coerce_int96_timestamp_unit="us", page_checksum_verification=True)
    table = file.read(use_threads=False)
    columns = {field.name: values(table.column(index)) for index, field in enumerate(table.schema)}
    int96 = {
        file.schema.column(index).path for index in range(len(file.schema))
        if file.schema.column(index).physical_type == "INT96"
    }
    return [{name: column[row] for name, column in columns.items()} for row in range(table.num_rows)], int96


def values(column):
    """An Arrow column in the canonical form."""
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in values(chunk)]
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, is_uuid = column.storage, kind.extension_name == "arrow.uuid"
        if is_uuid:
            return [None if value is None else str(uuid.UUID(bytes=value)) for value in column.to_pylist()]
        kind = column.type
    if pa.types.is_dictionary(kind):
        return values(column.dictionary_decode())
    valid = column.is_valid().to_pylist()
    if pa.types.is_struct(kind):
        fields = {kind.field(index).name: values(column.field(index)) for index in range(kind.num_fields)}
        items = [{name: inner[row] for name, inner in fields.items()} for row in range(len(column))]
    elif pa.types.is_map(kind):
        entries = [[key, item] for key, item in zip(values(column.keys), values(column.items))]
        items = slices(column, entries)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        items = slices(column, values(column.values))
    elif pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        items = column.view(pa.int64()).to_pylist()
    elif pa.types.is_date32(kind) or pa.types.is_time32(kind):
        items = column.view(pa.int32()).to_pylist()
    elif pa.types.is_floating(kind):
        items = [number(value) for value in column.to_pylist()]
    elif pa.types.is_decimal(kind):
        items = [None if value is None else format(value, "f") for value in column.to_pylist()]
    else:
        items = [value.hex() if isinstance(value, bytes) else value for value in column.to_pylist()]
    return [item if is_valid else None for item, is_valid in zip(items, valid)]


def slices(column, elements):
    offsets = column.offsets.to_pylist()
    return [elements[start:end] for start, end in zip(offsets, offsets[1:])]


def number(value):
    if value is None:
        return None
    value = float(value)
    if value != value:
        return "NaN"
    return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")


def exact(value):
    """Equal only when the same: floating point numbers by their bits, integers never floats."""
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return (type(value).__name__, value.hex()) if isinstance(value, float) else (type(value).__name__, value)


def in_microseconds(rows, columns):
    """Our int96 are nanoseconds of any size; Arrow's 64 bits wrap around, as one in the collection does."""
    for row in rows:
        for name in columns & row.keys():
            if row[name] is not None:
                row[name] = (row[name] // 1000 + 2**63) % 2**64 - 2**63
    return rows


def without_pyarrow_quirks(name, rows):
    """Where pyarrow's schema cannot say what the file says."""
    if name == "data/map_no_value.parquet":
        # Arrow has no map without values: lists of keys instead.
        for row in rows:
            row["my_map_no_v"] = [[key] for key in row["my_map_no_v"]]
    return rows


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_pyarrow(name):
    rows, error = ours(name)
    if name in REFUSED:
        assert rows is None and REFUSED[name] in error, error
        with pytest.raises((pa.ArrowException, OSError)):
            theirs(name)
        return
    assert rows is not None, error
    if name in ONLY_OURS:
        with pytest.raises((pa.ArrowException, OSError)):
            theirs(name)
        assert rows == ONLY_OURS[name]
        return
    expected, int96 = theirs(name)
    rows = in_microseconds(rows, int96)
    expected = without_pyarrow_quirks(name, expected)
    assert len(rows) == len(expected)
    for index, (row, other) in enumerate(zip(rows, expected)):
        assert exact(row) == exact(other), f"row {index}"


@pytest.mark.parametrize("name", ENCRYPTED)
def test_encrypted_files_are_refused(name):
    rows, error = ours(name)
    assert rows is None and "encrypted" in error, error
