"""Real event sets go in whole: every event once, its content as it was sent."""

import json

import pytest
from suite import Suite

SETS = [
    "apache-access-2015", "gharchive-2015-01-01-0", "ncedc-earthquakes-2016", "nginx-plus-status-2015", "wikipedia-2015-09-12",
]


@pytest.mark.parametrize("name", SETS)
def test_an_event_set_goes_in_whole(corpus, name):
    lines = corpus(name)
    sent = {}
    for line in lines:
        event = json.loads(line)
        sent[(event["source"], event["id"])] = event
    with Suite().start("catalog", "collector", "api") as suite:
        accepted = duplicates = 0
        for at in range(0, len(lines), 250):
            answer = suite.send(lines[at : at + 250])
            assert answer.status == 202 and answer.json["rejected"] == [], answer
            accepted += answer.json["accepted"]
            duplicates += answer.json["duplicates"]
        assert (accepted, duplicates) == (len(sent), len(lines) - len(sent))
        suite.flush()
        rows = suite.arrow(("source", "id", "type", "subject", "time", "data")).to_pylist()
        assert sum(suite.counts().values()) == len(sent)
    assert len(rows) == len(sent)
    for row in rows:
        event = sent[(row["source"], row["id"])]
        assert json.loads(row["data"]) == event["data"]
        assert (row["type"], row["subject"]) == (event["type"], event.get("subject"))
        assert row["time"].strftime("%Y-%m-%dT%H:%M:%S") == event["time"][:19]
