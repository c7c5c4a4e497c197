#!/usr/bin/env python3
"""Sends a file of CloudEvents (one JSON object a line) to the collector, with a progress bar.

    send.py FILE [--url http://127.0.0.1:3000] [--batch 1000] [--connections 2] [--key KEY]

A batch that is not acknowledged (no answer, 429, 5xx) is sent again, after the pause the collector asks for: the
collector stores an event once however often it arrives. Prints one line of JSON with the totals.
"""

import argparse
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
from itertools import islice

ATTEMPTS = 60


class Sender:
    def __init__(self, url, key, total_bytes):
        self.url = urllib.parse.urlsplit(url)
        self.headers = {"Content-Type": "application/x-ndjson"}
        if key:
            self.headers["X-API-Key"] = key
        self.lock = threading.Lock()
        self.total_bytes = total_bytes
        self.totals = {"sent": 0, "accepted": 0, "duplicates": 0, "rejected": 0, "retries": 0}
        self.bytes = 0
        self.failure = None
        self.started = time.monotonic()

    def connect(self):
        return http.client.HTTPConnection(self.url.hostname, self.url.port or 80, timeout=120)

    def post(self, connection, body):
        """One batch until it is acknowledged. Returns the connection, which may be a new one, and the answer."""
        pause = 0.1
        for _ in range(ATTEMPTS):
            try:
                connection.request("POST", "/events", body, self.headers)
                response = connection.getresponse()
                text = response.read()
                if response.status == 202:
                    return connection, json.loads(text)
                if response.status not in (429, 503, 507) and response.status < 500:
                    raise SystemExit(f"the collector refused a batch: {response.status} {text[:500].decode()}")
                pause = float(response.headers.get("Retry-After") or pause)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = self.connect()
            with self.lock:
                self.totals["retries"] += 1
            time.sleep(min(pause, 5))
            pause = min(pause * 2, 5)
        raise SystemExit(f"the collector did not acknowledge a batch in {ATTEMPTS} attempts")

    def work(self, lines, batch_size):
        connection = self.connect()
        try:
            while self.failure is None:
                with self.lock:
                    batch = list(islice(lines, batch_size))
                if not batch:
                    return
                body = b"".join(batch)
                connection, answer = self.post(connection, body)
                with self.lock:
                    self.totals["sent"] += len(batch)
                    self.totals["accepted"] += answer["accepted"]
                    self.totals["duplicates"] += answer["duplicates"]
                    self.totals["rejected"] += len(answer["rejected"])
                    self.bytes += len(body)
                    self.show()
        except BaseException as error:  # carried to the main thread
            self.failure = error
        finally:
            connection.close()

    def show(self, last=False):
        if not sys.stderr.isatty() and not last:
            tenth = self.bytes * 10 // self.total_bytes
            if tenth == getattr(self, "tenth", -1):
                return
            self.tenth = tenth
        part = self.bytes / self.total_bytes
        rate = self.totals["sent"] / max(time.monotonic() - self.started, 1e-9)
        bar = "█" * int(part * 40) + "░" * (40 - int(part * 40))
        end = "\r" if sys.stderr.isatty() and not last else "\n"
        print(f"  {bar} {part:4.0%}  {self.totals['sent']:>9,} events  {rate:>9,.0f}/s", end=end, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--key", default=os.environ.get("ANALYTICS_API_KEY"))
    options = parser.parse_args()
    sender = Sender(options.url, options.key, max(os.path.getsize(options.file), 1))
    with open(options.file, "rb") as lines:
        threads = [threading.Thread(target=sender.work, args=(lines, options.batch)) for _ in range(options.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if sender.failure is not None:
        sys.exit(f"error: {sender.failure}")
    sender.show(last=True)
    print(json.dumps({**sender.totals, "seconds": round(time.monotonic() - sender.started, 3)}))


if __name__ == "__main__":
    main()
