"""Real event sets go in whole: every event once, every byte of its data as it was sent. DuckDB compares the files with the
table, PyIceberg counts."""

import threading

import pytest
import suite as suites
from suite import Suite

# Events and, where some are sent twice, how many differ; the largest line shows that deep payloads of 32 kB are among them.
SETS = {
    "apache-access-2015": 9_999, "gharchive-2015-01-01-0": 7_702, "ncedc-earthquakes-2016": 38_315, "nginx-plus-status-2015": 500,
    "nycflights-2013": 690_954, "wikipedia-2015-09-12": 39_244,
}

COMPARISON = """
WITH sent AS (
    SELECT json::VARCHAR AS line, json->>'$.source' AS source, json->>'$.id' AS id, json->>'$.type' AS type, json->>'$.subject' AS subject,
        (json->>'$.time')::TIMESTAMPTZ AS time, json->>'$.datacontenttype' AS datacontenttype, json->>'$.dataschema' AS dataschema,
        json->>'$.specversion' AS specversion
    FROM sent_lines),
stored AS (SELECT * FROM lake.analytics.events)
SELECT count(*) AS pairs, count(DISTINCT (stored.source, stored.id)) AS keys,
    count(*) FILTER (WHERE sent.id IS NULL) AS never_sent, count(*) FILTER (WHERE stored.id IS NULL) AS lost,
    count(*) FILTER (WHERE stored.type IS DISTINCT FROM sent.type OR stored.subject IS DISTINCT FROM sent.subject
        OR stored.datacontenttype IS DISTINCT FROM sent.datacontenttype OR stored.dataschema IS DISTINCT FROM sent.dataschema
        OR stored.specversion IS DISTINCT FROM sent.specversion OR stored.time IS DISTINCT FROM sent.time) AS other_attributes,
    count(*) FILTER (WHERE NOT coalesce(contains(sent.line, '"data":' || stored.data), sent.line NOT LIKE '%"data":%')) AS other_data,
    count(*) FILTER (WHERE stored.year <> year(timezone('UTC', sent.time)) OR stored.month <> month(timezone('UTC', sent.time))
        OR stored.day <> day(timezone('UTC', sent.time)) OR stored.hour <> hour(timezone('UTC', sent.time))) AS other_hours,
    max(length(stored.data)) AS longest
FROM sent FULL JOIN stored ON sent.source = stored.source AND sent.id = stored.id
"""


def batches(lines, bytes_max=1 << 20):
    batch, size = [], 0
    for line in lines:
        if batch and (size + len(line) > bytes_max or len(batch) == 1000):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def send_all(suite, lines, threads=2):
    """Sends every line, and returns how many were accepted and how many were duplicates."""
    source, lock, totals, failures = batches(lines), threading.Lock(), [0, 0], []

    def work():
        try:
            while True:
                with lock:
                    batch = next(source, None)
                if batch is None or failures:
                    return
                answer = suite.send(batch)
                assert answer.status == 202 and answer.json["rejected"] == [], answer
                with lock:
                    totals[0] += answer.json["accepted"]
                    totals[1] += answer.json["duplicates"]
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return totals


@pytest.mark.parametrize("name", SETS)
def test_an_event_set_goes_in_whole(corpus, name):
    lines = corpus(name)
    assert len(lines) == SETS[name]
    with Suite(LOG_LEVEL="warn").start("catalog", "collector", "api") as suite:
        accepted, duplicates = send_all(suite, lines)
        assert accepted + duplicates == len(lines)
        suite.flush()
        assert suite.arrow(("id",)).num_rows == accepted
        assert sum(suite.counts().values()) == accepted
        connection = suite.duckdb()
        path = suites.CORPORA / "events" / "ndjson" / f"{name}.ndjson.zst"
        # An event that the set has twice is in the table once; the two say the same.
        connection.execute(
            f"CREATE TABLE sent_lines AS SELECT any_value(json) AS json FROM read_json_objects('{path}', format='newline_delimited',"
            " compression='zstd') GROUP BY json->>'$.source', json->>'$.id'")
        found = connection.execute(COMPARISON).to_arrow_table().to_pylist()[0]
    print(name, {"accepted": accepted, "duplicates": duplicates, **found})
    longest = found.pop("longest")
    assert found == {
        "pairs": accepted, "keys": accepted, "never_sent": 0, "lost": 0, "other_attributes": 0, "other_data": 0, "other_hours": 0}
    if name.startswith("gharchive"):
        assert longest > 30_000, "the large nested payloads are missing"
