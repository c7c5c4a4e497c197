"""Runs the real executables on a store of their own and talks to them as a client would."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("ANALYTICS_BINARIES", ROOT / ".build" / "release"))
CORPORA = pathlib.Path(os.environ.get("ANALYTICS_CORPORA", ROOT.parent / "shared" / "corpora"))
BINDINGS = {
    "collector": "ANALYTICS",
    "catalog": "ANALYTICS_CATALOG",
    "compaction": "ANALYTICS_COMPACTION",
    "api": "ANALYTICS_API",
    "health": "ANALYTICS_HEALTH",
}
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"


def free_port():
    """A port below those the system gives to outgoing connections, which could take it before the worker does."""
    while True:
        port = random.randrange(15_000, 30_000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition, what, seconds=30):
    """Polls until `condition` gives something true, and gives it back."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


def call(method, url, body=None, headers=None, timeout=60):
    """One request. Every status is an answer; only a broken exchange raises."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    if data is not None and "Content-Type" not in (headers or {}):
        request.add_header("Content-Type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, refusal.headers, refusal.read())


class Seaweed:
    """A real S3 server with enforced credentials."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None

    def start(self, tries=5):
        binary = os.environ.get("SEAWEEDFS_BINARY") or shutil.which("weed")
        assert binary, "no SeaweedFS binary: run deploy/test.sh, or name one in SEAWEEDFS_BINARY"
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "s3.json"
        identity = {
            "name": "admin",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        configuration.write_text(json.dumps({"identities": [identity]}))
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        grpc = {name: free_port() for name in ports}
        options = [f"-{name}.port={port}" for name, port in ports.items()]
        options += [f"-{name}.port.grpc={port}" for name, port in grpc.items()]
        self.log = open(self.directory / "seaweed.log", "ab")
        self.process = subprocess.Popen(
            [binary, f"-logdir={self.directory}", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
             f"-s3.config={configuration}", "-master.volumeSizeLimitMB=64", "-volume.max=100", "-master.telemetry=false",
             "-s3.port.iceberg=0", "-s3.port.lance=0", *options],
            stdout=self.log, stderr=self.log)
        self.endpoint = f"http://127.0.0.1:{ports['s3']}"
        wait_until(lambda: self.process.poll() is not None or self.is_ready(), "SeaweedFS", 60)
        if self.process.poll() is not None:
            # It ends when another process takes one of its eight ports first.
            assert tries > 1, f"SeaweedFS ended: see {self.log.name}"
            shutil.rmtree(data)
            return self.start(tries - 1)
        for bucket in ("analytics-source", "analytics-processed", "analytics-catalog"):
            self.client().create_bucket(Bucket=bucket)
        return self

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1", config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def is_ready(self):
        try:
            client = self.client()
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="probe", Body=b"x")
            return client.get_object(Bucket="ready", Key="probe")["Body"].read() == b"x"
        except Exception:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            # Its data is thrown away, and its own orderly stop takes half a minute.
            self.process.kill()
            self.process.wait()

    def environment(self):
        return {
            "OBJECT_STORE": "s3",
            "R2_ENDPOINT": self.endpoint,
            "R2_ACCESS_KEY_ID": ACCESS_KEY,
            "R2_SECRET_ACCESS_KEY": SECRET_KEY,
            "R2_REGION": "us-east-1",
            "R2_ADDRESSING": "path",
        }


class Worker:
    def __init__(self, suite, name, program=None, **environment):
        self.suite, self.name, self.program, self.own = suite, name, program or name, environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, **environment):
        with open(self.suite.directory / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [BINARIES / f"analytics-{self.program}"],
                env={"PATH": os.environ["PATH"], "PORT": str(self.port), **self.suite.environment, **self.own, **environment},
                stdout=log, stderr=log)
        return self

    def log(self):
        return (self.suite.directory / f"{self.name}.log").read_text(errors="replace")

    def ready(self, seconds=30):
        def answers():
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.log()[-3000:]}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                return call("GET", f"{self.url}/health/ready", timeout=5).status == 200
            return False

        wait_until(answers, f"{self.name} ready", seconds)
        return self

    def kill(self):
        """Like a power cut for this process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=40):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(seconds)
        return self.process.returncode if self.process else None


class Suite:
    """All workers on one store. Use as a context manager."""

    def __init__(self, store="local", **environment):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="analytics-test-"))
        self.store = store
        self.seaweed = None
        self.environment = {
            "ICEBERG_ENV": "development",
            "LOG_LEVEL": "info",
            "WAL_DIRECTORY": str(self.directory / "wal"),
            "QUERY_CACHE_DIRECTORY": str(self.directory / "cache"),
            "BINDINGS_FILE": str(self.directory / "bindings.json"),
            "ENABLE_COMPACTION": "false",
            "HEALTH_INTERVAL_SECONDS": "1",
        }
        self.extra = environment
        self.workers = {name: Worker(self, name) for name in BINDINGS}

    def __enter__(self):
        self.prepare()
        return self

    def prepare(self):
        """Starts the store and writes the bindings, once."""
        if "OBJECT_STORE" in self.environment:
            return
        try:
            if self.store == "s3":
                self.seaweed = Seaweed(self.directory / "seaweed").start()
                self.environment.update(self.seaweed.environment())
            else:
                self.environment["OBJECT_STORE"] = f"file://{self.directory}/object-store"
            self.environment.update(self.extra)
            self.write_bindings("bindings.json", "collector")
        except BaseException:
            self.__exit__(BaseException, None, None)
            raise

    def write_bindings(self, file, collector):
        sockets = {name: collector if name == "collector" else name for name in BINDINGS}
        entries = [
            {
                "binding": binding,
                "service": f"analytics-{'event-collector' if name == 'collector' else name}-development",
                "url": f"unix:{self.directory}/{sockets[name]}.sock",
            }
            for name, binding in BINDINGS.items()
        ]
        (self.directory / file).write_text(json.dumps({"services": entries}))

    def add_collector(self, name, **environment):
        """A further collector on the same table, with a log and a socket of its own; not started."""
        self.prepare()
        self.write_bindings(f"bindings-{name}.json", name)
        own = {"WAL_DIRECTORY": str(self.directory / f"wal-{name}"), "BINDINGS_FILE": str(self.directory / f"bindings-{name}.json")}
        self.workers[name] = Worker(self, name, "collector", **(own | environment))
        return self.workers[name]

    def start(self, *names):
        self.prepare()
        try:
            for name in names or ("catalog", "collector", "compaction", "api", "health"):
                self.workers[name].start().ready()
        except BaseException:
            self.__exit__(BaseException, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        for worker in self.workers.values():
            if worker.process and worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()
        if self.seaweed:
            self.seaweed.stop()
        if kind is None and not os.environ.get("KEEP_TEST_DIRECTORIES"):
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"the test's files are kept in {self.directory}")

    def __getattr__(self, name):
        workers = self.__dict__.get("workers", {})
        if name in workers:
            return workers[name]
        raise AttributeError(name)

    # What tests do again and again

    def send(self, events, path="/events", **headers):
        body = "\n".join(e if isinstance(e, str) else json.dumps(e) for e in events).encode()
        return call("POST", self.collector.url + path, body, {"Content-Type": "application/x-ndjson", **headers})

    def flush(self):
        answer = call("POST", f"{self.collector.url}/debug/flush/all", timeout=120)
        assert answer.status == 200, answer
        return answer.json

    def graphql(self, query, **variables):
        answer = call("POST", f"{self.api.url}/graphql", {"query": query, "variables": variables}, timeout=120)
        assert answer.status == 200, answer
        assert not answer.json.get("errors"), answer
        return answer.json["data"]

    def sql(self, query, limit=100000):
        result = self.graphql(
            "query($q: String!, $l: Int) { analytics { sql(query: $q, limit: $l) { results snapshotId rowCount } } }",
            q=query, l=limit)
        return result["analytics"]["sql"]["results"]

    def counts(self):
        """Events by type, by the suite's own API."""
        return {row["type"]: row["n"] for row in self.sql("SELECT type, count(*) AS n FROM events GROUP BY type")}

    def pyiceberg(self):
        from pyiceberg.catalog import load_catalog

        properties = {"type": "rest", "uri": self.catalog.url, "warehouse": "analytics"}
        if self.store == "s3":
            properties |= {
                "s3.endpoint": self.seaweed.endpoint, "s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY,
                "s3.region": "us-east-1",
            }
        return load_catalog("analytics", **properties)

    def table(self):
        return self.pyiceberg().load_table("analytics.events")

    def arrow(self, columns=("source", "id")):
        return self.table().scan(selected_fields=columns).to_arrow()

    def duckdb(self):
        """A DuckDB connection with this catalog attached as `lake`."""
        import duckdb

        connection = duckdb.connect(config={"allow_unsigned_extensions": "false"})
        connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
        for extension in extension_files():
            connection.execute(f"LOAD '{extension}'")
        # DuckDB does not size the files of partitioned tables, and asks to be told that this is known.
        connection.execute("SET ignore_target_file_size_for_partitioned_tables=true")
        if self.store == "s3":
            host = self.seaweed.endpoint.removeprefix("http://")
            connection.execute(
                f"CREATE SECRET s3 (TYPE s3, KEY_ID '{ACCESS_KEY}', SECRET '{SECRET_KEY}', ENDPOINT '{host}', USE_SSL false,"
                " URL_STYLE 'path', REGION 'us-east-1')")
        connection.execute(
            f"ATTACH 'analytics' AS lake (TYPE iceberg, ENDPOINT '{self.catalog.url}', AUTHORIZATION_TYPE 'none')")
        return connection


def extension_files():
    """DuckDB's signed extensions as the wheels on PyPI carry them, in the order in which they must be loaded."""
    import site

    found = []
    for name in ("httpfs", "avro", "iceberg"):
        matches = [m for folder in site.getsitepackages() for m in pathlib.Path(folder).rglob(f"{name}.duckdb_extension")]
        assert matches, f"the DuckDB extension {name} is not installed: pip install duckdb-extension-{name}==1.5.5"
        found.append(matches[0])
    return found
