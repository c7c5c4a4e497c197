"""What was sent, what was acknowledged, and what that says of a table: acknowledged ⊆ table ⊆ sent, no event twice, each
as it was sent, and no file that the table names missing. PyIceberg reads the table, never this project's reader."""

import collections
import concurrent.futures
import json
import os
import threading
import zlib

FIRST_HOUR = 1_705_276_800  # 2024-01-15T00:00:00Z


class Ledger:
    """The journal of all senders of a test. An event is `pending` before its first byte leaves and `acknowledged` once a
    202 says so; the file keeps both for whoever looks into a failure."""

    def __init__(self, directory):
        self.path = directory / "ledger.ndjson"
        self.sent, self.acknowledged = set(), set()
        self.lock = threading.Lock()
        self.file = open(self.path, "a", encoding="utf-8")

    def pending(self, keys):
        with self.lock:
            self.sent.update(keys)
            self.note("pending", keys)

    def acked(self, keys):
        with self.lock:
            self.acknowledged.update(keys)
            self.note("acked", keys)

    def note(self, what, keys):
        self.file.write(json.dumps({what: keys}) + "\n")
        self.file.flush()

    def sizes(self):
        with self.lock:
            return len(self.sent), len(self.acknowledged)


def event(source, number, type=None, time=None, padding=0):
    """An event whose content follows from its key, so that a reader can judge it without a record of it."""
    seconds = FIRST_HOUR + number * 7 % 7200 if time is None else time
    hours, rest = divmod(seconds - FIRST_HOUR, 3600)
    return {
        "specversion": "1.0", "id": str(number), "source": source, "type": type or f"kind.{number % 3}",
        "time": f"2024-01-15T{hours:02}:{rest // 60:02}:{rest % 60:02}Z", "subject": f"user-{number % 17}",
        "data": content(source, str(number), padding),
    }


def content(source, id, padding=0):
    return {"of": f"{source}#{id}", "check": zlib.crc32(f"{source}#{id}".encode()), "padding": "x" * padding}


def judge(table, ledger, complete=False, rows=None):
    """Raises with what is wrong; returns figures. `complete`: everything sent was also acknowledged. `rows`: where PyIceberg is
    too slow, what another reader finds in the files that it names."""
    rows = rows or table.scan(selected_fields=("source", "id", "type", "subject", "data")).to_arrow().to_pylist()
    times = collections.Counter((row["source"], row["id"]) for row in rows)
    twice = [key for key, count in times.items() if count > 1]
    assert not twice, f"{len(twice)} events are stored more than once, {twice[:5]} among them"
    lost = ledger.acknowledged - times.keys()
    assert not lost, f"{len(lost)} acknowledged events are not in the table, {sorted(lost)[:5]} among them"
    strange = times.keys() - ledger.sent
    assert not strange, f"{len(strange)} events in the table were never sent, {sorted(strange)[:5]} among them"
    for row in rows:
        data = json.loads(row["data"])
        expected = content(row["source"], row["id"], len(data["padding"]))
        assert data == expected and row["subject"] == f"user-{int(row['id']) % 17}", row
    assert not complete or ledger.acknowledged == ledger.sent
    return {
        "sent": len(ledger.sent), "acknowledged": len(ledger.acknowledged), "stored": len(rows),
        "stored without an answer": len(times.keys() - ledger.acknowledged), **check_files(table),
    }


def check_files(table):
    """Every file that any snapshot of the table names is there, with the length that is written of it."""
    io, manifests, expected = table.io, {}, {}
    for snapshot in table.metadata.snapshots:
        assert length(io, snapshot.manifest_list) > 0, f"dangling manifest list {snapshot.manifest_list}"
        for manifest in snapshot.manifests(io):
            manifests[manifest.manifest_path] = manifest
    for path, manifest in manifests.items():
        expected[path] = manifest.manifest_length
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
            expected[entry.data_file.file_path] = entry.data_file.file_size_in_bytes
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for path, found in zip(expected, pool.map(lambda path: length(io, path), expected)):
            assert found == expected[path], f"{path} has {found} bytes, not {expected[path]}"
    return {"snapshots": len(table.metadata.snapshots), "data files": len(expected) - len(manifests)}


def length(io, path):
    if path.startswith("file://"):
        return os.path.getsize(path.removeprefix("file://"))
    return len(io.new_input(path))
