import itertools
import json
import os
import pathlib

import pytest
import suite

# `just chaos` runs what takes too long for every commit.
LONG = pytest.mark.skipif(not os.environ.get("ANALYTICS_LONG"), reason="one of the long runs: ANALYTICS_LONG=1")
FLIGHTS = suite.ROOT / "var" / "demo" / "flights.ndjson"


@pytest.fixture(scope="session")
def flights():
    """Real events: flights and weather around New York in 2013, in time order. Made by deploy/demo/prepare.sh."""
    assert FLIGHTS.exists(), f"{FLIGHTS} is missing: run deploy/demo/prepare.sh"
    with open(FLIGHTS, encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in itertools.islice(lines, 40_000)]


@pytest.fixture(scope="session")
def corpus():
    """Lines of one of the event sets that lie beside the project, or a skip that says so."""

    def read(name):
        path = suite.CORPORA / "events" / "ndjson" / f"{name}.ndjson.zst"
        if not path.exists():
            pytest.skip(f"the corpus {pathlib.Path(*path.parts[-4:])} is not beside the project")
        import subprocess

        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True, text=True).stdout.splitlines()

    return read


@pytest.fixture(params=["local", "s3"])
def store(request):
    return request.param


def count_by_type(lines):
    counts = {}
    for line in lines:
        kind = json.loads(line)["type"]
        counts[kind] = counts.get(kind, 0) + 1
    return counts
