"""Two replicas of the catalog, sixteen writers, replicas that are killed at random, a store that loses replies. Judged from the
registers and metadata files themselves: one line of states for each table, transactions all or nothing, nothing acknowledged
lost, nothing refused there, nothing twice. ANALYTICS_LONG=1 goes on for minutes."""

import collections
import contextlib
import http.client
import json
import os
import random
import threading
import time
import uuid

import pyarrow
from pyiceberg.exceptions import CommitFailedException
from suite import Suite, Worker, call
from support.faults import FaultProxy

LONG = bool(os.environ.get("ANALYTICS_LONG"))
SECONDS = 180 if LONG else 6
TABLES = ["t0", "t1", "t2"]
SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}


class Chaos:
    def __init__(self, suite, proxy):
        self.suite, self.proxy = suite, proxy
        self.replicas = [self.replica(name) for name in ("catalog-a", "catalog-b")]
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.refused, self.unknown = {}, {}, {}
        self.rows = collections.defaultdict(set)
        self.wrong = []
        self.kills = 0

    def replica(self, name):
        self.suite.write_bindings(f"bindings-{name}.json", "collector")
        bindings = json.loads((self.suite.directory / f"bindings-{name}.json").read_text())
        for entry in bindings["services"]:
            entry["url"] = entry["url"].replace("/catalog.sock", f"/{name}.sock")
        (self.suite.directory / f"bindings-{name}.json").write_text(json.dumps(bindings))
        worker = Worker(
            self.suite, name, "catalog", R2_ENDPOINT=self.proxy.url,
            BINDINGS_FILE=str(self.suite.directory / f"bindings-{name}.json"))
        self.suite.workers[name] = worker
        return worker.start()

    # What writers do

    def ask(self, chance, method, path, body, key=None):
        """The answer of either replica; None where nobody knows."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = call(
                method, chance.choice(self.replicas).url + path, body, {"Idempotency-Key": key} if key else {}, timeout=20)
            return answer if answer.status < 500 and answer.status != 429 else None

    def write(self, seed):
        chance = random.Random(seed)
        number = 0
        while not self.over.is_set():
            number += 1
            mark = f"w{seed}-{number}"
            kind = chance.random()
            tables = chance.sample(TABLES, 2 if kind < 0.3 else 1)
            change = {"requirements": [], "updates": [{"action": "set-properties", "updates": {mark: "1"}}]}
            if len(tables) == 2:
                changes = [{"identifier": {"namespace": ["n"], "name": table}, **change} for table in tables]
                request = ("/v1/transactions/commit", {"table-changes": changes})
            elif kind < 0.4:
                source, target = chance.sample(["r0", "r1"], 2)
                names = [{"namespace": ["n"], "name": name} for name in (source, target)]
                request, tables = ("/v1/tables/rename", {"source": names[0], "destination": names[1]}), []
            else:
                request = (f"/v1/namespaces/n/tables/{tables[0]}", change)
            self.until_answered(chance, mark, tables, *request)
            time.sleep(chance.random() * 0.02)

    def until_answered(self, chance, mark, tables, path, body):
        key = str(uuid.uuid4())
        for _ in range(40):
            answer = self.ask(chance, "POST", path, body, key)
            if answer is not None:
                outcome = self.acknowledged if answer.status in (200, 204) else self.refused
                with self.lock:
                    outcome[mark] = tables
                return
            time.sleep(0.05)
        with self.lock:
            self.unknown[mark] = tables

    def append(self, seed):
        """PyIceberg's own appends, on top of each other (`commit.rebase.enabled`)."""
        chance = random.Random(seed)
        number = 0
        while not self.over.is_set():
            number += 1
            row = seed * 1_000_000 + number
            outcome = "unknown"
            try:
                table = self.pyiceberg(chance.choice(self.replicas)).load_table("n.rows")
            except Exception:
                continue
            try:
                table.append(pyarrow.table({"id": pyarrow.array([row], pyarrow.int64())}))
                outcome = "acknowledged"
            except CommitFailedException:
                outcome = "refused"
            except Exception:
                pass
            with self.lock:
                self.rows[outcome].add(row)

    def pyiceberg(self, replica):
        from pyiceberg.catalog import load_catalog

        properties = dict(self.suite.pyiceberg_properties) | {"uri": replica.url}
        return load_catalog("analytics", **properties)

    def read(self, seed):
        """What a reader has been shown once it is shown ever after, whichever replica answers."""
        chance = random.Random(seed)
        seen = {table: set() for table in TABLES}
        while not self.over.is_set():
            table = chance.choice(TABLES)
            answer = self.ask(chance, "GET", f"/v1/namespaces/n/tables/{table}", None)
            if answer is None or answer.status != 200:
                continue
            now = {name for name in answer.json["metadata"]["properties"] if name.startswith("w")}
            if not seen[table] <= now:
                self.wrong.append(f"{table} was shown {sorted(seen[table] - now)[:5]}, and later was not")
            seen[table] = now
            time.sleep(0.01)

    def kill(self):
        chance = random.Random(99)
        while not self.over.wait(chance.uniform(0.8, 2.0)):
            replica = chance.choice(self.replicas)
            replica.kill()
            self.kills += 1
            replica.start()

    def run(self):
        bodies = [(self.write, seed) for seed in range(1, 13)] + [(self.append, seed) for seed in range(13, 17)]
        bodies += [(self.read, 17), (self.read, 18)]
        threads = [threading.Thread(target=body, args=(seed,)) for body, seed in bodies]
        killer = threading.Thread(target=self.kill)
        for thread in [*threads, killer]:
            thread.start()
        begin = time.monotonic()
        least = lambda: len(self.acknowledged) >= 40 and len(self.rows["acknowledged"]) >= 3 and self.kills >= 3
        while time.monotonic() < begin + SECONDS or (not least() and time.monotonic() < begin + 120):
            time.sleep(0.1)
        self.over.set()
        killer.join()
        self.proxy.clear()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), "a writer is never answered"
        for replica in self.replicas:
            replica.ready()


class Registers:
    """What the objects say became of every table."""

    def __init__(self, suite):
        self.client = suite.seaweed.client()
        self.decisions = {}
        self.chains = {}
        for key in self.keys("transactions/"):
            self.decisions[key.split("/")[-1]] = self.json("analytics-catalog", key)["outcome"]
        for key in self.keys("tables/n/"):
            chain, version = key.rsplit("/", 1)
            if version == "hint":
                continue
            self.chains.setdefault(chain, []).append((int(version), self.json("analytics-catalog", key)))

    def keys(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="analytics-catalog", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def json(self, bucket, key):
        return json.loads(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def judge(self):
        """One line of states for each name, every one made from the one before; every key in one place."""
        keys = collections.defaultdict(set)
        lengths = []
        for chain, entries in self.chains.items():
            entries.sort(key=lambda entry: entry[0])
            versions = [version for version, _ in entries]
            assert versions == list(range(versions[0], versions[0] + len(versions))), f"{chain} has gaps"
            before = None
            for version, entry in entries:
                transaction = (entry.get("transaction") or {}).get("id")
                if transaction and self.decisions.get(transaction) != "committed":
                    continue
                for key in [entry.get("idempotency-key"), *entry.get("idempotency-keys", [])]:
                    if key:
                        keys[key].add(transaction or f"{chain}/{version}")
                state = entry["state"]
                now = state.get("metadata-location") and (state["table-uuid"], state["metadata-location"])
                if before and now and before[0] == now[0] and before != now:
                    metadata = self.json("analytics-source", now[1].removeprefix("s3://analytics-source/"))
                    log = metadata["metadata-log"]
                    assert log[-1]["metadata-file"] == before[1], f"{chain} version {version} was not made from the one before"
                before = now
            lengths.append(len(entries))
        twice = {key: places for key, places in keys.items() if len(places) > 1}
        assert not twice, twice
        return sum(lengths)


def test_one_line_of_states_whatever_fails():
    with Suite(store="s3", LOG_LEVEL="warn") as suite, FaultProxy(suite.seaweed.endpoint) as proxy:
        suite.pyiceberg_properties = {
            "type": "rest", "warehouse": "analytics", "s3.endpoint": suite.seaweed.endpoint,
            **{name: suite.environment[variable] for name, variable in (
                ("s3.access-key-id", "R2_ACCESS_KEY_ID"), ("s3.secret-access-key", "R2_SECRET_ACCESS_KEY"))},
            "s3.region": "us-east-1",
        }
        chaos = Chaos(suite, proxy)
        for replica in chaos.replicas:
            replica.ready()
        url = chaos.replicas[0].url
        assert call("POST", f"{url}/v1/namespaces", {"namespace": ["n"], "properties": {}}).status == 200
        for name in [*TABLES, "r0", "rows"]:
            properties = {"commit.rebase.enabled": "true", "write.metadata.previous-versions-max": "100000"}
            body = {"name": name, "schema": SCHEMA, "properties": properties}
            assert call("POST", f"{url}/v1/namespaces/n/tables", body).status == 200
        proxy.set("lost_reply", methods={"PUT"}, share=0.05)
        chaos.run()

        marks = {}
        for name in TABLES:
            answer = call("GET", f"{url}/v1/namespaces/n/tables/{name}")
            assert answer.status == 200, answer
            marks[name] = set(answer.json["metadata"]["properties"])
        homes = [name for name in ("r0", "r1") if call("GET", f"{url}/v1/namespaces/n/tables/{name}").status == 200]
        versions = Registers(suite).judge()
        print(
            f"{len(chaos.acknowledged)} acknowledged, {len(chaos.refused)} refused, {len(chaos.unknown)} unknown, "
            f"{versions} versions, {chaos.kills} kills, {proxy.met('lost_reply')} lost replies, rows "
            + ", ".join(f"{len(rows)} {outcome}" for outcome, rows in chaos.rows.items()))
        assert not chaos.wrong, chaos.wrong
        assert len(homes) == 1, homes
        for mark, tables in chaos.acknowledged.items():
            assert all(mark in marks[table] for table in tables), f"{mark} was acknowledged and is lost"
        for mark, tables in chaos.refused.items():
            assert not any(mark in marks[table] for table in tables), f"{mark} was refused and is there"
        for mark, tables in chaos.unknown.items():
            assert len({mark in marks[table] for table in tables}) <= 1, f"{mark} is there in part"

        found = chaos.pyiceberg(chaos.replicas[1]).load_table("n.rows").scan().to_arrow()["id"].to_pylist()
        assert len(found) == len(set(found)), "rows are there twice"
        assert chaos.rows["acknowledged"] <= set(found), "acknowledged rows are lost"
        assert not chaos.rows["refused"] & set(found), "refused rows are there"
        for name in [*TABLES, homes[0], "rows"]:
            answer = call("POST", f"{url}/v1/namespaces/n/tables/{name}/validate", {})
            assert answer.status == 200 and answer.json["valid"], answer
