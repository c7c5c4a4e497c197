"""kill -9 of collectors, catalog and compaction at random instants of a running ingest, again and again, on a real S3 server.

`KILL_CYCLES` says how often (8); `just chaos` runs 200. `KILL_SEED` repeats the choices of an earlier run.
"""

import os
import random
import threading
import time

import pytest
from suite import Suite, call, wait_until
from support.ledger import Ledger, judge
from support.senders import Sender

CYCLES = int(os.environ.get("KILL_CYCLES", "8"))
SEED = os.environ.get("KILL_SEED", "1")
# Several commits between two kills, and something to compact after each.
SETTINGS = {
    "ICEBERG_BUFFER_TIMEOUT_MS": "200", "COMMIT_INTERVAL_MS": "100", "COMPACTION_THRESHOLD": "2",
    "RETRY_BASE_DELAY_MS": "20", "RETRY_MAX_DELAY_MS": "500", "LOG_LEVEL": "warn",
}


class Compactor(threading.Thread):
    """Compacts over and over, as long as there is something to compact."""

    def __init__(self, worker):
        super().__init__(daemon=True)
        self.worker, self.finished, self.runs = worker, threading.Event(), 0

    def run(self):
        while not self.finished.wait(0.5):
            try:
                answer = call("POST", f"{self.worker.url}/compact/events?force=true&wait=true", timeout=120)
                self.runs += answer.status == 200
            except Exception:
                continue  # killed, or its catalog was

    def finish(self):
        self.finished.set()
        self.join(180)


def restart(workers):
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.ready(60)


def run_cycles(suite, collectors, groups, seed):
    """Kills one of `groups` (lists of workers) in each cycle while a sender for each collector goes on."""
    chance = random.Random(seed)
    ledger = Ledger(suite.directory)
    senders = [Sender(collector.url, ledger, f"/{collector.name}", gives_up=0.3) for collector in collectors]
    compactor = Compactor(suite.compaction)
    for thread in [*senders, compactor]:
        thread.start()
    kills, started = {}, time.monotonic()
    for _ in range(CYCLES):
        # Every kill hits an ingest that has moved on since the last.
        before = ledger.sizes()[1]
        wait_until(
            lambda: ledger.sizes()[1] >= before + 100 or any(sender.failure for sender in senders), "acknowledgements", 120)
        assert not any(sender.failure for sender in senders), [sender.failure for sender in senders]
        time.sleep(chance.uniform(0, 1.5))
        victims = chance.choice(groups)
        for victim in victims:
            victim.kill()
            time.sleep(chance.choice([0, chance.uniform(0, 0.2)]))
        restart(victims)
        for victim in victims:
            kills[victim.name] = kills.get(victim.name, 0) + 1
    for sender in senders:
        sender.finish()
    compactor.finish()
    for collector in collectors:
        answer = call("POST", f"{collector.url}/debug/flush/all", timeout=120)
        assert answer.status == 200, (collector.name, answer)
    figures = judge(suite.table(), ledger)
    figures |= {
        "seconds": round(time.monotonic() - started), "kills": kills, "compactions": compactor.runs,
        "broken requests": sum(sender.statuses.get(None, 0) for sender in senders),
        "duplicates recognised": sum(sender.duplicates for sender in senders),
    }
    print(figures)
    assert CYCLES < 20 or figures["broken requests"] > 0, "no kill hit a request: this proves nothing"
    return figures


def test_kills_of_collector_catalog_and_compaction_lose_and_double_nothing():
    with Suite("s3", **SETTINGS).start("catalog", "collector", "compaction") as suite:
        collector, catalog, compaction = suite.collector, suite.catalog, suite.compaction
        run_cycles(suite, [collector], [[collector], [catalog], [collector, catalog], [catalog, collector], [compaction]], f"{SEED} one")


def test_three_collectors_on_one_table_each_killed_at_random():
    with Suite("s3", **SETTINGS).start("catalog", "collector", "compaction") as suite:
        collectors = [suite.collector, suite.add_collector("collector-2"), suite.add_collector("collector-3")]
        restart(collectors[1:])
        groups = [[c] for c in collectors] + [collectors[:2], collectors[1:], collectors, [suite.catalog], [suite.catalog, *collectors]]
        run_cycles(suite, collectors, groups, f"{SEED} three")
