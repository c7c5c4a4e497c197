"""The collector dies, or what it does fails, on both sides of every step that makes something durable: at each failpoint the
programs know, so that a new one cannot go untested. Nothing acknowledged is lost, nothing stored twice."""

import contextlib
import http.client
import json
import random
import subprocess
import time

import pytest
import suite
from suite import Suite, call, wait_until
from support.ledger import Ledger, judge
from support.prometheus import scrape
from support.senders import Sender

# Segments of 128 KiB, so that some end and go while the test looks on.
SETTINGS = {
    "WAL_MAX_BYTES": str(1 << 20), "ICEBERG_BUFFER_TIMEOUT_MS": "100", "COMMIT_INTERVAL_MS": "50", "RETRY_BASE_DELAY_MS": "20",
    "RETRY_MAX_DELAY_MS": "200", "MAX_RETRIES": "2", "LOG_LEVEL": "warn",
}
# Events of one life: some eight segments.
ENOUGH = 2000


def names():
    program = suite.BINARIES / "analytics-inspect"
    if not program.exists():
        return []
    every = json.loads(subprocess.run([program, "--json", "failpoints"], capture_output=True, check=True).stdout)["names"]
    return [name for name in every if not name.startswith("catalog.")]


def tear(directory, chance):
    """Leaves behind the newest segment what a crash in the middle of a write can leave."""
    newest = max(directory.glob("*.segment"))
    # The header of 40 bytes is synced before anything is written behind it.
    missing = max(0, 40 - newest.stat().st_size)
    with open(newest, "ab") as segment:
        segment.write(chance.randbytes(min(chance.randrange(1, 60), missing or 60)))


def live(suite, ledger, sender, enough=ENOUGH):
    """Until the collector has died, or has taken, committed and trimmed enough."""
    until = ledger.sizes()[1] + enough
    deadline = time.monotonic() + 60
    while suite.collector.process.poll() is None and ledger.sizes()[1] < until:
        assert sender.failure is None, sender.failure
        assert time.monotonic() < deadline, suite.collector.log()[-3000:]
        # Refused, so that the quarantine has commits of its own.
        with contextlib.suppress(OSError, http.client.HTTPException):
            call("POST", f"{suite.collector.url}/events", b"{", timeout=5)
        if b"LogUnavailableException" in (sender.answers[-1][2] if sender.answers else b""):
            break  # Only a restart helps, as it says.
        time.sleep(0.02)
    if suite.collector.process.poll() is None:
        suite.collector.kill()


@pytest.mark.parametrize("name", names())
def test_dying_and_failing_there_loses_and_doubles_nothing(name):
    chance = random.Random(name)
    with Suite(**SETTINGS).start("catalog") as suite:
        ledger = Ledger(suite.directory)
        sender = Sender(suite.collector.url, ledger, "/failpoints", pause=0, padding=200, gives_up=0.2)
        sender.start()
        reached = []
        for life, action in enumerate(["crash:1", "error:1", "crash:2", "crash:1"]):
            if life > 0:
                tear(suite.directory / "wal", chance)
            sender.answers.clear()
            said = f"failpoint {name}: {action.split(':')[0]} at passage {action.split(':')[1]}"
            # Before the start: some are reached at once.
            count = suite.collector.log().count(said) if life > 0 else 0
            suite.collector.start(ANALYTICS_FAILPOINTS=f"{name}={action}")
            # Targets are noted once, with the first commit of a side table.
            live(suite, ledger, sender, ENOUGH * 5 if name.startswith("targets.") else ENOUGH)
            if suite.collector.log().count(said) > count:
                reached.append(action)
            # Between two such lives an ordinary one, which ends by kill too.
            suite.collector.start().ready()
            before = ledger.sizes()[1]
            wait_until(lambda: ledger.sizes()[1] >= before + 200 or sender.failure, "taking events again", 60)
            suite.collector.kill()
        suite.collector.start().ready()
        sender.finish()
        wait_until(lambda: scrape(suite.collector)("collector_uncommitted_records") == 0, "everything committed", 60)
        print(name, reached, judge(suite.table(), ledger))
        assert any(action.startswith("crash") for action in reached), f"{name} was never reached: this test must learn how"


def test_the_list_of_failpoints_can_be_read():
    assert len(names()) > 20
