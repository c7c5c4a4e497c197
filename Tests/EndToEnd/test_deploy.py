"""Deploying, deploying again and rolling back under load: the former release runs again, no event is lost."""

import os
import shutil
import subprocess
import tempfile
import types

from suite import ROOT, call, free_port
from test_crash import RetryingClient


def script(environment, *command):
    run = subprocess.run(
        [ROOT / "deploy" / command[0], *command[1:]], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=900)
    return run.returncode, run.stdout + run.stderr


def test_deploy_change_deploy_rollback(flights):
    var = tempfile.mkdtemp(prefix="analytics-deploy-")
    environment = {**os.environ, "ANALYTICS_VAR": var}
    ports = {name: free_port() for name in ("COLLECTOR", "CATALOG", "COMPACTION", "API", "HEALTH")}
    os.makedirs(f"{var}/development")
    with open(f"{var}/development/secrets.env", "w") as file:
        file.writelines(f"{name}_PORT={port}\n" for name, port in ports.items())
    release = lambda service: os.path.basename(os.readlink(f"{var}/development/{service}/current"))
    try:
        code, output = script(environment, "rollback-all.sh", "development")
        assert code == 1 and "no former release" in output, output
        code, output = script(environment, "deploy-all.sh", "development")
        assert code == 0, output
        first = release("collector")

        from suite import Suite

        stub = types.SimpleNamespace(collector=types.SimpleNamespace(url=f"http://127.0.0.1:{ports['COLLECTOR']}"))
        stub.send = lambda events: Suite.send(stub, events)
        client = RetryingClient(stub, flights[:20_000])
        client.start()
        code, output = script(environment, "deploy-all.sh", "development")
        assert code == 0, output
        second = release("collector")
        assert second != first
        code, output = script(environment, "rollback-all.sh", "development")
        assert code == 0, output
        assert {release(s) for s in ("collector", "catalog", "compaction", "api", "health")} == {first}
        client.join(120)
        assert client.failure is None, client.failure
        assert call("POST", f"{stub.collector.url}/debug/flush/all", timeout=120).status == 200

        from pyiceberg.catalog import load_catalog

        catalog = load_catalog("analytics", type="rest", uri=f"http://127.0.0.1:{ports['CATALOG']}", warehouse="analytics")
        rows = catalog.load_table("analytics.events").scan(selected_fields=("source", "id")).to_arrow().to_pylist()
        stored = [(row["source"], row["id"]) for row in rows]
        assert len(stored) == len(set(stored))
        assert set(stored) == client.acknowledged
    finally:
        script(environment, "services.sh", "down", "development")
        shutil.rmtree(var, ignore_errors=True)


def test_a_release_that_does_not_come_up_is_put_back():
    var = tempfile.mkdtemp(prefix="analytics-deploy-")
    environment = {**os.environ, "ANALYTICS_VAR": var}
    ports = {name: free_port() for name in ("COLLECTOR", "CATALOG", "COMPACTION", "API", "HEALTH")}
    os.makedirs(f"{var}/development")
    secrets = f"{var}/development/secrets.env"
    with open(secrets, "w") as file:
        file.writelines(f"{name}_PORT={port}\n" for name, port in ports.items())
    try:
        assert script(environment, "deploy-all.sh", "development")[0] == 0
        before = os.readlink(f"{var}/development/catalog/current")
        with open(secrets, "a") as file:
            file.write("LOG_LEVEL=deafening\n")
        code, output = script(environment, "deploy-all.sh", "development")
        assert code == 1 and "LOG_LEVEL" in output, output
        assert os.readlink(f"{var}/development/catalog/current") == before
        assert call("GET", f"http://127.0.0.1:{ports['CATALOG']}/health/ready").status == 200
    finally:
        script(environment, "services.sh", "down", "development")
        shutil.rmtree(var, ignore_errors=True)


def test_production_asks_first():
    var = tempfile.mkdtemp(prefix="analytics-deploy-")
    try:
        code, output = script({**os.environ, "ANALYTICS_VAR": var}, "deploy-all.sh", "production")
        assert code == 1 and "--yes" in output, output
        code, output = script({**os.environ, "ANALYTICS_VAR": var}, "deploy-all.sh", "moon")
        assert code == 1 and "development, staging or production" in output, output
    finally:
        shutil.rmtree(var, ignore_errors=True)
