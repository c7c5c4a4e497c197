#!/usr/bin/env python3
"""The catalog beside SeaweedFS's own Iceberg catalog, on the same S3 server in the same run.

    bench.sh catalog [--runs 3] [--seconds 5] [--only load,commit,clients,appends,pyiceberg,large,start] [--beside DIRECTORY]

`weed mini` serves both: its own catalog at its table bucket, and ours through S3 at plain buckets. Both are asked the same, in turns:
loading a table, commits of one client, 16 clients that commit to one table, the same with appends, PyIceberg in 4 processes, and a table
of 10,000 snapshots. An append that lost a race is made again on the winner, up to 4 times as clients do; then it has failed. Ours runs
with `commit.rebase.enabled`, so that none loses. With `--beside` the catalog of another build takes its turns too, in loads and commits
of one client, and the processor time of both is told.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import io
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "EndToEnd"))

from suite import ACCESS_KEY, BINARIES, SECRET_KEY, free_port, wait_until  # noqa: E402

SCHEMA = {"type": "struct", "schema-id": 0, "fields": [
    {"id": 1, "name": "id", "required": False, "type": "long"}, {"id": 2, "name": "name", "required": False, "type": "string"}]}
RETRIES = 4
BESIDE = "the other build"


class Connection:
    """One kept connection to a catalog."""

    def __init__(self, catalog):
        host = urllib.parse.urlsplit(catalog.url)
        self.catalog, self.http = catalog, http.client.HTTPConnection(host.hostname, host.port, timeout=60)

    def send(self, method, path, body=None, **headers):
        data = json.dumps(body) if body is not None else None
        if self.catalog.token:
            headers["Authorization"] = f"Bearer {self.catalog.token}"
        if data:
            headers["Content-Type"] = "application/json"
        self.http.request(method, self.catalog.prefix + path, data, headers)
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def ok(self, method, path, body=None):
        status, answer = self.send(method, path, body)
        assert status < 300, (self.catalog.name, method, path, status, answer[:600])
        return json.loads(answer) if answer else None


class Catalog:
    token, prefix = None, "/v1"

    def processor_seconds(self):
        """Of the process so far."""
        with open(f"/proc/{self.process.pid}/stat") as line:
            fields = line.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def timed(self, connection, method, path, body=None):
        return timed(lambda: connection.ok(method, path, body))

    def make_table(self, name, **properties):
        made = Connection(self).ok("POST", "/namespaces/bench/tables", {"name": name, "schema": SCHEMA, "properties": properties})
        return made["metadata"]


class Seaweed(Catalog):
    """`weed mini`: S3, and the peer."""

    name = "SeaweedFS"

    def __init__(self, directory):
        binary = os.environ.get("SEAWEEDFS_BINARY") or shutil.which("weed")
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        iceberg = free_port()
        (directory / "s3.json").write_text(json.dumps({"identities": [{
            "name": "admin", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}))
        options = [f"-{name}.port={port}" for name, port in ports.items()] + [f"-{name}.port.grpc={free_port()}" for name in ports]
        self.log = open(directory / "weed.log", "ab")
        self.process = subprocess.Popen(
            [binary, f"-logdir={directory}", "mini", f"-dir={directory}/weed", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
             "-master.telemetry=false", f"-s3.config={directory}/s3.json", "-webdav=false", "-admin.ui=false", "-s3.port.lance=0",
             f"-admin.port={free_port()}", f"-admin.port.grpc={free_port()}", f"-s3.port.iceberg={iceberg}", "-tableBucket=warehouse", *options],
            stdout=self.log, stderr=self.log)
        self.endpoint, self.filer = f"http://127.0.0.1:{ports['s3']}", ports["filer"]
        self.url = f"http://127.0.0.1:{iceberg}"

    def ready(self):
        wait_until(self.answers, "SeaweedFS", 60)
        for bucket in ("analytics-source", "analytics-processed", "analytics-catalog"):
            self.s3().create_bucket(Bucket=bucket)
        return self

    def answers(self):
        assert self.process.poll() is None, f"weed ended: {self.log.name}"
        with contextlib.suppress(Exception):
            client = self.s3()
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="probe", Body=b"x")
            form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": ACCESS_KEY, "client_secret": SECRET_KEY, "scope": "catalog"})
            connection = Connection(self).http
            connection.request("POST", "/v1/oauth/tokens", form, {"Content-Type": "application/x-www-form-urlencoded"})
            self.token = json.loads(connection.getresponse().read())["access_token"]
            prefix = Connection(self).ok("GET", "/config?warehouse=warehouse").get("overrides", {}).get("prefix")
            self.prefix = f"/v1/{prefix}" if prefix else "/v1"
            return True
        return False

    def s3(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def pyiceberg(self):
        return {"type": "rest", "uri": self.url, "warehouse": "warehouse", "credential": f"{ACCESS_KEY}:{SECRET_KEY}",
                "oauth2-server-uri": f"{self.url}/v1/oauth/tokens", "scope": "catalog"}


class Ours(Catalog):
    def __init__(self, directory, seaweed, name="ours", binaries=BINARIES):
        self.seaweed, self.directory, self.name, self.binaries = seaweed, directory, name, pathlib.Path(binaries)
        self.start()

    def start(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        began = time.perf_counter()
        with open(self.directory / "catalog.log", "ab") as log:
            self.process = subprocess.Popen([self.binaries / "analytics-catalog"], stdout=log, stderr=log, env={
                "PATH": os.environ["PATH"], "PORT": str(port), "ICEBERG_ENV": "development", "LOG_LEVEL": "warn", "OBJECT_STORE": "s3",
                "R2_ENDPOINT": self.seaweed.endpoint, "R2_ACCESS_KEY_ID": ACCESS_KEY, "R2_SECRET_ACCESS_KEY": SECRET_KEY,
                "R2_REGION": "us-east-1", "R2_ADDRESSING": "path"})
        while True:
            with contextlib.suppress(OSError):
                Connection(self).ok("GET", "/config")
                break
            assert self.process.poll() is None and time.perf_counter() - began < 30, f"the catalog ended: {log.name}"
            time.sleep(0.002)
        self.start_seconds = time.perf_counter() - began

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))

    def pyiceberg(self):
        return {"type": "rest", "uri": self.url, "warehouse": "analytics"}


# The steps


def loads(catalogs, options):
    """p50 of loading a table of some commits, over one connection, and of an answer without any work, which is the client's own time."""
    for catalog in catalogs:
        catalog.make_table(table(catalog, "load"))
        for number in range(20):
            Connection(catalog).ok("POST", f"/namespaces/bench/tables/{table(catalog, 'load')}", set_property("k", str(number)))
    found = in_turns(catalogs, options.runs * 150, lambda catalog, connection, _: catalog.timed(
        connection, "GET", f"/namespaces/bench/tables/{table(catalog, 'load')}"))
    found["nothing"] = in_turns(catalogs[:1], options.runs * 150, lambda catalog, connection, _: timed(lambda: connection.send("GET", "/nothing")))[catalogs[0].name]
    return found


def commits(catalogs, options):
    """p50 of commits of one client."""
    for catalog in catalogs:
        catalog.make_table(table(catalog, "commit"))
    return in_turns(catalogs, options.runs * 75, lambda catalog, connection, number: catalog.timed(
        connection, "POST", f"/namespaces/bench/tables/{table(catalog, 'commit')}", set_property("k", str(number))))


def table(catalog, name):
    """Two builds of ours have the same tables."""
    return f"{name}_beside" if catalog.name == BESIDE else name


def timed(step):
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) * 1000


def in_turns(catalogs, count, step):
    """Milliseconds and processor time of each, by name. Who begins changes, since the one before leaves the caches as they are."""
    connections, times = [Connection(catalog) for catalog in catalogs], {catalog.name: [] for catalog in catalogs}
    before = [catalog.processor_seconds() for catalog in catalogs]
    for number in range(count):
        for turn in range(len(catalogs)):
            index = (turn + number) % len(catalogs)
            times[catalogs[index].name].append(step(catalogs[index], connections[index], number))
    return {catalog.name: (statistics.median(times[catalog.name][count // 10:]), (catalog.processor_seconds() - started) / count * 1e6)
            for catalog, started in zip(catalogs, before)}


def set_property(key, value):
    return {"requirements": [], "updates": [{"action": "set-properties", "updates": {key: value}}]}


def clients(catalogs, options):
    """16 clients that set properties of one table: commits a second, and the share that was refused at first."""
    def work(catalog, number, deadline):
        connection, done, refused, failed = Connection(catalog), 0, 0, 0
        while time.monotonic() < deadline:
            status, _ = connection.send("POST", "/namespaces/bench/tables/clients", set_property(f"k{number}", str(random.random())))
            done += status == 200
            refused += status == 409
            failed += status not in (200, 409)
        return done, refused, failed

    for catalog in catalogs:
        catalog.make_table("clients")
    totals = {}
    for _ in range(options.runs):
        for catalog in catalogs:
            deadline = time.monotonic() + options.seconds
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                started = time.monotonic()
                found = list(pool.map(lambda number: work(catalog, number, deadline), range(16)))
                took = time.monotonic() - started
            done, refused, failed = map(sum, zip(*found))
            totals.setdefault(catalog.name, []).append({"per second": done / took, "refused": refused, "failed": failed})
    return summed(totals)


def summed(found):
    return {name: {"per second": statistics.median(run["per second"] for run in runs), "refused": sum(run["refused"] for run in runs),
                   "failed": sum(run["failed"] for run in runs)} for name, runs in found.items()}


class Appends:
    """Appends of one client, each with a manifest list of its own that is there before the clock runs.

    Every one names the empty table as its base, so all but the first are stale: ours puts them on top of the winner. For the peer the
    client loads the table again and repeats on the winner; it is spared writing a new list for that, which real clients have to.
    """

    def __init__(self, catalog, seaweed, metadata):
        self.catalog, self.connection, self.metadata, self.seaweed = catalog, Connection(catalog), metadata, seaweed
        self.ready = []

    def prepare(self, count):
        from pyiceberg.manifest import (
            DataFile, DataFileContent, FileFormat, ManifestEntry, ManifestEntryStatus, write_manifest, write_manifest_list)
        from pyiceberg.partitioning import PartitionSpec
        from pyiceberg.schema import Schema
        from pyiceberg.typedef import Record

        schema, store = Schema.model_validate(self.metadata["schemas"][0]), http.client.HTTPConnection("127.0.0.1", self.seaweed.filer, timeout=60)
        for _ in range(count):
            identifier, folder = random.getrandbits(62), f"{self.metadata['location']}/metadata"
            file = DataFile.from_args(
                content=DataFileContent.DATA, file_path=f"{self.metadata['location']}/data/{uuid.uuid4()}.parquet", partition=Record(),
                file_format=FileFormat.PARQUET, record_count=2, file_size_in_bytes=1234)
            entry = ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=identifier, data_file=file)
            added = Output(f"{folder}/{uuid.uuid4()}-m0.avro")
            with write_manifest(2, PartitionSpec(), schema, added, identifier, "null") as manifest:
                manifest.add_entry(entry)
            out = Output(f"{folder}/snap-{identifier}-0-{uuid.uuid4()}.avro")
            with write_manifest_list(2, out, identifier, None, 1, "null") as writer:
                writer.add_manifests([manifest.to_manifest_file()])
            for file in (added, out):
                store.request("PUT", "/buckets/" + file.location.removeprefix("s3://"), file.data)
                answer = store.getresponse()
                answer.read()
                assert answer.status < 300, answer.status
            self.ready.append((identifier, out.location))
        return self

    def append(self):
        """How often it was refused, and whether it failed for good."""
        identifier, location = self.ready.pop()
        parent, number = None, 1
        for refused in range(RETRIES + 1):
            snapshot = {"snapshot-id": identifier, "sequence-number": number, "timestamp-ms": int(time.time() * 1000), "manifest-list": location,
                        "schema-id": 0, "summary": {
                            "operation": "append", "added-records": "2", "added-data-files": "1", "total-records": "2", "total-data-files": "1"}}
            if parent is not None:
                snapshot["parent-snapshot-id"] = parent
            status, answer = self.connection.send("POST", f"/namespaces/bench/tables/{self.metadata['table']}", {
                "requirements": [{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": parent}],
                "updates": [{"action": "add-snapshot", "snapshot": snapshot},
                            {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": identifier}]})
            if status == 200:
                return refused, False
            assert status in (409, 500, 503), (self.catalog.name, status, answer[:600])
            now = self.connection.ok("GET", f"/namespaces/bench/tables/{self.metadata['table']}?snapshots=refs")["metadata"]
            parent = now.get("current-snapshot-id")
            parent, number = None if parent == -1 else parent, now["last-sequence-number"] + 1
        return refused + 1, True


class Output:
    """What PyIceberg's writers write to, and measure: memory."""

    def __init__(self, location):
        self.location, self.data = location, b""

    def to_input_file(self):
        return self

    def __len__(self):
        return len(self.data)

    def create(self, overwrite=False):
        out = self

        class Buffer(io.BytesIO):
            def close(self):
                out.data = self.getvalue()
                super().close()

        return Buffer()


def appends(catalogs, options):
    """16 clients that append to one table: appends a second, refusals at first, and appends that failed for good."""
    found = {}
    for number in range(options.runs):
        for catalog in catalogs:
            metadata = catalog.make_table(f"appends{number}", **{"commit.rebase.enabled": "true"}) | {"table": f"appends{number}"}
            workers = [Appends(catalog, catalogs[-1], metadata).prepare(options.appends // 16) for _ in range(16)]

            def work(worker):
                outcomes = [worker.append() for _ in range(len(worker.ready))]
                return len([1 for _, failed in outcomes if not failed]), sum(refused for refused, _ in outcomes), sum(failed for _, failed in outcomes)

            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                started = time.monotonic()
                done, refused, failed = map(sum, zip(*pool.map(work, workers)))
                took = time.monotonic() - started
            snapshots = len(Connection(catalog).ok("GET", f"/namespaces/bench/tables/appends{number}")["metadata"]["snapshots"])
            assert snapshots == done, (catalog.name, snapshots, done)
            found.setdefault(catalog.name, []).append({"per second": done / took, "refused": refused, "failed": failed})
    return summed(found)


PYICEBERG = """
import json, sys, time
import pyarrow as pa
from pyiceberg.catalog import load_catalog
catalog = load_catalog("bench", **json.loads(sys.argv[1]))
table = catalog.load_table(("bench", sys.argv[2]))
rows = pa.table({"id": pa.array([1, 2], pa.int64()), "name": pa.array(["a", "b"])})
print("ready", flush=True)
sys.stdin.readline()
deadline, done, failed, before = time.monotonic() + float(sys.argv[3]), 0, 0, time.process_time()
while time.monotonic() < deadline:
    try:
        table.append(rows)
        done += 1
    except Exception as error:
        print(type(error).__name__, str(error)[:200], file=sys.stderr)
        failed += 1
        table = catalog.load_table(("bench", sys.argv[2]))
print(done, failed, time.process_time() - before, flush=True)
"""


def pyiceberg(catalogs, options):
    """Appends of two rows by PyIceberg from 4 processes, as it comes, and who took processor time for them."""
    found, processor, seaweed = {}, {}, catalogs[-1]
    for number in range(options.runs):
        for catalog in catalogs:
            catalog.make_table(f"pyiceberg{number}", **{"commit.rebase.enabled": "true"})
            store = {"s3.endpoint": seaweed.endpoint, "s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY, "s3.region": "us-east-1"}
            arguments = [sys.executable, "-c", PYICEBERG, json.dumps(catalog.pyiceberg() | store), f"pyiceberg{number}", str(options.seconds)]
            processes = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(4)]
            for process in processes:
                assert process.stdout.readline() == "ready\n"
            started, before = time.monotonic(), [server.processor_seconds() for server in (catalog, seaweed)]
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            done, failed, clients = map(sum, zip(*[map(float, process.stdout.readline().split()) for process in processes]))
            took = time.monotonic() - started
            servers = [server.processor_seconds() - seconds for server, seconds in zip((catalog, seaweed), before)]
            processor.setdefault(catalog.name, []).append([1000 * seconds / max(1, done) for seconds in (clients, *servers)])
            for process in processes:
                process.wait()
            found.setdefault(catalog.name, []).append({"per second": done / took, "refused": 0, "failed": int(failed)})
    return {name: totals | {"processor": [statistics.median(part) for part in zip(*processor[name])]} for name, totals in summed(found).items()}


def large(catalogs, options):
    """Loading a table of so many snapshots from ours: every snapshot, only those of references, compressed; and the first time after a start."""
    ours = catalogs[0]
    metadata = ours.make_table("template")
    location = metadata["location"].replace("/template", "/large")
    number, now = options.snapshots, int(time.time() * 1000)
    snapshots = [{
        "snapshot-id": 10**15 + index, "sequence-number": index + 1, "timestamp-ms": now - (number - index) * 1000, "schema-id": 0,
        "manifest-list": f"{location}/metadata/snap-{10**15 + index}-0-{uuid.uuid4()}.avro",
        "summary": {"operation": "append", "added-records": "2", "added-data-files": "1", "added-files-size": "1234", "total-records": str(2 * index + 2),
                    "total-data-files": str(index + 1), "total-files-size": str(1234 * (index + 1)), "total-delete-files": "0",
                    "total-position-deletes": "0", "total-equality-deletes": "0"}} | ({"parent-snapshot-id": 10**15 + index - 1} if index else {})
        for index in range(number)]
    metadata |= {
        "location": location, "table-uuid": str(uuid.uuid4()), "last-sequence-number": number, "snapshots": snapshots,
        "current-snapshot-id": snapshots[-1]["snapshot-id"], "last-updated-ms": now,
        "refs": {"main": {"type": "branch", "snapshot-id": snapshots[-1]["snapshot-id"]}},
        "snapshot-log": [{"snapshot-id": s["snapshot-id"], "timestamp-ms": s["timestamp-ms"]} for s in snapshots]}
    place = f"{location}/metadata/{number:05}-{uuid.uuid4()}.metadata.json"
    bucket, key = place.removeprefix("s3://").split("/", 1)
    catalogs[-1].s3().put_object(Bucket=bucket, Key=key, Body=json.dumps(metadata).encode())
    Connection(ours).ok("POST", "/namespaces/bench/register", {"name": "large", "metadata-location": place})
    connection, found = None, {}

    def started():
        ours.stop()
        ours.start()
        return Connection(ours)

    def load(parameters, **headers):
        started = time.perf_counter()
        status, body = connection.send("GET", f"/namespaces/bench/tables/large{parameters}", None, **headers)
        assert status == 200, (status, body[:300])
        return (time.perf_counter() - started) * 1000, len(body)

    connection = started()
    found["first, refs, plain file"] = load("?snapshots=refs")
    connection.ok("POST", "/namespaces/bench/tables/large", set_property("k", "as the catalog writes it"))
    connection = started()
    found["first, refs"] = load("?snapshots=refs")
    for name, parameters, headers in [
            ("all", "", {}), ("refs", "?snapshots=refs", {}), ("all, gzip", "", {"Accept-Encoding": "gzip"}), ("all, zstd", "", {"Accept-Encoding": "zstd"})]:
        runs = [load(parameters, **headers) for _ in range(20)]
        found[name] = (statistics.median(took for took, _ in runs), runs[0][1])

    def commit(number):
        started = time.perf_counter()
        status, body = connection.send("POST", "/namespaces/bench/tables/large", set_property("k", str(number)))
        assert status == 200, (status, body[:300])
        return (time.perf_counter() - started) * 1000

    found["commit"] = (statistics.median(map(commit, range(10))), 0)
    return found


def start(catalogs, options):
    """Seconds until our catalog answers, and its memory in MB when idle."""
    ours, seconds, memory = catalogs[0], [], []
    for _ in range(options.runs):
        ours.stop()
        ours.start()
        seconds.append(ours.start_seconds)
        Connection(ours).ok("GET", "/namespaces")
        memory.append(ours.memory())
    return {"seconds": statistics.median(seconds), "memory": statistics.median(memory)}


STEPS = {"start": start, "load": loads, "commit": commits, "clients": clients, "appends": appends, "pyiceberg": pyiceberg, "large": large}


def report(step, found):
    def line(name, ours, peer=None, wanted="", more=""):
        ratio = f"{ours / peer:>8.2f}" if peer else " " * 8
        shown = f"{peer:>10.2f}" if peer is not None else " " * 10
        print(f"{name:<44}{ours:>10.2f}{shown}{ratio}   {wanted:<12}{more}", flush=True)

    if step in ("load", "commit"):
        (ours, processor), (peer, _) = found["ours"], found["SeaweedFS"]
        line(f"{step}, p50 ms", ours, peer, "<= 0.5" if step == "load" else "<= 1", f"{processor:.0f} µs of processor")
        if "nothing" in found:
            line("an empty answer, p50 ms", found["nothing"][0])
        if BESIDE in found:
            (other, processor) = found[BESIDE]
            line(f"{step} of {BESIDE}, p50 ms", other, peer, "", f"{processor:.0f} µs of processor")
    elif step in ("clients", "appends", "pyiceberg"):
        ours, peer = found["ours"], found["SeaweedFS"]
        what = {"clients": "16 clients, commits a second", "appends": "16 clients, appends a second", "pyiceberg": "PyIceberg, 4 processes, appends a second"}
        line(what[step], ours["per second"], peer["per second"], ">= 2", f"refused {ours['refused']} / {peer['refused']}, failed {ours['failed']} / {peer['failed']}")
        if step == "pyiceberg":
            for part, (mine, theirs) in zip(("PyIceberg", "the catalog", "SeaweedFS"), zip(ours["processor"], peer["processor"])):
                line(f"processor of an append: {part}, ms", mine, theirs)
    elif step == "large":
        for name, (took, size) in found.items():
            line(f"10,000 snapshots: {name}, ms", took, None, "< 20", f"{size:,} bytes" if size else "")
    else:
        line("start, s", found["seconds"], None, "< 0.5")
        line("idle memory, MB", found["memory"], None, "< 50")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--appends", type=int, default=800, help="of one run, by 16 clients together")
    parser.add_argument("--snapshots", type=int, default=10_000)
    parser.add_argument("--only", default=",".join(STEPS))
    parser.add_argument("--beside", help="where another build's analytics-catalog is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics-bench-") as directory, contextlib.ExitStack() as stack:
        directory = pathlib.Path(directory)
        seaweed = Seaweed(directory)
        stack.callback(lambda: (seaweed.process.kill(), seaweed.process.wait()))
        ours = Ours(directory, seaweed.ready())
        stack.callback(lambda: (ours.process.kill(), ours.process.wait()))
        others = [Ours(directory, seaweed, BESIDE, options.beside)] if options.beside else []
        for other in others:
            stack.callback(lambda other=other: (other.process.kill(), other.process.wait()))
        for catalog in (ours, seaweed):
            Connection(catalog).ok("POST", "/namespaces", {"namespace": ["bench"], "properties": {}})
        print(f"{'':<44}{'ours':>10}{'SeaweedFS':>10}{'ratio':>8}   wanted", flush=True)
        for step in options.only.split(","):
            beside = others if step in ("load", "commit") else []
            report(step, STEPS[step]([ours, *beside, seaweed], options))


if __name__ == "__main__":
    main()
