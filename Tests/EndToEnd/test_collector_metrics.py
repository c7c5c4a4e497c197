"""What operators see: every metric is documented, has the documented type, and moves when it should; every variable too."""

import re
import shutil
import subprocess

import pytest
import suite
from suite import Suite, call, wait_until
from support.prometheus import scrape

DOCUMENT = (suite.ROOT / "docs" / "collector.md").read_text()
RULES = suite.ROOT / "deploy" / "prometheus" / "collector.rules.yml"
EVENT = {"specversion": "1.0", "type": "page.view", "source": "website", "id": "1", "time": "2024-01-15T14:30:00Z", "data": {"page": "/"}}
TABLE = {"table": "analytics.events"}


def documented_metrics():
    section = DOCUMENT.split("### Metrics\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {name: labels.split(",") if labels else [] for row in rows for name, labels in re.findall(r"`([a-z_]+)(?:\{([a-z_,]+)\})?`", row)}


@pytest.fixture(scope="module")
def running():
    settings = {"ICEBERG_BUFFER_TIMEOUT_MS": "3600000", "COMMIT_INTERVAL_MS": "0"}
    with Suite(**settings).start("catalog", "collector") as suite:
        yield suite


def test_metrics_move_with_what_they_count(running):
    base = running.collector.url
    before = scrape(running.collector)
    assert before("collector_events_accepted_total") == 0
    assert before("collector_commits_total", outcome="committed", **TABLE) == 0
    events = [{**EVENT, "id": str(n), "type": f"kind.{n % 3}"} for n in range(30)]
    assert call("POST", f"{base}/events", events).status == 202
    assert call("POST", f"{base}/events", events[:10]).json["duplicates"] == 10
    assert call("POST", f"{base}/events", [{**EVENT, "id": "x", "time": "never"}, {"type": 5}]).status == 400
    assert call("POST", f"{base}/events", b"nonsense", {"Content-Type": "application/json"}).status == 400
    assert call("POST", f"{base}/events", b"x", {"Content-Type": "image/png"}).status == 415

    buffered = scrape(running.collector)
    assert buffered("collector_events_accepted_total") == 30
    assert buffered("collector_events_duplicate_total") == 10
    assert buffered("collector_events_rejected_total", reason="invalid_time") == 1
    assert buffered("collector_requests_refused_total", reason="malformed_body") == 1
    assert buffered("collector_requests_refused_total", reason="unsupported_media_type") == 1
    assert buffered("collector_ack_seconds_count") >= 2
    assert 0 < buffered("collector_ack_seconds_sum") < 60
    assert buffered("collector_fsync_seconds_count") >= 1
    assert buffered("collector_log_bytes") > before("collector_log_bytes")
    assert buffered("collector_remembered_ids") == 30
    wait_until(lambda: scrape(running.collector)("collector_buffered_events", **TABLE) == 30, "events buffered")
    wait_until(lambda: scrape(running.collector)("collector_log_oldest_seconds") > 0.1, "the log ages")
    buffered = scrape(running.collector)
    assert buffered("collector_buffers", **TABLE) == 3
    assert buffered("collector_buffered_bytes", **TABLE) > 0
    assert buffered("collector_uncommitted_records", **TABLE) >= 1
    assert buffered("collector_oldest_event_seconds", **TABLE) > 0

    running.flush()
    wait_until(lambda: scrape(running.collector)("collector_buffered_events", **TABLE) == 0, "buffers empty")
    after = scrape(running.collector)
    assert after("collector_flushes_total") == 1
    assert after("collector_commits_total", outcome="committed", **TABLE) == 1
    assert after("collector_commit_seconds_count", **TABLE) == 1
    assert after("collector_events_committed_total", **TABLE) == 30
    assert after("collector_files_written_total", **TABLE) == 3
    assert after("collector_file_bytes_written_total", **TABLE) > 0
    assert after("collector_uncommitted_records", **TABLE) == 0
    assert after("collector_log_oldest_seconds") == 0
    assert after("collector_seconds_since_last_commit", **TABLE) < 60
    assert after("collector_commit_trouble_seconds", **TABLE) == 0
    assert after("collector_halted", **TABLE) == 0
    assert after("collector_log_failed") == after("collector_log_full") == 0
    assert after("collector_log_disk_free_bytes") > 1 << 20
    assert after("process_resident_memory_bytes") > 1 << 20

    assert call("POST", f"{base}/admin/pause").status == 200
    assert call("POST", f"{base}/events", EVENT).status == 503
    paused = scrape(running.collector)
    assert paused("collector_paused") == 1
    assert paused("collector_requests_refused_total", reason="paused") == 1
    assert call("POST", f"{base}/admin/resume").status == 200


def test_every_metric_is_documented_with_its_labels(running):
    documented = documented_metrics()
    found = scrape(running.collector)
    for name, kind in found.types.items():
        assert name in documented, f"{name} is not in docs/collector.md"
        labels = found.labels(f"{name}_bucket" if kind == "histogram" else name) - {"le"}
        assert labels <= set(documented[name]), f"{name} has the labels {labels}"
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    conditional = re.findall(r"^\| (`[^|]*) \| [^|]*where there is", DOCUMENT, re.MULTILINE)
    optional = {name for names in conditional for name in re.findall(r"`([a-z_]+)", names)}
    missing = documented.keys() - found.types.keys() - optional
    assert not missing, f"docs/collector.md has metrics that are not there: {missing}"


def test_labels_never_hold_what_senders_choose(running):
    events = [{**EVENT, "id": f"wide-{n}", "type": f"wide.{n}"} for n in range(500)]
    assert call("POST", f"{running.collector.url}/events", events).status == 202
    found = scrape(running.collector)
    assert not any("wide" in value for _, labels in found.values for _, value in labels)
    assert len(found.values) < 400


def test_json_has_the_same_metrics(running):
    answer = call("GET", f"{running.collector.url}/metrics", headers={"Accept": "application/json"})
    assert answer.json.keys() == scrape(running.collector).types.keys()


@pytest.fixture(scope="module")
def promtool():
    found = shutil.which("promtool")
    if not found:
        pytest.skip("promtool (of Debian's package prometheus) is not installed")
    return lambda *arguments, **options: subprocess.run([found, *arguments], capture_output=True, **options)


def test_promtool_finds_no_fault_in_the_metrics(running, promtool):
    run = promtool("check", "metrics", input=call("GET", f"{running.collector.url}/metrics").body)
    assert run.returncode == 0, run.stderr.decode()


def test_every_alert_is_documented_and_asks_for_metrics_that_exist(running):
    rules = RULES.read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    section = DOCUMENT.split("### Alerts\n")[1].split("\n### ")[0]
    assert alerts == re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    types = scrape(running.collector).types
    for name in set(re.findall(r"\bcollector_[a-z_]+", rules)):
        assert name in types or name.removesuffix("_bucket") in types, name
    headings = re.findall(r"^## (.*)", (suite.ROOT / "docs" / "runbooks" / "buffer-management.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for place in re.findall(r"runbook: docs/runbooks/buffer-management.md#(.*)", rules):
        assert place in anchors, f"the runbook has no section {place}"


def test_every_variable_is_documented():
    help = subprocess.run([suite.BINARIES / "analytics-collector", "--help"], capture_output=True, text=True, check=True).stdout
    offered = {name for names in re.findall(r"^  ([A-Z][A-Z0-9_]+(?: \| [A-Z][A-Z0-9_]+)*)", help, re.MULTILINE) for name in names.split(" | ")}
    assert {"WAL_DIRECTORY", "PORT", "OBJECT_STORE", "BUFFER_COUNT_THRESHOLD"} <= offered
    section = DOCUMENT.split("### Variables\n")[1]
    documented = {name for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    assert offered - documented == set(), "these variables are not in docs/collector.md"
    assert documented - offered == set(), "docs/collector.md has variables that the program does not know"
