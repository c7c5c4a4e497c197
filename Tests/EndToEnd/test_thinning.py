"""What thinning keeps of the past is read as of then, by our queries, PyIceberg and DuckDB; what it does not keep takes its
files with it."""

from datetime import datetime, timezone

from suite import Suite, call

ALL = "SELECT count(*) AS n FROM events"


def moment(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_of(suite, milliseconds):
    answer = suite.graphql(
        "query($t: DateTime, $q: String!) { analytics { timeTravel(timestamp: $t, query: $q) { results snapshotId } } }",
        t=moment(milliseconds), q=ALL)["analytics"]["timeTravel"]
    return answer["results"][0]["n"], int(answer["snapshotId"])


def test_the_past_is_thinned_and_still_read(store, flights):
    with Suite(store).start("catalog", "collector", "compaction", "api") as suite:
        counts = {}
        for at in range(0, 600, 100):
            assert suite.send(flights[at : at + 100]).status == 202
            suite.flush()
            counts[suite.table().current_snapshot().snapshot_id] = at + 100
        table = f"{suite.catalog.url}/v1/namespaces/analytics/tables/events"
        refused = call("POST", table, {"updates": [{"action": "set-properties", "updates": {"snapshots.thinning": "hourly"}}]})
        assert refused.status == 400 and "1h:30d,1d:365d" in refused.json["error"]["message"], refused
        # The last of each minute stays, in however many minutes the commits were made.
        updates = [{"action": "set-properties", "updates": {
            "snapshots.thinning": "1m:1d", "history.expire.max-snapshot-age-ms": "0"}}]
        assert call("POST", table, {"updates": updates}).status == 200
        before = {s.snapshot_id: s for s in suite.table().metadata.snapshots if s.snapshot_id in counts}
        *leaving, current = sorted(before.values(), key=lambda s: s.sequence_number)
        minutes = {}
        for snapshot in leaving:
            minutes[snapshot.timestamp_ms // 60_000] = snapshot

        answer = call("POST", f"{suite.compaction.url}/expire/events?wait=true", timeout=60)
        assert answer.status == 200, answer
        after = suite.table()
        tags = {name: ref.snapshot_id for name, ref in after.metadata.refs.items() if name != "main"}
        assert sorted(tags.values()) == sorted(s.snapshot_id for s in minutes.values()), (tags, minutes)
        assert all(name.startswith("kept-1m-") for name in tags)
        assert {s.snapshot_id for s in after.metadata.snapshots} == {*tags.values(), current.snapshot_id}
        # Only now is the middle of the history gone; what stays is whole.
        for name, snapshot in tags.items():
            taken = before[snapshot]
            assert after.scan(snapshot_id=after.snapshot_by_name(name).snapshot_id).to_arrow().num_rows == counts[snapshot]
            assert as_of(suite, taken.timestamp_ms) == (counts[snapshot], snapshot)
            found = suite.duckdb().execute(
                f"SELECT count(*) FROM lake.analytics.events AT (VERSION => {snapshot})").fetchone()
            assert found == (counts[snapshot],)
        last = before[max(tags.values(), key=lambda id: before[id].sequence_number)]
        assert as_of(suite, current.timestamp_ms - 1) == (counts[last.snapshot_id], last.snapshot_id)
        assert as_of(suite, current.timestamp_ms) == (counts[current.snapshot_id], current.snapshot_id)
        assert sum(suite.counts().values()) == 600
        # Nothing is due a second time, and the catalog's own call sees it the same way.
        again = call("POST", f"{table}/snapshots/expire", {"older_than_days": 0})
        assert again.status == 200 and again.json["expired_snapshot_ids"] == [], again
        assert call("POST", f"{table}/validate", {}).json["findings"] == []
