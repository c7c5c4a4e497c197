"""The catalog dies on both sides of every step that makes something durable, in each of its changes: what it was doing is then
done or not, never half, and the same request again, by its key, does it once."""

import contextlib
import http.client
import json
import os
import subprocess
import uuid

import pyarrow
import pytest
import suite
from suite import Suite, call

SPACE = "/v1/namespaces/n"
SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
# Removes old metadata files at once, and puts appends on top of each other.
PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "1",
    "commit.rebase.enabled": "true",
}
LONG = bool(os.environ.get("ANALYTICS_LONG"))


def names():
    program = suite.BINARIES / "analytics-inspect"
    if not program.exists():
        return []
    every = json.loads(subprocess.run([program, "--json", "failpoints"], capture_output=True, check=True).stdout)["names"]
    return [name for name in every if name.startswith("catalog.")]


def ask(suite, method, path, body=None, key=None):
    """None when the catalog died instead of answering."""
    headers = {"Idempotency-Key": key} if key else {}
    with contextlib.suppress(OSError, http.client.HTTPException):
        return call(method, suite.catalog.url + path, body, headers, timeout=30)


def make(suite, table, properties=PROPERTIES):
    answer = ask(suite, "POST", f"{SPACE}/tables", {"name": table, "schema": SCHEMA, "properties": properties})
    assert answer.status == 200, answer


def state(suite, tables):
    """Of each table the property that the changes set, and its snapshots; None where there is no table."""
    seen = []
    for table in tables:
        answer = ask(suite, "GET", f"{SPACE}/tables/{table}")
        assert answer.status in (200, 404), answer
        metadata = answer.json["metadata"] if answer.status == 200 else None
        seen.append(metadata and (metadata["properties"].get("x"), len(metadata.get("snapshots", []))))
    return seen


def setting(table=None):
    change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"x": "1"}}]}
    return change | ({"identifier": {"namespace": ["n"], "name": table}} if table else {})


def append(table):
    """An append as its client would send it again: on the table as it was before another's append."""
    before = table.metadata
    recorded = []
    commit, table.catalog.commit_table = table.catalog.commit_table, lambda *change: recorded.append(change) or 1 / 0
    with contextlib.suppress(ZeroDivisionError):
        table.append(pyarrow.table({"id": pyarrow.array([1], pyarrow.int64())}))
    table.catalog.commit_table = commit
    assert table.metadata == before
    _, requirements, updates = recorded[0]
    return {
        "requirements": [json.loads(item.model_dump_json()) for item in requirements],
        "updates": [json.loads(item.model_dump_json(by_alias=True, exclude_none=True)) for item in updates],
    }


def prepare(suite, change):
    """Makes what the change needs. Returns its request, the tables to look at, and what they are to be after it."""
    a, b = f"a{uuid.uuid4().hex[:8]}", f"b{uuid.uuid4().hex[:8]}"
    path = f"{SPACE}/tables/{a}"
    if change == "create":
        return ("POST", f"{SPACE}/tables", {"name": a, "schema": SCHEMA, "properties": {"x": "1"}}), [a], [("1", 0)]
    make(suite, a)
    if change == "commit":
        for number in range(3):
            ask(suite, "POST", path, {"requirements": [], "updates": [
                {"action": "set-properties", "updates": {"n": str(number)}}]})
        return ("POST", path, setting()), [a], [("1", 0)]
    if change == "drop":
        return ("DELETE", path, None), [a], [None]
    if change == "rename":
        names = [{"namespace": ["n"], "name": name} for name in (a, b)]
        return ("POST", "/v1/tables/rename", {"source": names[0], "destination": names[1]}), [a, b], [None, (None, 0)]
    if change == "transaction":
        make(suite, b)
        return ("POST", "/v1/transactions/commit", {"table-changes": [setting(a), setting(b)]}), [a, b], [("1", 0)] * 2
    table = suite.pyiceberg().load_table(f"n.{a}")
    rows = pyarrow.table({"id": pyarrow.array([1], pyarrow.int64())})
    if change == "rebase":
        stale = append(table)
        suite.pyiceberg().load_table(f"n.{a}").append(rows)
        return ("POST", path, stale), [a], [(None, 2)]
    for _ in range(3):
        table.append(rows)
    return ("POST", f"{path}/snapshots/expire", {"older_than_days": 0, "retain_last": 1}), [a], [(None, 1)]


CHANGES = ["create", "commit", "drop", "rename", "transaction", "rebase", "expire"]


@pytest.fixture(scope="module")
def catalog():
    with Suite().start("catalog") as suite:
        assert ask(suite, "POST", "/v1/namespaces", {"namespace": ["n"], "properties": {}}).status == 200
        yield suite


@pytest.mark.parametrize("name", names())
def test_dying_there_leaves_the_state_before_or_after(catalog, name):
    reached = set()
    for change in CHANGES:
        # Two registers have a passage each.
        for passage in range(1, 9 if LONG else 3 if change in ("rename", "transaction") else 2):
            catalog.catalog.ready()
            request, tables, after = prepare(catalog, change)
            before = state(catalog, tables)
            catalog.catalog.kill()
            catalog.catalog.start(ANALYTICS_FAILPOINTS=f"{name}=crash:{passage}").ready()
            key = str(uuid.uuid4())
            answer = ask(catalog, *request, key=key)
            if answer is not None:
                # Not reached, in this change or that often.
                assert answer.status in (200, 204), (change, answer)
                catalog.catalog.kill()
                catalog.catalog.start().ready()
                assert state(catalog, tables) == after, change
                break
            assert catalog.catalog.process.wait(10) == -9
            reached.add(change)
            catalog.catalog.start().ready()
            seen = state(catalog, tables)
            assert seen in (before, after), (change, passage)
            again = ask(catalog, *request, key=key)
            assert again.status in (200, 204), (change, passage, again)
            assert state(catalog, tables) == after, (change, passage)
    assert reached, f"{name} was never reached: this test must learn how"


def test_the_list_of_failpoints_can_be_read():
    assert len(names()) > 10
