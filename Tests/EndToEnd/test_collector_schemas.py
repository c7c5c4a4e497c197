"""Schemas and typed tables, over HTTP, with real programs: strict and widening types, evolution by events and by the registry,
restarts, a registry that is away, two collectors. PyIceberg and DuckDB read the tables."""

import json
import pathlib
import threading
import uuid

import pytest
from suite import Suite, call, wait_until

FAST = {"BUFFER_TIME_SECONDS": "1", "SCHEMA_REFRESH_SECONDS": "1", "SCHEMA_EVOLUTION_INTERVAL_MS": "0"}
ORDER = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"}, "amount": {"type": "integer"}, "paid": {"type": "boolean"},
        "at": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"}, "items": {"type": "array"},
    },
    "required": ["order_id", "amount"],
}


def event(kind, data, identifier=None):
    return {
        "specversion": "1.0", "id": identifier or str(uuid.uuid4()), "source": "/test", "type": kind,
        "time": "2024-01-15T14:30:00Z", "data": data,
    }


def register(suite, subject, schema, status=201, **settings):
    answer = call("POST", f"{suite.catalog.url}/v1/schemas/{subject}/versions", {"schema": schema, **settings})
    assert answer.status == status, answer
    return answer.json


def latest(suite, subject):
    answer = call("GET", f"{suite.catalog.url}/v1/schemas/{subject}")
    return answer.json if answer.status == 200 else None


def known(worker):
    """What a collector judges by: versions by type."""
    return {s["subject"]: s["version"] for s in call("GET", f"{worker.url}/debug/schemas").json["schemas"]}


def post(suite, worker, *events):
    body = "\n".join(json.dumps(e) for e in events).encode()
    return call("POST", f"{worker.url}/events", body, {"Content-Type": "application/x-ndjson"})


def rows(suite, table, *columns):
    """The rows of a typed table by PyIceberg, by id."""
    found = suite.pyiceberg().load_table(f"analytics.{table}").scan(selected_fields=("id", *columns)).to_arrow().to_pylist()
    assert len({row["id"] for row in found}) == len(found), "a row is there twice"
    return {row.pop("id"): row for row in found}


def columns(suite, table):
    return {f.name: str(f.field_type) for f in suite.pyiceberg().load_table(f"analytics.{table}").schema().fields}


def follow(suite, table, wanted, seconds=30):
    """Waits until the typed table has these columns."""
    def has():
        suite.flush()
        try:
            return set(wanted) <= set(columns(suite, table))
        except Exception:
            return False

    wait_until(has, f"the columns {wanted} of {table}", seconds)


def test_a_strict_type_refuses_what_violates_its_schema(store):
    with Suite(store, **FAST).start("catalog", "collector") as suite:
        register(suite, "order", ORDER, strict=True, table="orders")
        wait_until(lambda: known(suite.collector).get("order") == 1, "the schema at the collector")
        good = event("order", {
            "order_id": "o1", "amount": 3, "paid": True, "at": "2024-01-15T15:30:00.25+01:00", "day": "2024-01-15",
            "items": [{"sku": 1}], "unknown": {"kept": 1}}, "good")
        bad = event("order", {"order_id": "o2", "amount": "3"}, "bad")
        mixed = post(suite, suite.collector, good, bad)
        assert mixed.status == 202, mixed
        assert mixed.json["accepted"] == 1
        (rejected,) = mixed.json["rejected"]
        assert rejected["id"] == "bad" and rejected["index"] == 1
        assert rejected["error"]["reason"] == "schema_violation" and rejected["error"]["code"] == 422
        assert "data/amount must be an integer" in rejected["error"]["message"]
        alone = post(suite, suite.collector, bad, event("order", {"amount": 1}))
        assert alone.status == 422, alone
        assert alone.error["type"] == "SchemaViolationException"
        assert post(suite, suite.collector, event("other", {"amount": "anything"})).status == 202
        suite.flush()
        # "day" is a column of every event table.
        wanted = {
            "order_id": "string", "amount": "long", "paid": "boolean", "at": "timestamptz", "data_day": "date", "items": "string",
            "day": "int"}
        assert wanted.items() <= columns(suite, "orders").items()
        (row,) = rows(suite, "orders", "order_id", "amount", "paid", "at", "data_day", "items", "data").values()
        assert (row["order_id"], row["amount"], row["paid"], str(row["data_day"])) == ("o1", 3, True, "2024-01-15")
        assert row["at"].isoformat() == "2024-01-15T14:30:00.250000+00:00"
        assert json.loads(row["items"]) == [{"sku": 1}]
        assert json.loads(row["data"])["unknown"] == {"kept": 1}
        with suite.duckdb() as duckdb:
            assert duckdb.execute("SELECT order_id, amount FROM lake.analytics.orders").fetchall() == [("o1", 3)]
            assert duckdb.execute("SELECT count(*) FROM lake.analytics.events").fetchall() == [(2,)]


def test_events_widen_a_schema_that_is_not_strict(store):
    with Suite(store, **FAST).start("catalog", "collector") as suite:
        register(suite, "order", ORDER, table="orders")
        wait_until(lambda: known(suite.collector).get("order") == 1, "the schema at the collector")
        assert post(suite, suite.collector, event("order", {"order_id": "a", "amount": 1}, "1")).status == 202
        new = post(suite, suite.collector, event("order", {"order_id": "b", "amount": 2, "coupon": "X", "weight": 1.5}, "2"))
        assert new.status == 202, new
        wide = post(suite, suite.collector, event("order", {"order_id": "c", "amount": 2.5, "paid": None}, "3"))
        assert wide.status == 202, wide
        broken = post(suite, suite.collector, event("order", {"order_id": 7, "amount": 2}, "4"))
        assert broken.status == 422, broken
        assert broken.json["rejected"][0]["error"]["reason"] == "schema_incompatible"
        assert "data/order_id must be a string" in broken.error["message"]
        wait_until(lambda: {"coupon", "weight"} <= set(latest(suite, "order")["schema"]["properties"])
                   and latest(suite, "order")["schema"]["properties"]["amount"]["type"] == "number", "the new version")
        follow(suite, "orders", ["coupon", "weight", "amount_double"])
        assert post(suite, suite.collector, event("order", {"order_id": "d", "amount": 4.5, "coupon": "Y"}, "5")).status == 202
        suite.flush()
        found = rows(suite, "orders", "order_id", "amount", "amount_double", "coupon")
        assert set(found) == {"1", "2", "3", "5"}
        assert found["1"]["amount"] == 1
        assert found["5"] == {"order_id": "d", "amount": None, "amount_double": 4.5, "coupon": "Y"}
        # Every value is in data, whenever its column came.
        texts = {i: json.loads(r["data"]) for i, r in rows(suite, "orders", "data").items()}
        assert texts["2"] == {"order_id": "b", "amount": 2, "coupon": "X", "weight": 1.5}
        assert texts["3"]["amount"] == 2.5


def test_an_incompatible_version_is_refused_and_a_dry_run_says_why(store):
    with Suite(store).start("catalog") as suite:
        register(suite, "order", ORDER, table="orders")
        narrow = ORDER | {"properties": ORDER["properties"] | {"amount": {"type": "string"}}}
        refused = call("POST", f"{suite.catalog.url}/v1/schemas/order/versions", {"schema": narrow})
        assert refused.status == 409 and refused.error["type"] == "IncompatibleSchemaException", refused
        assert refused.json["problems"][0]["pointer"] == "/properties/amount/type"
        dry = call("POST", f"{suite.catalog.url}/v1/schemas/order/compatibility", {"schema": narrow})
        assert dry.status == 200 and dry.json["compatible"] is False
        unusable = call("POST", f"{suite.catalog.url}/v1/schemas/order/versions", {"schema": {"if": {}}})
        assert unusable.status == 422, unusable
        suite.catalog.kill()
        suite.catalog.start().ready()
        assert latest(suite, "order")["version"] == 1


def test_predefined_page_views_need_no_registry(store):
    typed = {"TYPED_TABLES": "page_view,video_event", "BINDINGS_FILE": "", "BUFFER_TIME_SECONDS": "1"}
    with Suite(store, **FAST) as suite:
        suite.start("catalog")
        suite.collector.start(**(typed | {"R2_CATALOG_ENDPOINT": suite.catalog.url})).ready()
        base = {"session_id": "s", "project_id": "p", "environment": "production", "version": "1"}
        view = {
            "event_type": "page_view", "event_id": "v1", "timestamp": "2024-01-15T14:30:00Z", "user_id": "u1", **base,
            "page_url": "https://x/", "page_title": "X", "time_on_page": 12.5, "theme": "dark"}
        video = {
            "event_type": "video_event", "event_id": "w1", "timestamp": "2024-01-15T14:31:00Z", **base, "video_id": "m",
            "action": "play", "position": 0, "duration": 60, "playback_rate": 1}
        assert post(suite, suite.collector, view, video).json == {"accepted": 2, "duplicates": 0, "rejected": []}
        odd = post(suite, suite.collector, video | {"event_id": "w2", "action": "dance"})
        assert odd.status == 422 and odd.json["rejected"][0]["error"]["reason"] == "schema_incompatible", odd
        wait_until(lambda: known(suite.collector)["page_view"] == 2, "the version that the event made")
        assert post(suite, suite.collector, view | {"event_id": "v3"}).status == 202
        follow(suite, "page_view", ["theme"])
        assert {"event_id": "string", "session_id": "string", "user_id": "string", "project_id": "string",
                "environment": "string", "version": "string", "page_url": "string", "time_on_page": "double",
                "timestamp": "timestamptz"}.items() <= columns(suite, "page_view").items()
        with suite.duckdb() as duckdb:
            found = duckdb.execute(
                "SELECT event_id, user_id, session_id, project_id, page_title, time_on_page, epoch(timestamp) "
                "FROM lake.analytics.page_view WHERE id = 'v1'").fetchall()
            assert found == [("v1", "u1", "s", "p", "X", 12.5, 1705329000.0)]
            assert duckdb.execute("SELECT event_id, action, position FROM lake.analytics.video_event").fetchall() == [
                ("w1", "play", 0.0)]
        # A restart knows the version that events made, without a registry.
        before = known(suite.collector)
        assert before["page_view"] == 2
        suite.collector.kill()
        suite.collector.start(**(typed | {"R2_CATALOG_ENDPOINT": suite.catalog.url})).ready()
        assert known(suite.collector) == before
        assert post(suite, suite.collector, view | {"event_id": "v2", "theme": "light"}).status == 202
        suite.flush()
        assert rows(suite, "page_view", "theme")["v2"] == {"theme": "light"}


def test_a_registry_that_is_away_holds_up_nothing(store):
    with Suite(store, **FAST).start("catalog", "collector") as suite:
        register(suite, "order", ORDER, strict=True, table="orders")
        wait_until(lambda: known(suite.collector).get("order") == 1, "the schema at the collector")
        assert post(suite, suite.collector, event("order", {"order_id": "a", "amount": 1}, "1")).status == 202
        suite.catalog.kill()
        assert post(suite, suite.collector, event("order", {"order_id": "b", "amount": "x"})).status == 422
        # A start without the registry judges by what is on disk.
        suite.collector.kill()
        suite.collector.start()
        wait_until(lambda: known_or_none(suite.collector) == {"order": 1}, "the schema of the last life")
        assert post(suite, suite.collector, event("order", {"order_id": "b", "amount": "x"})).status == 422
        assert post(suite, suite.collector, event("order", {"order_id": "c", "amount": 2}, "2")).status == 202
        suite.catalog.start().ready()
        suite.collector.ready()
        wait_until(lambda: flushes(suite), "a flush")
        assert {i: r["amount"] for i, r in rows(suite, "orders", "amount").items()} == {"1": 1, "2": 2}


def known_or_none(worker):
    try:
        return known(worker)
    except OSError:
        return None


def flushes(suite):
    return call("POST", f"{suite.collector.url}/debug/flush/all", timeout=120).status == 200


def test_two_collectors_widen_one_type_at_once(store):
    with Suite(store, **FAST) as suite:
        second = suite.add_collector("second")
        suite.start("catalog", "collector", "second")
        register(suite, "order", ORDER, table="orders")
        workers = (suite.collector, second)
        for worker in workers:
            wait_until(lambda: known(worker).get("order") == 1, "the schema at the collector")

        sent, failures = set(), []

        def send(worker, name):
            try:
                for number in range(10):
                    identifier = f"{name}-{number}"
                    answer = post(suite, worker, event(
                        "order", {"order_id": identifier, "amount": number, f"{name}_{number % 5}": number}, identifier))
                    assert answer.status == 202, answer
                    sent.add(identifier)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=send, args=(w, n)) for w, n in zip(workers, ("left", "right"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        wanted = {f"{name}_{n}" for name in ("left", "right") for n in range(5)}
        wait_until(lambda: wanted <= set(latest(suite, "order")["schema"]["properties"]), "all fields in the registry", 60)
        newest = latest(suite, "order")["version"]
        for worker in workers:
            wait_until(lambda: known(worker)["order"] == newest, "the newest version at both", 30)
            assert post(suite, worker, event("order", {"order_id": "end", "amount": 0, "left_0": 1, "right_4": 2})).status == 202
            assert call("POST", f"{worker.url}/debug/flush/all", timeout=120).status == 200
        assert wanted <= set(columns(suite, "orders"))
        found = rows(suite, "orders", "order_id", "left_0", "right_4", "data")
        assert sent <= set(found) and len(found) == 22
        ends = [row for row in found.values() if row["order_id"] == "end"]
        assert [(r["left_0"], r["right_4"]) for r in ends] == [(1, 2), (1, 2)]
        for identifier in sent:
            name, number = identifier.split("-")
            assert json.loads(found[identifier]["data"])[f"{name}_{int(number) % 5}"] == int(number)


def test_schemas_of_a_file_are_registered_where_there_is_a_registry(store):
    with Suite(store, **FAST) as suite:
        suite.prepare()
        path = pathlib.Path(suite.directory) / "schemas.json"
        path.write_text(json.dumps({"schemas": [{"subject": "order", "schema": ORDER, "strict": True, "table": "orders"}]}))
        suite.start("catalog")
        suite.collector.start(SCHEMAS_FILE=str(path)).ready()
        wait_until(lambda: latest(suite, "order"), "the subject in the registry")
        assert latest(suite, "order")["table"] == "orders"
        assert post(suite, suite.collector, event("order", {})).status == 422
        path.write_text('{"schemas":[{"subject":"order","schema":{"type":"nonsense"}}]}')
        suite.collector.stop()
        suite.collector.start(SCHEMAS_FILE=str(path))
        assert suite.collector.process.wait(30) != 0
        assert "SCHEMAS_FILE" in suite.collector.log()
        path.unlink()
        suite.collector.start(SCHEMAS_FILE=str(path))
        assert suite.collector.process.wait(30) == 1 and "there is no such file" in suite.collector.log()


def test_what_a_schema_refused_is_quarantined_and_replayed_once_it_fits(store):
    with Suite(store, **FAST).start("catalog", "collector") as suite:
        register(suite, "order", ORDER, strict=True, table="orders")
        # No type gets the tables that the collector keeps for itself.
        register(suite, "greedy", {"type": "object"}, status=422, table="rejected_events")
        wait_until(lambda: known(suite.collector) == {"order": 1}, "the schemas at the collector")
        refused = event("order", {"order_id": "q", "amount": "three"}, "q1")
        assert post(suite, suite.collector, refused, event("greedy", {"a": 1}, "g1")).json["accepted"] == 1
        suite.flush()
        held = suite.pyiceberg().load_table("analytics.rejected_events").scan().to_arrow().to_pylist()
        assert [(row["reason"], row["event_id"]) for row in held] == [("schema_violation", "q1")]
        assert b'"amount": "three"' in held[0]["raw"]
        assert "data/amount must be an integer" in held[0]["message"]
        wider = ORDER | {"properties": ORDER["properties"] | {"amount": {"type": ["integer", "string"]}}}
        register(suite, "order", wider)
        wait_until(lambda: known(suite.collector)["order"] == 2, "the wider schema at the collector")
        replayed = call("POST", f"{suite.collector.url}/admin/replay", {"reason": "schema_violation"}, timeout=120)
        assert replayed.status == 200 and replayed.json["accepted"] == 1, replayed
        suite.flush()
        (row,) = rows(suite, "orders", "amount", "amount_json").values()
        assert row == {"amount": None, "amount_json": '"three"'}
