"""WAL_SYNC=interval: replies do not wait for the disk, and yet only a power loss could take what they promise. The simulation
(scenario `interval`) shows what that may take; here are the real program, kill -9 and a flush."""

from suite import Suite, call
from support.prometheus import scrape
from support.stored import rows

EVENT = {"specversion": "1.0", "type": "page.view", "source": "/sync", "time": "2024-01-15T14:30:00Z"}


def test_replies_do_not_wait_for_the_sync_and_a_crash_loses_nothing():
    # The first write is synced at once, the next after an hour at the earliest.
    settings = {"WAL_SYNC": "interval", "WAL_SYNC_INTERVAL_MS": "60000", "BUFFER_TIME_SECONDS": "3600", "R2_CATALOG_ENDPOINT": "direct"}
    with Suite(**settings).start("collector") as suite:
        def send(first, last):
            for number in range(first, last):
                answer = call("POST", f"{suite.collector.url}/events", {**EVENT, "id": str(number)})
                assert answer.status == 202 and answer.json["accepted"] == 1, answer

        send(0, 20)
        synced = scrape(suite.collector)("collector_fsync_seconds_count")
        assert synced < 5, "replies waited for the disk"
        assert call("POST", f"{suite.collector.url}/debug/flush/all").json["flushed"] == 20, "a flush takes all that was answered"
        send(20, 50)
        suite.collector.kill()
        suite.collector.start().ready()
        answer = call("POST", f"{suite.collector.url}/events", {**EVENT, "id": "20"})
        assert answer.json == {"accepted": 0, "duplicates": 1, "rejected": []}, "what was answered before the crash is known after it"
        send(50, 60)
        assert sorted(int(row["id"]) for row in rows(suite)) == list(range(60))
