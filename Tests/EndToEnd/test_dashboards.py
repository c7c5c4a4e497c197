"""What deploy/grafana and deploy/prometheus ask for is there: every metric and label that a panel or an alert names, one of the five
running workers has. And the alerts fire when they should."""

import json
import re
import shutil
import socket
import subprocess

import pytest
from suite import ROOT, Suite, call, wait_until
from support.prometheus import scrape

WORKERS = ("collector", "catalog", "compaction", "api", "health")
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RULES = sorted(path for path in (ROOT / "deploy" / "prometheus").glob("*.rules.yml"))
# Prometheus' own, and what it adds to every series.
OF_PROMETHEUS, ADDED = {"up"}, {"job", "instance", "le"}
WORDS = {"sum", "max", "rate", "increase", "changes", "by", "on", "and", "or", "unless", "offset", "histogram_quantile", "predict_linear",
         "label_values"}


@pytest.fixture(scope="module")
def metrics():
    """The labels that each metric has in any worker."""
    with Suite(ICEBERG_BUFFER_TIMEOUT_MS="200", COMMIT_INTERVAL_MS="0").start(*WORKERS) as suite:
        # Some series begin with what they count.
        assert call("POST", f"{suite.collector.url}/events", [{"event_type": "seen"}, {}]).status == 202
        suite.flush()
        assert call("POST", f"{suite.collector.url}/admin/pause").status == 200
        assert call("POST", f"{suite.collector.url}/events", [{"event_type": "seen"}]).status == 503
        for worker in WORKERS:
            assert call("GET", f"{getattr(suite, worker).url}/no-such-place").status == 404
        # With two lengths: refused before anything else.
        with socket.create_connection(("127.0.0.1", suite.collector.port), 10) as client:
            client.sendall(b"POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
            assert b" 400 " in client.recv(1000)
        assert call("POST", f"{suite.compaction.url}/compact/events?force=true").status == 200
        # It measures its tables when it starts, and then every few minutes.
        suite.catalog.stop()
        suite.catalog.start().ready()
        call("GET", f"{suite.catalog.url}/no-such-place")
        wait_until(lambda: "table" in labels_of(suite)["catalog_table_small_file_ratio"], "gauges of tables")
        yield labels_of(suite)


def labels_of(suite):
    found = {}
    for worker in WORKERS:
        seen = scrape(getattr(suite, worker))
        for name, kind in seen.types.items():
            for series in [f"{name}_bucket", f"{name}_sum", f"{name}_count"] if kind == "histogram" else [name]:
                found[series] = found.get(series, set()) | seen.labels(series)
    return found


def asked(expression):
    """(metric, label) for each metric and label that the expression names; the label is None for the metric itself."""
    bare = re.sub(r'"[^"]*"', '""', expression.replace("$__rate_interval", "5m"))
    grouped = {label for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", bare) for label in group.replace(" ", "").split(",")}
    text = re.sub(r"\b(?:by|on) \([^)]*\)", "", bare)
    names = set(re.findall(r"\b[a-z][a-z0-9_]*\b", re.sub(r"\{[^}]*\}|\[[^]]*\]", "", text))) - WORDS
    selectors = re.findall(r"\b([a-z][a-z0-9_]*)\{([^}]*)\}", text)
    matched = [(name, label) for name, inside in selectors for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)]
    return names, matched, grouped


def expressions():
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"], re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                name, label = re.match(r"label_values\((\w+), (\w+)\)$", variable["query"]).groups()
                yield f"{path.name}: ${variable['name']}", f"sum by ({label}) ({name})", []
    import yaml

    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield f"{path.name}: {rule['alert']}", rule["expr"], []


def test_every_panel_and_alert_asks_for_what_is_there(metrics):
    count = 0
    for place, expression, legend in expressions():
        names, matched, grouped = asked(expression)
        assert names, f"{place} asks for nothing: {expression}"
        for name in names - OF_PROMETHEUS:
            assert name in metrics, f"{place}: there is no metric {name}"
        for name, label in matched:
            assert label in ADDED or label in metrics[name], f"{place}: {name} has no label {label}"
        for label in grouped | set(legend):
            assert label in ADDED or any(label in metrics.get(name, ()) for name in names), f"{place}: nothing has the label {label}"
        count += 1
    assert count > 60


def test_a_metric_that_is_not_there_would_be_found(metrics):
    names, matched, grouped = asked(
        'histogram_quantile(0.99, sum by (instance, le) (rate(no_such_bucket{instance=~"$instance",reason="x"}[5m]))) > 0.5 '
        "and on (job) up == 0 unless a_metric offset 6h")
    assert names == {"no_such_bucket", "up", "a_metric"} and grouped == {"instance", "le", "job"}
    assert matched == [("no_such_bucket", "instance"), ("no_such_bucket", "reason")]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_imported(path):
    board = json.loads(path.read_text())
    assert board["uid"].startswith("analytics-") and board["title"] and board["schemaVersion"] >= 39
    assert "id" not in board, "an id is the importing Grafana's to give"
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken = set()
    for panel in board["panels"]:
        assert panel["type"] in ("stat", "timeseries") and panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}" and all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells


def anchors(document):
    headings = re.findall(r"^#+ (.*)", (ROOT / document).read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_alert_says_what_to_do(path):
    import yaml

    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"], rule["alert"]
            document, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert not anchor or anchor in anchors(document), f"{document} has no section {anchor}"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool (of Debian's package prometheus) is not installed")
    for arguments in (["check", "rules", path], ["test", "rules", path.with_suffix(".test.yml")]):
        run = subprocess.run([promtool, *arguments], cwd=path.parent, capture_output=True)
        assert run.returncode == 0, (run.stdout + run.stderr).decode()
