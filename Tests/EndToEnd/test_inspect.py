"""analytics-inspect on a table that PyIceberg writes to an S3 server, against what PyIceberg and pyarrow say of it."""

import datetime
import json
import os
import subprocess

import pyarrow
import pyarrow.parquet
import pytest
import suite
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DoubleType, NestedField, StringType, TimestamptzType


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory):
    server = suite.Seaweed(tmp_path_factory.mktemp("seaweed")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def table(seaweed, tmp_path_factory):
    catalog = SqlCatalog(
        "test", uri=f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.db", warehouse="s3://analytics-source/lake",
        **{"s3.endpoint": seaweed.endpoint, "s3.access-key-id": suite.ACCESS_KEY,
           "s3.secret-access-key": suite.SECRET_KEY, "s3.region": "us-east-1"})
    catalog.create_namespace("shop")
    table = catalog.create_table(
        "shop.sales",
        Schema(NestedField(1, "item", StringType(), required=False), NestedField(2, "at", TimestamptzType(), required=False),
               NestedField(3, "price", DoubleType(), required=False)),
        partition_spec=PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "item"),
                                     PartitionField(2, 1001, DayTransform(), "at_day")))
    start = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.timezone.utc)
    for day in range(2):
        table.append(pyarrow.table({
            "item": ["apple", "pear", "plum", None],
            "at": pyarrow.array([start + datetime.timedelta(days=day, hours=hour) for hour in range(4)],
                                pyarrow.timestamp("us", tz="UTC")),
            "price": [1.5, 2.5, None, float("nan")]}))
    with table.update_schema() as update:
        update.add_column("note", StringType())
        update.rename_column("price", "amount")
    table.delete(EqualTo("item", "pear"))
    return table


@pytest.fixture(scope="module")
def inspect(seaweed):
    def run(*arguments, exit_code=0):
        result = subprocess.run(
            [suite.BINARIES / "analytics-inspect", "--json", *arguments], capture_output=True, text=True,
            env=os.environ | seaweed.environment())
        assert result.returncode == exit_code, result.stderr
        return json.loads(result.stdout) if result.stdout else result.stderr

    return run


def test_metadata_and_snapshots_are_those_that_pyiceberg_has(inspect, table):
    directory = table.location()
    metadata = inspect("metadata", directory)
    assert metadata["metadata-file"] == table.metadata_location
    assert metadata["table-uuid"] == str(table.metadata.table_uuid)
    assert [field["name"] for field in metadata["schemas"][-1]["fields"]] == ["item", "at", "amount", "note"]
    assert metadata["partition-specs"][0]["fields"] == "item, day(at) as at_day"
    found = inspect("snapshots", directory)["snapshots"]
    expected = table.inspect.snapshots().to_pylist()
    assert [(s["snapshot-id"], s["parent-snapshot-id"], s["operation"]) for s in found] == [
        (s["snapshot_id"], s["parent_id"], s["operation"]) for s in expected]


def test_manifests_hold_the_files_that_pyiceberg_lists_with_their_metrics(inspect, table):
    listed = inspect("manifest-list", table.location())["manifests"]
    files = {}
    for manifest in listed:
        for entry in inspect("manifest", manifest["manifest_path"])["entries"]:
            if entry["status"] != "deleted":
                files[entry["data_file"]["file_path"]] = entry["data_file"]
    expected = table.inspect.files().to_pylist()
    assert files.keys() == {file["file_path"] for file in expected}
    for file in expected:
        shown = files[file["file_path"]]
        assert (shown["record_count"], shown["file_size_in_bytes"]) == (file["record_count"], file["file_size_in_bytes"])
        assert shown["partition"]["item"] == file["partition"]["item"]
        assert shown["partition"]["at_day"] == file["partition"]["at_day"].isoformat()
        columns = {column["id"]: column for column in shown["columns"]}
        for field, name in [(1, "item"), (2, "at"), (3, "amount")]:
            metrics, column = file["readable_metrics"][name], columns[field]
            assert column.get("nulls") == metrics["null_value_count"]
            bound = metrics["lower_bound"]
            if isinstance(bound, datetime.datetime):
                assert datetime.datetime.fromisoformat(column["lower"]) == bound.replace(tzinfo=datetime.timezone.utc)
            elif bound is not None:
                assert column["lower"] == bound


def test_footers_say_what_pyarrow_says(inspect, table):
    io = table.io
    for file in table.inspect.files().to_pylist():
        footer = inspect("parquet", "footer", file["file_path"])
        with io.new_input(file["file_path"]).open() as stream:
            metadata = pyarrow.parquet.read_metadata(stream)
        assert (footer["num_rows"], footer["created_by"]) == (metadata.num_rows, metadata.created_by)
        for index, group in enumerate(footer["row_groups"]):
            for position, column in enumerate(group["columns"]):
                theirs = metadata.row_group(index).column(position)
                assert column["total_compressed_size"] == theirs.total_compressed_size
                assert sorted(column["encodings"]) == sorted(theirs.encodings)
                if theirs.statistics is not None and theirs.statistics.has_min_max and theirs.physical_type != "INT64":
                    assert column["min_value"] == theirs.statistics.min
        pages = inspect("parquet", "pages", file["file_path"])["column chunks"]
        values = {chunk["column"]: sum(page["values"] for page in chunk["pages"] if page["type"] != "DICTIONARY_PAGE")
                  for chunk in pages}
        assert set(values.values()) == {metadata.num_rows}


def test_a_difference_and_the_rows_are_those_that_pyiceberg_reads(inspect, table):
    ids = [snapshot.snapshot_id for snapshot in table.snapshots()]
    diff = inspect("diff", table.location(), str(ids[1]), "main")
    before = {file["file_path"] for file in table.inspect.files(snapshot_id=ids[1]).to_pylist()}
    after = {file["file_path"] for file in table.inspect.files().to_pylist()}
    assert {file["path"] for file in diff["removed files"]} == before - after
    assert {file["path"] for file in diff["added files"]} == after - before
    assert [(change["change"], change["column"]) for change in diff["schema"]] == [
        ("renamed", "amount"), ("added", "note")]
    rows = inspect("rows", table.location())["rows"]
    expected = table.scan().to_arrow().to_pylist()
    assert len(rows) == len(expected) == 6
    assert {(row["item"], datetime.datetime.fromisoformat(row["at"])) for row in rows} == {
        (row["item"], row["at"]) for row in expected}


def test_what_is_not_there_is_an_error_with_its_location(inspect, table):
    for command in (["metadata"], ["parquet", "footer"], ["avro"]):
        error = inspect(*command, "s3://analytics-source/nothing.json", exit_code=1)
        assert "s3://analytics-source/nothing.json" in (error if isinstance(error, str) else error["error"])
