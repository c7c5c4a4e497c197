"""What is lost or damaged comes back: the catalog's whole state from the buckets alone, and parts of a table."""

import json
import os
import subprocess
import urllib.parse

import pyarrow
import pytest
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.types import StringType
from suite import BINARIES, Suite, call

BUCKET = "analytics-catalog"


class Objects:
    """The objects of a suite's store, by bucket and key or by location, around all workers."""

    def __init__(self, suite):
        self.suite = suite
        self.root = suite.directory / "object-store"
        self.client = suite.seaweed.client() if suite.seaweed else None

    def split(self, location):
        parts = urllib.parse.urlsplit(location)
        if parts.scheme == "s3":
            return parts.netloc, parts.path.lstrip("/")
        bucket, _, key = parts.path.removeprefix(f"{self.root}/").partition("/")
        return bucket, key

    def remove(self, location):
        bucket, key = self.split(location)
        if self.client:
            self.client.delete_object(Bucket=bucket, Key=key)
        else:
            (self.root / bucket / key).unlink()

    def rewrite(self, location, change):
        bucket, key = self.split(location)
        if self.client:
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
            self.client.put_object(Bucket=bucket, Key=key, Body=change(body))
        else:
            path = self.root / bucket / key
            path.write_bytes(change(path.read_bytes()))

    def empty(self, bucket):
        """How many objects are gone."""
        if self.client:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            for key in keys:
                self.client.delete_object(Bucket=bucket, Key=key)
            return len(keys)
        files = [path for path in (self.root / bucket).rglob("*") if path.is_file()]
        for path in files:
            path.unlink()
        return len(files)


@pytest.fixture(scope="module", params=["local", "s3"])
def suite(request):
    with Suite(request.param).start("catalog") as running:
        yield running


def orders(*numbers):
    return pyarrow.table({"id": pyarrow.array(numbers, pyarrow.int64()), "city": [f"c{n % 3}" for n in numbers]})


def made(catalog, name, appends=3):
    """A table with snapshots, a deletion and a column that came later."""
    table = catalog.create_table(name, schema=orders(1).schema)
    for at in range(appends):
        table.append(orders(*range(at * 10, at * 10 + 10)))
    table.delete("id = 3")
    with table.update_schema() as update:
        update.add_column("note", StringType())
    return table


def rows(table):
    return sorted(table.scan().to_arrow().to_pylist(), key=lambda row: row["id"])


def state(catalog, name):
    table = catalog.load_table(name)
    return {
        "uuid": table.metadata.table_uuid,
        "location": table.location(),
        "snapshots": [(s.snapshot_id, s.sequence_number, s.manifest_list) for s in table.snapshots()],
        "current": table.current_snapshot().snapshot_id,
        "columns": [field.name for field in table.schema().fields],
        "rows": rows(table),
        "first": sorted(table.scan(snapshot_id=table.snapshots()[0].snapshot_id).to_arrow()["id"].to_pylist()),
    }


def test_everything_comes_back_from_the_buckets_alone(suite):
    catalog = suite.pyiceberg()
    catalog.create_namespace("shop")
    catalog.create_namespace(("shop", "old"))
    made(catalog, "shop.orders")
    made(catalog, "shop.returns", appends=1)
    catalog.rename_table("shop.returns", "shop.old.refunds")
    made(catalog, "shop.gone", appends=1)
    catalog.drop_table("shop.gone")
    before = {name: state(catalog, name) for name in ("shop.orders", "shop.old.refunds")}

    suite.catalog.stop()
    assert Objects(suite).empty(BUCKET) > 5
    suite.catalog.start().ready()
    catalog = suite.pyiceberg()
    assert catalog.list_namespaces() == []

    path = f"{suite.catalog.url}/v1/recovery/rebuild-all"
    plan = call("POST", path, {"dry_run": True}, timeout=120)
    assert plan.status == 200 and plan.json["dry-run"] and plan.json["registered"] == 2, plan
    assert catalog.list_namespaces() == []
    answer = call("POST", path, timeout=120)
    assert answer.status == 200 and answer.json["complete"] and answer.json["registered"] == 2, answer
    assert len(answer.json["decisions"]) == 3, answer
    assert {name: state(catalog, name) for name in before} == before
    with pytest.raises(NoSuchTableError):
        catalog.load_table("shop.gone")
    again = call("POST", path, timeout=120)
    assert again.status == 200 and again.json["registered"] == 0, again

    for name in before:
        namespace, table = name.rsplit(".", 1)
        place = f"{suite.catalog.url}/v1/namespaces/{'%1F'.join(namespace.split('.'))}/tables/{table}"
        answer = call("POST", f"{place}/validate", {"level": "footers", "snapshots": "all"}, timeout=120)
        assert answer.status == 200 and answer.json["findings"] == [], answer
    table = catalog.load_table("shop.orders")
    table.append(pyarrow.table({"id": pyarrow.array([100], pyarrow.int64()), "city": ["c1"], "note": ["new"]}))
    assert len(rows(table)) == len(before["shop.orders"]["rows"]) + 1


def findings(suite, table, **body):
    answer = call("POST", f"{suite.catalog.url}/v1/namespaces/{table.replace('.', '/tables/')}/validate", body, timeout=120)
    assert answer.status == 200, answer
    return answer.json["findings"]


def mended(suite, table, how, **body):
    answer = call("POST", f"{suite.catalog.url}/v1/namespaces/{table.replace('.', '/tables/')}/{how}", body, timeout=120)
    assert answer.status == 200, answer
    return answer.json


def test_a_lost_metadata_file_is_named_and_the_one_before_it_found(suite):
    catalog = suite.pyiceberg()
    catalog.create_namespace("lost")
    table = made(catalog, "lost.metadata")
    before = rows(table)
    Objects(suite).remove(table.metadata_location)
    suite.catalog.stop()
    suite.catalog.start().ready()
    assert findings(suite, "lost.metadata") != []
    answer = mended(suite, "lost.metadata", "recover")
    assert answer["recovered"] and answer["metadata-location"] != table.metadata_location
    assert findings(suite, "lost.metadata") == []
    # The change that only the lost file had told of was the new column.
    kept = rows(suite.pyiceberg().load_table("lost.metadata"))
    assert [{"note": None, **row} for row in kept] == [{"note": None, **row} for row in before]


@pytest.mark.parametrize("lost", ["list", "manifest"])
def test_lost_manifests_are_named_and_made_again_from_the_data_files(suite, lost):
    catalog = suite.pyiceberg()
    catalog.create_namespace_if_not_exists("lost")
    name = f"lost.{lost}"
    table = made(catalog, name)
    before = state(catalog, name)
    snapshot = table.current_snapshot()
    Objects(suite).remove(snapshot.manifest_list if lost == "list" else snapshot.manifests(table.io)[0].manifest_path)
    suite.catalog.stop()
    suite.catalog.start().ready()
    assert findings(suite, name) != []
    assert mended(suite, name, "rebuild-manifests", dry_run=True)["rebuilt"] is False
    assert findings(suite, name) != []
    answer = mended(suite, name, "rebuild-manifests", force=True)
    assert answer["rebuilt"], answer
    assert findings(suite, name) == []
    assert rows(suite.pyiceberg().load_table(name)) == before["rows"], answer


def with_another_total(body):
    metadata = json.loads(body)
    metadata["snapshots"][-1]["summary"]["total-records"] = "7"
    return json.dumps(metadata).encode()


# What happens to which file of a table: its metadata file, manifest list, first manifest or first data file.
DAMAGES = [
    ("whole", None, None), ("metadata", None, ["metadata-missing"]), ("metadata", lambda body: body[:-9], ["metadata-damaged"]),
    ("metadata", with_another_total, ["wrong-totals"]),
    ("list", None, ["manifest-list-missing"]), ("list", lambda body: body[:-30], ["manifest-list-damaged"]),
    ("manifest", None, ["manifest-missing"]), ("manifest", lambda body: body[:-40], ["manifest-damaged"]),
    ("data", None, ["file-missing"]), ("data", lambda body: body[:-9], ["file-damaged", "file-size"]),
    ("data", lambda body: bytes(len(body)), ["file-damaged"]),
]


def test_the_inspector_finds_what_the_catalog_finds_and_ends_with_1(suite):
    environment = dict(os.environ) | (suite.seaweed.environment() if suite.seaweed else {})
    catalog, objects = suite.pyiceberg(), Objects(suite)
    catalog.create_namespace("inspected")
    for number, (which, change, codes) in enumerate(DAMAGES):
        table = catalog.create_table(f"inspected.t{number}", schema=orders(1).schema)
        table.append(orders(*range(1000)))
        snapshot = table.current_snapshot()
        manifest = snapshot.manifests(table.io)[0]
        place = {
            "whole": None, "metadata": table.metadata_location, "list": snapshot.manifest_list,
            "manifest": manifest.manifest_path, "data": manifest.fetch_manifest_entry(table.io)[0].data_file.file_path,
        }[which]
        if place:
            objects.rewrite(place, change) if change else objects.remove(place)
        # The catalog has the damaged metadata file in memory; one that was just started has not.
        if which == "metadata":
            suite.catalog.stop()
            suite.catalog.start().ready()
        answer = findings(suite, f"inspected.t{number}", level="checksums")
        assert sorted(finding["code"] for finding in answer) == (codes or []), (which, answer)
        # Of a directory the inspector takes the newest metadata file that is left: it knows of no register.
        for operand in [table.metadata_location] + ([] if which == "metadata" else [table.location()]):
            result = subprocess.run(
                [BINARIES / "analytics-inspect", "--json", "validate", operand, "--level", "checksums"],
                env=environment, capture_output=True, text=True, timeout=60)
            assert result.returncode == (1 if codes else 0), (which, result)
            found = json.loads(result.stdout)["findings"]
            assert [(f["code"], f["remedy"]) for f in found] == [(f["code"], f["remedy"]) for f in answer], which
