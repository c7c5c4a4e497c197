"""kill -9 at any moment loses nothing that was acknowledged and stores nothing twice. PyIceberg is the judge."""

import http.client
import itertools
import json
import random
import threading
import time
import urllib.error

import pytest
from suite import Suite, wait_until


class RetryingClient(threading.Thread):
    """Sends every event until it is acknowledged, and remembers which were. Endless: goes round with new ids until told
    to `finish`; otherwise ends with the last line."""

    def __init__(self, suite, lines, batch=100, endless=False):
        super().__init__()
        self.suite, self.lines, self.batch, self.endless = suite, lines, batch, endless
        self.acknowledged, self.failure = set(), None
        self.retries = 0
        self.finish = threading.Event()

    def batches(self):
        for turn in itertools.count() if self.endless else [0]:
            for at in range(0, len(self.lines), self.batch):
                if self.finish.is_set():
                    return
                batch = self.lines[at : at + self.batch]
                yield [line.replace('"id":"', f'"id":"{turn}-', 1) for line in batch] if turn else batch

    def run(self):
        try:
            for batch in self.batches():
                while True:
                    try:
                        answer = self.suite.send(batch)
                        if answer.status == 202:
                            assert answer.json["rejected"] == []
                            break
                        assert answer.status in (429, 500, 502, 503, 507), answer
                    except (OSError, urllib.error.URLError, http.client.HTTPException):
                        pass
                    self.retries += 1
                    time.sleep(0.02)
                for line in batch:
                    event = json.loads(line)
                    self.acknowledged.add((event["source"], event["id"]))
        except BaseException as error:
            self.failure = error


@pytest.mark.parametrize("victim", ["collector", "catalog"])
def test_ten_kills_lose_and_double_nothing(store, flights, victim):
    chance = random.Random(f"{store} {victim}")
    with Suite(store, BUFFER_TIME_SECONDS="1", BUFFER_COUNT_THRESHOLD="500").start("catalog", "collector") as suite:
        client = RetryingClient(suite, flights[:10_000], batch=20, endless=True)
        client.start()
        worker = suite.workers[victim]
        for _ in range(10):
            # Every kill hits a running ingest that has moved on since the last.
            before = len(client.acknowledged)
            wait_until(lambda: len(client.acknowledged) >= before + 400 or client.failure, "acknowledgements")
            time.sleep(chance.uniform(0, 0.1))
            worker.kill()
            worker.start().ready()
        client.finish.set()
        client.join(300)
        assert client.failure is None, client.failure
        assert not client.is_alive()
        assert victim != "collector" or client.retries > 0
        suite.flush()
        stored = [(row["source"], row["id"]) for row in suite.arrow().to_pylist()]
    assert len(stored) == len(set(stored)), "an event is stored twice"
    assert set(stored) == client.acknowledged


def test_an_orderly_stop_flushes_or_keeps_everything(store, flights):
    lines = flights[:3000]
    with Suite(store, BUFFER_TIME_SECONDS="3600", BUFFER_COUNT_THRESHOLD="1000000").start("catalog", "collector") as suite:
        assert suite.send(lines).json["accepted"] == len(lines)
        assert suite.collector.stop() == 0
        suite.collector.start().ready()
        assert suite.send(lines).json == {"accepted": 0, "duplicates": len(lines), "rejected": []}
        suite.flush()
        assert suite.arrow().num_rows == len(lines)
