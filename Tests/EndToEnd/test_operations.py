"""What an operator and a careless or hostile client do: stop workers, send nonsense, fill the disk."""

import json
import os
import shutil
import subprocess
import threading
import time

import pytest
from suite import Suite, call, wait_until

EVENT = {"specversion": "1.0", "type": "page.view", "source": "website", "id": "1", "time": "2024-01-15T14:30:00Z", "data": {"page": "/home"}}


def test_health_names_a_stopped_worker_and_recovers(store):
    with Suite(store).start() as suite:
        url = f"{suite.health.url}/health"
        healthy = {name: "healthy" for name in ("collector", "catalog", "compaction", "api", "r2")}
        wait_until(lambda: call("GET", url).json.get("components") == healthy, "everything healthy")
        answer = call("GET", url)
        assert (answer.status, answer.json["status"]) == (200, "healthy")
        for name in ("compaction", "api", "catalog", "collector"):
            suite.workers[name].stop()
            wait_until(lambda: call("GET", url).json["components"][name] == "unhealthy", f"{name} reported", 10)
            answer = call("GET", url)
            assert (answer.status, answer.json["status"]) == (503, "unhealthy")
            assert call("GET", f"{url}/{name}").json["status"] == "unhealthy"
            suite.workers[name].start().ready()
            wait_until(lambda: call("GET", url).json["components"] == healthy, f"{name} recovered", 15)
        assert call("GET", f"{url}/nothing").status == 404


def test_costs_know_the_requests_of_every_worker_that_answers():
    with Suite().start("catalog", "collector", "compaction") as suite:
        assert call("POST", f"{suite.collector.url}/events", EVENT).status == 202
        suite.flush()
        url = f"{suite.catalog.url}/v1/costs"
        answer = call("GET", url)
        assert answer.status == 200, answer
        workers = {entry["worker"]: entry for entry in answer.json["compute"]["workers"]}
        assert list(workers) == ["catalog", "collector", "compaction", "api", "health"]
        # A data file, a manifest and a manifest list; all of them the catalog has read or checked.
        assert workers["collector"]["requests"]["class-a"] >= 3 and workers["collector"]["bytes-written"] > 1000, answer
        assert workers["catalog"]["requests"]["class-b"] > 0 and workers["catalog"]["seconds"] >= 1, answer
        assert workers["compaction"]["requests"] != "unknown", answer
        # These do not run.
        for name in ("api", "health"):
            assert workers[name]["requests"] == "unknown" and workers[name]["reason"], answer
        assert answer.json["requests"]["unknown"] == ["api", "health"] and answer.json["compute"]["complete"] is False
        known = [entry["requests"] for entry in workers.values() if entry["requests"] != "unknown"]
        for kind in ("class-a", "class-b", "free"):
            assert answer.json["requests"][kind] == sum(requests[kind] for requests in known)
        suite.compaction.stop()
        assert call("GET", url).json["requests"]["unknown"] == ["compaction", "api", "health"]


def test_pause_survives_a_restart():
    with Suite().start("catalog", "collector") as suite:
        base = suite.collector.url
        assert call("POST", f"{base}/admin/pause").status == 200
        suite.collector.stop()
        suite.collector.start().ready()
        answer = call("POST", f"{base}/events", EVENT)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert call("POST", f"{base}/admin/resume").status == 200
        assert call("POST", f"{base}/events", EVENT).status == 202


def test_keys_are_enforced():
    key = "a-key-of-the-test"
    with Suite(ANALYTICS_API_KEY=key).start("catalog", "collector") as suite:
        base = suite.collector.url
        assert call("POST", f"{base}/events", EVENT).status == 401
        assert call("POST", f"{base}/events", EVENT, {"X-API-Key": key + "x"}).status == 401
        answer = call("POST", f"{base}/events", EVENT, {"X-API-Key": "wrong"})
        assert (answer.status, answer.error["code"]) == (401, 401)
        assert key not in answer.body.decode()
        assert call("POST", f"{base}/events", EVENT, {"X-API-Key": key}).status == 202
        # Over the binding no key is asked for.
        run = subprocess.run(
            ["curl", "-sS", "--unix-socket", suite.directory / "collector.sock", "http://internal/events", "-H", "Content-Type: application/json",
             "-d", json.dumps({**EVENT, "id": "2"})], capture_output=True, text=True, check=True)
        assert json.loads(run.stdout)["accepted"] == 1


@pytest.mark.parametrize("worker", ["collector", "catalog", "compaction", "api", "health"])
def test_production_refuses_to_start_open(worker):
    with Suite(ICEBERG_ENV="production") as suite:
        started = suite.workers[worker].start()
        assert started.process.wait(20) == 1
        assert "KEY" in started.log() or "SECRET" in started.log() or "TOKEN" in started.log()


@pytest.mark.parametrize(
    "body, content_type, status",
    [
        (b"not json", "application/json", 400),
        (b'{"specversion":"1.0"', "application/cloudevents+json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (json.dumps(EVENT).encode(), "image/png", 415),
        (b"[" * 100_000, "application/json", 400),
        (json.dumps({**EVENT, "time": "yesterday"}).encode(), "application/json", 400),
        (json.dumps({**EVENT, "specversion": "7"}).encode(), "application/json", 400),
    ],
)
def test_bad_events_get_a_precise_refusal(collector, body, content_type, status):
    answer = call("POST", f"{collector.url}/events", body, {"Content-Type": content_type})
    assert answer.status == status, answer
    report = answer.json
    message = report["error"]["message"] if "error" in report else report["rejected"][0]["error"]["message"]
    assert message


@pytest.fixture(scope="module")
def running():
    with Suite().start("catalog", "collector", "compaction", "api") as suite:
        yield suite


@pytest.fixture
def collector(running):
    return running.collector


def test_a_body_of_50_mb_is_refused(collector):
    answer = call("POST", f"{collector.url}/events", b"x" * (50 << 20), {"Content-Type": "application/json"})
    assert (answer.status, answer.error["code"]) == (413, 413)
    assert call("POST", f"{collector.url}/events", EVENT).status == 202


def test_one_bad_event_does_not_spoil_the_batch(collector):
    events = [{**EVENT, "id": "mixed-1"}, {"type": 5}, {**EVENT, "id": "mixed-2"}]
    answer = call("POST", f"{collector.url}/events/batch", {"events": events})
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert [r["index"] for r in answer.json["rejected"]] == [1]


def test_unknown_paths_and_methods(running):
    for worker in (running.collector, running.catalog, running.compaction, running.api):
        answer = call("GET", f"{worker.url}/no/such/path")
        assert (answer.status, answer.error["code"]) == (404, 404)
    answer = call("DELETE", f"{running.collector.url}/events")
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]


def test_unknown_tables(running):
    answer = call("GET", f"{running.catalog.url}/v1/namespaces/analytics/tables/nothing")
    assert (answer.status, answer.error["type"]) == (404, "NoSuchTableException")
    answer = call("POST", f"{running.compaction.url}/compact/analytics.nothing?wait=true")
    assert answer.status == 404, answer
    answer = call("POST", f"{running.api.url}/graphql", {"query": '{ analytics { sql(query: "SELECT * FROM nothing") { rowCount } } }'})
    assert answer.json["errors"], answer


@pytest.mark.parametrize("query", ["{", "{ nothing }", "query { analytics { eventCounts { eventType } } }", "mutation { x }", ""])
def test_malformed_graphql(running, query):
    answer = call(
        "POST", f"{running.api.url}/graphql", {"query": query}, {"Content-Type": "application/json", "Accept": "application/graphql-response+json"})
    assert answer.status == 400, answer
    assert answer.json["errors"][0]["message"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "COPY events TO '/tmp/x.csv'", "ATTACH '/tmp/x.db'",
        "SELECT 1; SELECT 2", "SET memory_limit='100GB'", "INSTALL httpfs", "PRAGMA version", "SELECT * FROM glob('/*')",
        "SELECT getenv('HOME')", "CREATE TABLE x (i INT)", "SELECT * FROM duckdb_settings()", "SELECT * FROM query('SELECT 1')",
    ],
)
def test_sql_of_callers_is_fenced_in(running, statement):
    call("POST", f"{running.collector.url}/events", EVENT)
    running.flush()
    answer = call("POST", f"{running.api.url}/graphql", {
        "query": "query($q: String!) { analytics { sql(query: $q) { results } } }", "variables": {"q": statement}})
    assert answer.json["errors"][0]["message"], answer
    assert not (answer.json.get("data") or {}).get("analytics")


def test_a_store_that_refuses_the_signature():
    with Suite("s3") as suite:
        suite.environment["R2_SECRET_ACCESS_KEY"] = "not-the-secret"
        catalog = suite.catalog.start()
        code = catalog.process.wait(60)
        assert code != 0
        assert "SignatureDoesNotMatch" in catalog.log(), catalog.log()[-2000:]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_loses_nothing_acknowledged(flights):
    with Suite(BUFFER_TIME_SECONDS="3600", BUFFER_COUNT_THRESHOLD="1000000", BUFFER_SIZE_BYTES="1000000000") as suite:
        wal = suite.directory / "wal"
        wal.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", wal], capture_output=True, text=True)
        if mounted.returncode != 0:
            pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
        try:
            suite.start("catalog", "collector")
            acknowledged, refused = set(), None
            for at in range(0, 40_000, 500):
                batch = flights[at : at + 500]
                answer = suite.send(batch)
                if answer.status != 202:
                    refused = answer
                    break
                acknowledged |= {(e["source"], e["id"]) for e in map(json.loads, batch)}
            assert refused is not None, "40,000 events do not fit into 4 MiB, yet none was refused"
            assert refused.status in (503, 507), refused
            assert refused.headers["Retry-After"], refused
            suite.collector.kill()
            suite.collector.start().ready()
            suite.flush()
            stored = [(row["source"], row["id"]) for row in suite.arrow().to_pylist()]
            assert len(stored) == len(set(stored))
            assert acknowledged <= set(stored)
            # There is room again.
            wait_until(lambda: suite.send(flights[30_000:30_100]).status == 202, "accepting again")
        finally:
            for worker in suite.workers.values():
                if worker.process and worker.process.poll() is None:
                    worker.kill()
            subprocess.run(["umount", wal], check=True)
