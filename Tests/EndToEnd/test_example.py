"""The example of docs/examples: what it prints, and that other engines read the table it makes."""

import json
import subprocess

import duckdb
import suite
from pyiceberg.table import StaticTable

ROWS = [
    {"id": 1, "item": "apple", "amount": "1.20", "note": None},
    {"id": 3, "item": "plum", "amount": "2.50", "note": None},
    {"id": 4, "item": "apple", "amount": "1.30", "note": "the last one"},
]


def test_the_example_prints_what_its_table_holds(tmp_path):
    printed = subprocess.run(
        [suite.BINARIES / "example-table", tmp_path / "warehouse"], check=True, capture_output=True, text=True
    ).stdout
    parts, title = {}, None
    for line in printed.splitlines():
        if line.startswith("{"):
            parts[title].append(json.loads(line))
        else:
            title = line.removesuffix(":")
            parts[title] = []
    now = sorted(parts["now"], key=lambda row: row["id"])
    assert [{key: row[key] for key in ROWS[0]} for row in now] == ROWS
    before = sorted(parts["before the delete"], key=lambda row: row["id"])
    assert [(row["id"], row["price"]) for row in before] == [(1, "1.20"), (2, "0.90"), (3, "2.50")]
    assert [row["id"] for row in parts["apples since March 2"]] == [4]

    metadata = tmp_path / "warehouse/warehouse/shop/sales/metadata/v5.metadata.json"
    table = StaticTable.from_metadata(f"file://{metadata}")
    scan = table.scan(selected_fields=("id", "item", "amount", "note"))
    read = sorted(scan.to_arrow().to_pylist(), key=lambda row: row["id"])
    assert [{**row, "amount": str(row["amount"])} for row in read] == ROWS
    connection = duckdb.connect()
    for extension in suite.extension_files():
        connection.execute(f"LOAD '{extension}'")
    found = connection.execute(f"SELECT id, item, amount, note FROM iceberg_scan('{metadata}') ORDER BY id").fetchall()
    assert [(row[0], row[1], str(row[2]), row[3]) for row in found] == [tuple(row.values()) for row in ROWS]
