"""Catalog and store away, slow, lying and full, while events come in: nothing acknowledged is lost or doubled, memory stays
bounded, and the collector recovers by itself, without a storm.

`OUTAGE_SECONDS` says how long each fault lasts (4); `LONG_OUTAGE_SECONDS` how long the one of everything (20; try 3600).
"""

import contextlib
import os
import random
import subprocess
import threading
import time

import pytest
from conftest import LONG
from suite import Suite, call, wait_until
from support.faults import FAULTS, USUAL, FaultProxy
from support.ledger import Ledger, judge
from support.prometheus import scrape
from support.senders import Sender

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "4"))
LONG_OUTAGE_SECONDS = float(os.environ.get("LONG_OUTAGE_SECONDS", "20"))
SETTINGS = {
    "ICEBERG_BUFFER_TIMEOUT_MS": "200", "COMMIT_INTERVAL_MS": "100", "RETRY_BASE_DELAY_MS": "50", "RETRY_MAX_DELAY_MS": "1000", "MAX_RETRIES": "3",
    "LOG_LEVEL": "warn",
    # The collector is to go to the store by its own way, through the proxy.
    "CATALOG_VEND_CREDENTIALS": "false",
}
TABLE = {"table": "analytics.events"}
# Those that a caller notices at once; silence is noticed by its time-out.
LOUD = set(FAULTS) - {"silence", "late_silence", "drip"}


@contextlib.contextmanager
def surrounded(**settings):
    """A suite whose collector reaches store and catalog through proxies."""
    with Suite("s3", **(SETTINGS | settings)).start("catalog") as suite:
        with FaultProxy(suite.seaweed.endpoint) as store, FaultProxy(suite.catalog.url) as catalog:
            suite.proxies = {"store": store, "catalog": catalog}
            suite.collector.own = {"R2_ENDPOINT": store.url, "R2_CATALOG_ENDPOINT": catalog.url}
            suite.start("collector")
            suite.ledger = Ledger(suite.directory)
            wait_until(lambda: catalog.requests, "the collector asking through the proxy")
            yield suite


def memory(worker):
    """The most resident memory the process has had, in bytes."""
    with open(f"/proc/{worker.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def drained(suite, seconds=60):
    """Waits until the log is in the table; nobody asks for a flush."""
    wait_until(lambda: scrape(suite.collector)("collector_uncommitted_records", **TABLE) == 0, "everything committed", seconds)


def acknowledged(suite, more, seconds=60):
    before = suite.ledger.sizes()[1]
    wait_until(lambda: suite.ledger.sizes()[1] >= before + more, f"{more} more acknowledgements", seconds)


@pytest.fixture(scope="module")
def shared():
    with surrounded() as suite:
        yield suite


@pytest.mark.parametrize("fault", [pytest.param(fault, marks=() if fault in USUAL else LONG) for fault in FAULTS])
@pytest.mark.parametrize("place", ["store", "catalog"])
def test_an_outage_ends_by_itself_and_loses_nothing(shared, place, fault):
    proxy = shared.proxies[place]
    sender = Sender(shared.collector.url, shared.ledger, f"/{place}/{fault}", pause=0.05)
    sender.start()
    acknowledged(shared, 100)
    drained_before = scrape(shared.collector)("collector_commits_total", outcome="committed", **TABLE)
    proxy.set(fault)
    began = time.monotonic()
    acknowledged(shared, 200)
    if fault in LOUD:
        wait_until(lambda: scrape(shared.collector)("collector_commit_trouble_seconds", **TABLE) > 0, "the fault noticed", OUTAGE_SECONDS + 30)
        health = call("GET", f"{shared.collector.url}/health")
        assert health.status == 200 and health.json["checks"]["commits"]["status"] == "degraded", health
    time.sleep(max(0, OUTAGE_SECONDS - (time.monotonic() - began)))
    ended = time.monotonic()
    assert proxy.met(fault) > 0 or fault == "refused"
    asked = proxy.count(began, ended) / (ended - began)
    proxy.clear()
    acknowledged(shared, 100)
    sender.finish()
    assert sender.statuses.keys() == {202}, sender.statuses
    drained(shared)
    assert scrape(shared.collector)("collector_commits_total", outcome="committed", **TABLE) > drained_before
    wait_until(lambda: call("GET", f"{shared.collector.url}/health").json["checks"]["commits"]["status"] == "healthy", "healthy again")
    busiest = proxy.busiest_second(ended)
    print({"place": place, "fault": fault, "requests a second": round(asked, 1), "busiest second after": busiest,
           "slowest acknowledgement": round(sender.slowest, 3), **judge(shared.table(), shared.ledger, complete=True)})
    assert asked < 60, "the collector hammers on a closed door"
    assert busiest < 150, "a storm broke loose when the door opened"


def test_bad_weather_everywhere(shared):
    """Every fault now and then, on both sides, for some of the requests."""
    chance = random.Random(os.environ.get("WEATHER_SEED", "1"))
    sender = Sender(shared.collector.url, shared.ledger, "/weather", pause=0.05)
    sender.start()
    until = time.monotonic() + 5 * OUTAGE_SECONDS
    while time.monotonic() < until:
        for proxy in shared.proxies.values():
            proxy.set(chance.choice([fault for fault in FAULTS if fault != "drip"]), share=chance.choice([0.1, 0.3, 0.6]))
        time.sleep(chance.uniform(0.2, 1.5))
    for proxy in shared.proxies.values():
        proxy.clear()
    sender.finish()
    drained(shared)
    print(judge(shared.table(), shared.ledger, complete=True), scrape(shared.collector)("collector_commits_total", outcome="unknown"))


def test_a_long_outage_of_everything_costs_disk_and_not_memory():
    with surrounded(BUFFER_MEMORY_BYTES=str(8 << 20), BUFFER_SIZE_BYTES=str(4 << 20)) as suite:
        for proxy in suite.proxies.values():
            proxy.set("refused")
        senders = [Sender(suite.collector.url, suite.ledger, f"/{n}", batch=100, pause=0.01, padding=2000) for n in range(3)]
        started = time.monotonic()
        for sender in senders:
            sender.start()
        peak = 0
        while time.monotonic() < started + LONG_OUTAGE_SECONDS:
            time.sleep(1)
            if scrape(suite.collector)("collector_log_bytes") > 200 << 20:
                for sender in senders:
                    sender.pause = 1.0
        for sender in senders:
            # A log that is full by then would hold them until the end of the outage.
            sender.abandons = True
            sender.finish()
        log = scrape(suite.collector)("collector_log_bytes")
        assert log > 20 << 20, "too little was sent to prove anything"
        assert scrape(suite.collector)("collector_log_oldest_seconds") >= LONG_OUTAGE_SECONDS - 2
        peak = memory(suite.collector)
        for proxy in suite.proxies.values():
            proxy.clear()
        returned = time.monotonic()
        drained(suite, 600)
        # What a full log refused to the end was never acknowledged, and must not be in the table either.
        refused = sum(sender.statuses.get(507, 0) for sender in senders)
        assert all(sender.statuses.keys() <= {202, 507} for sender in senders), [sender.statuses for sender in senders]
        figures = judge(suite.table(), suite.ledger, complete=not refused)
        assert figures["stored"] == figures["acknowledged"]
        busiest = {place: proxy.busiest_second(returned) for place, proxy in suite.proxies.items()}
        wait_until(lambda: scrape(suite.collector)("collector_log_bytes") < 8 << 20, "the log freed")
        print(figures, {"refused": refused, "log MB": log // 1e6, "peak MB in the outage": peak // 1e6, "peak MB after": memory(suite.collector) // 1e6,
                        "drained in": round(time.monotonic() - returned), "busiest second": busiest})
        assert memory(suite.collector) < 300e6
        # Files and commits follow each other without a pause until a log of up to 1 GiB is in the table: some 150 a second.
        assert max(busiest.values()) < 300


def test_a_full_log_refuses_and_frees_itself():
    with surrounded(WAL_MAX_BYTES=str(2 << 20)) as suite:
        acknowledging = Sender(suite.collector.url, suite.ledger, "/first", pause=0.02, padding=500)
        acknowledging.start()
        acknowledged(suite, 100)
        suite.proxies["catalog"].set("unavailable")
        wait_until(lambda: acknowledging.statuses.get(507, 0) > 3, "507", 60)
        status, retry_after, body = acknowledging.answers[-1]
        assert status == 507 and int(retry_after) > 0 and b"LogFullException" in body
        found = scrape(suite.collector)
        assert found("collector_log_full") == 1 and found("collector_requests_refused_total", reason="log_full") > 0
        assert found("collector_log_bytes") <= 2 << 20
        assert call("GET", f"{suite.collector.url}/health").json["checks"]["log"]["status"] == "degraded"
        # Full, it still starts.
        suite.collector.kill()
        suite.collector.start().ready()
        suite.proxies["catalog"].clear()
        before = acknowledging.statuses.get(202, 0)
        wait_until(lambda: acknowledging.statuses.get(202, 0) > before + 3, "accepting again", 60)
        acknowledging.finish()
        drained(suite)
        wait_until(lambda: scrape(suite.collector)("collector_log_full") == 0, "the log not full any more")
        print(acknowledging.statuses, judge(suite.table(), suite.ledger, complete=True))


def test_an_outage_longer_than_is_allowed_is_told_to_senders():
    with surrounded(CATALOG_OUTAGE_SECONDS="2") as suite:
        sender = Sender(suite.collector.url, suite.ledger, "/first", pause=0.02)
        sender.start()
        acknowledged(suite, 100)
        suite.proxies["catalog"].set("reset")
        wait_until(lambda: sender.statuses.get(503, 0) > 3, "503", 60)
        status, retry_after, body = sender.answers[-1]
        assert status == 503 and int(retry_after) > 0 and b"CatalogUnavailableException" in body
        assert scrape(suite.collector)("collector_requests_refused_total", reason="catalog_outage") > 0
        suite.proxies["catalog"].clear()
        acknowledged(suite, 100)
        sender.finish()
        drained(suite)
        judge(suite.table(), suite.ledger, complete=True)


@pytest.mark.parametrize("fault", ["refused", "unavailable", "silence"])
def test_stopping_and_starting_in_an_outage(fault):
    with surrounded(SHUTDOWN_GRACE_SECONDS="8") as suite:
        sender = Sender(suite.collector.url, suite.ledger, "/first", pause=0.02)
        sender.start()
        acknowledged(suite, 100)
        for proxy in suite.proxies.values():
            proxy.set(fault)
        acknowledged(suite, 100)
        started = time.monotonic()
        assert suite.collector.stop(20) == 0, suite.collector.log()[-2000:]
        assert time.monotonic() - started < 12
        suite.collector.start().ready()
        acknowledged(suite, 100)
        suite.collector.kill()
        suite.collector.start().ready()
        acknowledged(suite, 100)
        for proxy in suite.proxies.values():
            proxy.clear()
        acknowledged(suite, 100)
        sender.finish()
        drained(suite)
        judge(suite.table(), suite.ledger, complete=True)


def test_a_first_start_without_catalog_and_store():
    """Not even the table is there yet."""
    with surrounded() as suite:
        suite.collector.stop()
        for proxy in suite.proxies.values():
            proxy.set("refused")
        suite.collector.own["WAL_DIRECTORY"] = str(suite.directory / "another-log")
        suite.collector.start().ready()
        sender = Sender(suite.collector.url, suite.ledger, "/first", pause=0.02)
        sender.start()
        acknowledged(suite, 200)
        sender.finish()
        for proxy in suite.proxies.values():
            proxy.clear()
        drained(suite)
        judge(suite.table(), suite.ledger, complete=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_disk_that_others_fill_and_free_again(small_disk):
    with Suite(**SETTINGS) as suite:
        suite.prepare()
        suite.collector.own = {"WAL_DIRECTORY": str(small_disk / "wal")}
        suite.start("catalog", "collector")
        suite.ledger = Ledger(suite.directory)
        sender = Sender(suite.collector.url, suite.ledger, "/first", pause=0.02, padding=200)
        sender.start()
        for round in range(3):
            acknowledged(suite, 200)
            with open(small_disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"x" * 65_536):
                    pass
            refused = sender.statuses.get(507, 0)
            wait_until(lambda: sender.statuses.get(507, 0) > refused, "507", 60)
            status, retry_after, _ = sender.answers[-1]
            assert status == 507 and int(retry_after) > 0
            if round == 1:
                suite.collector.kill()
                suite.collector.start().ready()
            os.remove(small_disk / "filler")
        acknowledged(suite, 200)
        sender.finish()
        drained(suite)
        judge(suite.table(), suite.ledger, complete=True)
        suite.collector.stop()
