"""Clients that send as docs/collector.md asks: the same events with the same ids until they are answered."""

import http.client
import json
import random
import threading
import time
import urllib.parse

from support.ledger import event

RETRIED = (429, 500, 502, 503, 504, 507)


class Sender(threading.Thread):
    """Sends batches to one collector over one connection until told to finish; what it began it brings to its end, unless
    `abandons` lets it give up then. `pause` seconds lie between batches. A share of broken requests is never repeated, as of
    senders that crash themselves: nobody knows whether their events were taken."""

    def __init__(self, url, ledger, source, batch=25, pause=0.02, padding=0, types=None, abandons=False, gives_up=0.0):
        super().__init__(daemon=True)
        self.address = urllib.parse.urlsplit(url).netloc
        self.ledger, self.source, self.batch, self.pause = ledger, source, batch, pause
        self.padding, self.types, self.abandons, self.gives_up = padding, types, abandons, gives_up
        self.finished, self.failure, self.connection = threading.Event(), None, None
        self.statuses, self.duplicates, self.number, self.slowest = {}, 0, 0, 0.0
        self.answers = []
        self.chance = random.Random(source)

    def run(self):
        try:
            while not self.finished.is_set():
                self.send_batch()
                self.finished.wait(self.pause)
        except BaseException as error:
            self.failure = error

    def send_batch(self):
        numbers = range(self.number, self.number + self.batch)
        self.number += self.batch
        keys = [(self.source, str(number)) for number in numbers]
        self.ledger.pending(keys)
        events = [event(self.source, n, type=self.types(n) if self.types else None, padding=self.padding) for n in numbers]
        body = "\n".join(json.dumps(e, separators=(",", ":")) for e in events).encode()
        attempt = 0
        while True:
            started = time.monotonic()
            status, headers, answer = self.post(body)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 202:
                report = json.loads(answer)
                assert report["rejected"] == [] and report["accepted"] + report["duplicates"] == self.batch, report
                self.duplicates += report["duplicates"]
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.ledger.acked(keys)
                return
            assert status is None or status in RETRIED, (status, answer[:500])
            if status is not None:
                self.answers.append((status, headers.get("Retry-After"), answer))
            if self.abandons and self.finished.is_set() or status is None and self.chance.random() < self.gives_up:
                return
            attempt += 1
            time.sleep(self.chance.uniform(0.02, min(0.5, 0.05 * 2 ** min(attempt, 10))))

    def post(self, body):
        """The status, or None for a broken exchange."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=30)
            self.connection.request("POST", "/events", body, {"Content-Type": "application/x-ndjson"})
            response = self.connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            if self.connection:
                self.connection.close()
            self.connection = None
            return None, {}, b""

    def finish(self, seconds=120):
        self.finished.set()
        self.join(seconds)
        if self.failure:
            raise self.failure
        assert not self.is_alive(), f"{self.source} is still sending; answers so far: {self.statuses}"
        return self
