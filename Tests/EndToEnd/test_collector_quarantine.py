"""What the collector refuses is in a table of its own, exactly once, as PyIceberg reads it; and goes in once its cause is gone,
exactly once, wherever the collector dies meanwhile."""

import collections
import contextlib
import gzip
import http.client
import json
import random
import threading
import time

import pytest
from suite import Suite, call, wait_until

SETTINGS = {"ICEBERG_BUFFER_TIMEOUT_MS": "100", "COMMIT_INTERVAL_MS": "50", "LOG_LEVEL": "warn"}


def incomplete(number):
    """Refused by a strict collector, which asks for id and time."""
    return {"specversion": "1.0", "type": "t", "source": "s", "data": {"n": number}}


def rows(suite, name):
    return suite.pyiceberg().load_table(f"analytics.{name}").scan().to_arrow().to_pylist()


def replay(suite, **selection):
    answer = call("POST", f"{suite.collector.url}/admin/replay", selection)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_refused_events_are_rows_of_their_own_table():
    with Suite(**SETTINGS).start("catalog", "collector") as suite:
        url = f"{suite.collector.url}/events"
        body = b'[{"specversion":"1.0","id":"a","type":"t","source":"s"},{"specversion":"1.0","id":"b"}]'
        assert call("POST", url, gzip.compress(body), {"Content-Encoding": "gzip", "Content-Type": "application/json"}).status == 202
        assert call("POST", url, b"{\xff\x00nonsense").status == 400
        suite.collector.kill()
        suite.collector.start().ready()
        assert call("POST", f"{suite.collector.url}/debug/flush/all").status == 200
        found = {row["reason"]: row for row in rows(suite, "rejected_events")}
        assert set(found) == {"missing_attribute", "malformed_body"}
        assert found["missing_attribute"]["raw"] == b'{"specversion":"1.0","id":"b"}'
        assert found["missing_attribute"]["event_id"] == "b" and found["missing_attribute"]["index"] == 1
        assert found["malformed_body"]["raw"] == b"{\xff\x00nonsense"
        assert [row["id"] for row in rows(suite, "events")] == ["a"]
        location = suite.pyiceberg().load_table("analytics.rejected_events").location()
        assert location.endswith("/rejected/events")
        counts = json.loads(call("GET", f"{suite.collector.url}/admin/quarantine").body)
        assert counts["reasons"] == {"malformed_body": 1, "missing_attribute": 1}


@pytest.mark.parametrize("failpoint", [
    "log.before-write=crash:3", "log.after-write=crash:3", "log.after-sync=crash:3", "committer.before-commit=crash:2",
    "committer.after-commit=crash:2", "committer.after-data-put=crash:2"])
def test_a_replay_that_dies_is_gone_on_with(failpoint):
    with Suite(**SETTINGS).start("catalog") as suite:
        suite.collector.start(CLOUDEVENTS_STRICT="true").ready()
        for first in range(0, 50, 10):
            sent = [incomplete(number) for number in range(first, first + 10)]
            assert call("POST", f"{suite.collector.url}/events", sent).status == 400
        assert replay(suite)["refused"] == 50
        suite.collector.kill()
        suite.collector.start(ANALYTICS_FAILPOINTS=failpoint).ready()
        with contextlib.suppress(OSError, http.client.HTTPException):
            replay(suite)
            # What dies at a commit may do so after the reply.
            call("POST", f"{suite.collector.url}/debug/flush/all")
        wait_until(lambda: suite.collector.process.poll() is not None, f"death at {failpoint}", 30)
        for _ in range(2):
            suite.collector.start().ready()
            report = replay(suite)
            assert report["refused"] == 0 and report["replayed"] + report["already_replayed"] == 50
            suite.collector.kill()
        assert report["already_replayed"] == 50
        suite.collector.start().ready()
        assert call("POST", f"{suite.collector.url}/debug/flush/all").status == 200
        stored = rows(suite, "events")
        assert sorted(json.loads(row["data"])["n"] for row in stored) == list(range(50))
        assert len({row["id"] for row in stored}) == 50
        kept = rows(suite, "rejected_events")
        assert len([row for row in kept if row["reason"] == "replayed"]) == 50
        assert len({row["rejected_id"] for row in kept}) == 50 and len(kept) == 100


class MixedSender(threading.Thread):
    """Sends an event that is taken and one that is refused, again and again, until told to stop; the same until answered."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.finished, self.answered, self.attempts, self.failure = url, threading.Event(), 0, collections.Counter(), None

    def run(self):
        number = 0
        while not self.finished.is_set():
            good = incomplete(number) | {"id": f"good-{number}", "time": "2026-01-01T00:00:00Z"}
            self.attempts[number] += 1
            try:
                answer = call("POST", self.url, [good, incomplete(number)], timeout=10)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if answer.status not in (202, 207):
                self.failure = answer
                return
            number += 1
            self.answered = number


def test_kills_lose_and_double_no_refused_event_and_no_replay():
    with Suite(**SETTINGS).start("catalog") as suite:
        suite.collector.start(CLOUDEVENTS_STRICT="true").ready()
        chance = random.Random(1)
        sender = MixedSender(f"{suite.collector.url}/events")
        sender.start()
        for _ in range(8):
            before = sender.answered
            wait_until(lambda: sender.answered >= before + 20 or sender.failure, "answers", 60)
            time.sleep(chance.uniform(0, 0.5))
            suite.collector.kill()
            suite.collector.start(CLOUDEVENTS_STRICT="true").ready()
        sender.finished.set()
        sender.join(60)
        assert not sender.failure, sender.failure
        suite.collector.kill()
        suite.collector.start().ready()
        suite.flush()
        refused = collections.Counter(json.loads(row["raw"])["data"]["n"] for row in rows(suite, "rejected_events"))
        assert set(range(sender.answered)) <= set(refused)
        assert all(count <= sender.attempts[number] for number, count in refused.items())

        for _ in range(4):
            death = threading.Timer(chance.uniform(0.05, 0.6), suite.collector.kill)
            death.start()
            with contextlib.suppress(OSError, http.client.HTTPException):
                call("POST", f"{suite.collector.url}/admin/replay", {"limit": 100_000})
            death.join()
            suite.collector.start().ready()
        for _ in range(2):
            report = replay(suite, limit=100_000)
            assert report["refused"] == 0 and report["replayed"] + report["already_replayed"] == refused.total()
        suite.flush()
        stored = rows(suite, "events")
        assert len({row["id"] for row in stored}) == len(stored)
        replayed = collections.Counter(
            json.loads(row["data"])["n"] for row in stored if not row["id"].startswith("good-"))
        assert replayed == refused
        good = {row["id"] for row in stored if row["id"].startswith("good-")}
        assert good >= {f"good-{number}" for number in range(sender.answered)}
        kept = rows(suite, "rejected_events")
        for reasons in (("replayed",), set(row["reason"] for row in kept) - {"replayed"}):
            ids = [row["rejected_id"] for row in kept if row["reason"] in reasons]
            assert len(ids) == len(set(ids)) == refused.total()
