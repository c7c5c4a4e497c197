"""Compaction leaves few large files and every row, and the past stays readable."""

from suite import Suite, call

CHECKSUM = "SELECT count(*) AS n, sum(hash(e)::HUGEINT)::VARCHAR AS checksum FROM lake.analytics.events e"


def files_by_partition(suite):
    files = {}
    for row in suite.table().inspect.files().to_pylist():
        files.setdefault((row["spec_id"], str(row["partition"])), []).append(row["file_size_in_bytes"])
    return files


def test_compaction_keeps_every_row_and_the_past(store, flights):
    lines = flights[:6000]
    with Suite(store).start("catalog", "collector", "compaction", "api") as suite:
        for at in range(0, len(lines), 1000):
            assert suite.send(lines[at : at + 1000][::-1]).status == 202
            suite.flush()
        # Interleave, so that every partition gets several files.
        more = [line.replace('"id":"', '"id":"again-') for line in lines[::3]]
        for at in range(0, len(more), 500):
            assert suite.send(more[at : at + 500]).status == 202
            suite.flush()
        before = suite.duckdb().execute(CHECKSUM).fetchone()
        assert before[0] == len(lines) + len(more)
        past = suite.graphql("{ catalog { tables { name currentSnapshotId } } }")["catalog"]["tables"]
        snapshot = next(t["currentSnapshotId"] for t in past if t["name"].endswith("events"))
        assert max(len(sizes) for sizes in files_by_partition(suite).values()) > 1

        answer = call("POST", f"{suite.compaction.url}/compact/events?force=true&wait=true", timeout=300)
        assert answer.status == 200, answer

        target = 128 << 20
        for partition, sizes in files_by_partition(suite).items():
            assert len([size for size in sizes if size < target]) <= 1, partition
        assert suite.duckdb().execute(CHECKSUM).fetchone() == before
        assert suite.table().current_snapshot().summary.operation.value == "replace"
        then = suite.graphql(
            """query($s: ID!) { analytics { timeTravel(snapshotId: $s, query: "SELECT count(*) AS n FROM events") { results snapshotId } } }""",
            s=snapshot)["analytics"]["timeTravel"]
        assert then["results"] == [{"n": before[0]}]
        assert then["snapshotId"] == snapshot

        # The watermark survives: nothing is committed a second time.
        assert suite.send(lines[:100]).json["duplicates"] == 100
        suite.flush()
        assert sum(suite.counts().values()) == before[0]
