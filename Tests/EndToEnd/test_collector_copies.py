"""Two collectors that believe to have the same log: restored backups, copied volumes, machines that wake up again. One goes
on, the other halts and says why; nothing is stored twice, and what the halted one took is in the table or in its log."""

import contextlib
import shutil
import signal

import pytest
from suite import Suite, call, wait_until
from support.ledger import Ledger, judge
from support.prometheus import scrape
from support.senders import Sender

SETTINGS = {"ICEBERG_BUFFER_TIMEOUT_MS": "100", "COMMIT_INTERVAL_MS": "50", "RETRY_BASE_DELAY_MS": "20", "RETRY_MAX_DELAY_MS": "200", "LOG_LEVEL": "warn"}


def copy(suite):
    """A second collector on a copy of the first one's log directory, as it is now."""
    other = suite.add_collector("copy")
    shutil.copytree(suite.collector.own.get("WAL_DIRECTORY", suite.environment["WAL_DIRECTORY"]), other.own["WAL_DIRECTORY"])
    return other


def started(worker):
    """Up, though perhaps never ready: a halted collector is not."""
    def answers():
        with contextlib.suppress(OSError):
            return call("GET", f"{worker.url}/health/live", timeout=5).status == 200

    worker.start()
    wait_until(answers, f"{worker.name} started")


def halted(worker):
    return scrape(worker)("collector_halted") == 1


def explanation(worker):
    # A process that has just started reads its tables first.
    wait_until(lambda: call("GET", f"{worker.url}/health").status == 503, f"{worker.name} saying why it has halted")
    health = call("GET", f"{worker.url}/health")
    check = health.json["checks"]["commits"]
    assert check["status"] == "unhealthy"
    answer = call("POST", f"{worker.url}/events", {"specversion": "1.0", "id": "refused", "type": "t", "source": "/refused"})
    assert (answer.status, answer.error["type"]) == (503, "CollectorHaltedException"), answer
    assert int(answer.headers["Retry-After"]) > 0
    return answer.error["message"]


def feed(suite, ledger, events):
    sender = Sender(suite.collector.url, ledger, f"/original/{len(ledger.sent)}", pause=0)
    sender.start()
    wait_until(lambda: ledger.sizes()[1] >= events, "acknowledgements")
    sender.finish()
    suite.flush()


@pytest.fixture
def running():
    with Suite(**SETTINGS).start("catalog", "collector") as suite:
        yield suite


def test_a_copy_started_beside_the_original(running):
    ledger = Ledger(running.directory)
    feed(running, ledger, 500)
    other = copy(running)
    started(other)
    collectors = [running.collector, other]
    ledgers = [Ledger(running.directory), Ledger(running.directory)]
    senders = [
        Sender(worker.url, own, f"/{worker.name}/both", pause=0.01, abandons=True) for worker, own in zip(collectors, ledgers)]
    for sender in senders:
        sender.start()
    wait_until(lambda: any(halted(worker) for worker in collectors), "one of them halted", 30)
    stopped = 0 if halted(running.collector) else 1
    going = 1 - stopped
    before = ledgers[going].sizes()[1]
    wait_until(lambda: ledgers[going].sizes()[1] >= before + 500, "the other going on")
    assert not halted(collectors[going])
    for sender in senders:
        sender.finish()
    why = explanation(collectors[stopped])
    print(collectors[stopped].name, "halted:", why)
    assert "another process" in why or "old copy" in why
    assert call("POST", f"{collectors[going].url}/debug/flush/all").status == 200

    # The one that goes on loses nothing; what the halted one acknowledged is in the table or in its log.
    status = call("GET", f"{collectors[stopped].url}/debug/status/all").json
    for other_ledger in ledgers:
        ledger.sent |= other_ledger.sent
    ledger.acknowledged |= ledgers[going].acknowledged
    judge(running.table(), ledger)
    missing = ledgers[stopped].acknowledged - {(row["source"], row["id"]) for row in running.arrow().to_pylist()}
    # A record is a request of 25 events.
    in_log = status["log"]["last_sequence"] - status["log"]["first_sequence"] + 1
    assert len(missing) <= 25 * in_log, (len(missing), status["log"])
    # A restart changes nothing about it.
    collectors[stopped].stop()
    started(collectors[stopped])
    wait_until(lambda: halted(collectors[stopped]), "halted again")


def test_an_old_copy_restored_after_the_original_went_on(running):
    ledger = Ledger(running.directory)
    feed(running, ledger, 500)
    other = copy(running)
    feed(running, ledger, 1000)
    running.collector.kill()
    started(other)
    wait_until(lambda: halted(other), "halted")
    why = explanation(other)
    print("halted:", why)
    assert "old copy" in why
    assert "old copy" in other.log()
    # The original is what goes on.
    running.collector.start().ready()
    feed(running, ledger, 1500)
    assert not halted(running.collector)
    judge(running.table(), ledger, complete=True)


def test_a_collector_that_wakes_up_after_another_took_its_place(running):
    """Frozen with the machine, its directory moved to another, thawed."""
    ledger = Ledger(running.directory)
    feed(running, ledger, 500)
    zombie = Sender(running.collector.url, Ledger(running.directory), "/zombie", pause=0, abandons=True)
    zombie.start()
    wait_until(lambda: zombie.ledger.sizes()[1] >= 500, "acknowledgements")
    running.collector.process.send_signal(signal.SIGSTOP)
    try:
        other = copy(running)
        other.start().ready()
        heir = Sender(other.url, ledger, "/heir", pause=0)
        heir.start()
        before = ledger.sizes()[1]
        wait_until(lambda: ledger.sizes()[1] >= before + 500, "the heir taking events")
        assert call("POST", f"{other.url}/debug/flush/all", timeout=90).status == 200
    finally:
        running.collector.process.send_signal(signal.SIGCONT)
    wait_until(lambda: halted(running.collector) or halted(other), "one of them halted", 30)
    assert halted(running.collector) and not halted(other), other.log()
    print("halted:", explanation(running.collector))
    heir.finish()
    zombie.finish()
    assert call("POST", f"{other.url}/debug/flush/all", timeout=90).status == 200
    ledger.sent |= zombie.ledger.sent
    judge(running.table(), ledger)


def test_a_directory_is_locked_while_it_is_used(running):
    second = running.add_collector("second", WAL_DIRECTORY=running.environment["WAL_DIRECTORY"])
    second.start()
    assert second.process.wait(20) == 1
    assert "another process has the log open" in second.log()
