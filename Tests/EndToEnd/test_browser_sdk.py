"""The browser SDK as the collector serves it, run by a real JavaScript engine against a real collector."""

import collections
import http.server
import json
import pathlib
import shutil
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
import suite
from support.stored import of_type, rows

PAGE = pathlib.Path(__file__).parent / "browser" / "page.js"
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="no node: deploy/test.sh installs it")


class Between(http.server.BaseHTTPRequestHandler):
    """Stands between page and collector and does what it is told, one instruction a request, then passes everything on:
    a status, `drop` (no answer, nothing passed on), `lose` (passed on, the answer lost)."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(json.loads(body))
            order = self.server.orders.pop(0) if self.server.orders else "pass"
        if order == "drop":
            return self.close()
        if isinstance(order, int):
            return self.answer(order, {"Retry-After": "1"} if order in (429, 503) else {}, b'{"error":{"message":"told to"}}')
        fields = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.server.target + self.path, body, fields, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status, headers, reply = response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as refusal:
            status, headers, reply = refusal.code, dict(refusal.headers), refusal.read()
        if order == "lose":
            return self.close()
        self.answer(status, {name: headers[name] for name in ("Retry-After",) if name in headers}, reply)

    def close(self):
        self.close_connection = True
        self.connection.close()

    def answer(self, status, headers, reply):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (OSError, ValueError):
            self.close_connection = True


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    made = json.loads(subprocess.check_output([suite.BINARIES / "analytics-collector", "--make-key", "web"]))
    made["entry"]["scopes"]["origins"] = ["http://shop.test"]
    keys.write_text(json.dumps([made["entry"]]))
    with suite.Suite("local", R2_CATALOG_ENDPOINT="direct", WRITE_KEYS_FILE=str(keys), DEAD_LETTER="false",
                     TYPED_TABLES="page_view,video_event") as started:
        started.start("collector")
        started.key = made["key"]
        yield started


@pytest.fixture
def between(running):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", suite.free_port()), Between)
    server.daemon_threads = True
    server.target, server.orders, server.bodies, server.lock = running.collector.url, [], [], threading.Lock()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(running, tmp_path):
    """Runs a page; visits of one test share their storage, as the tabs of a browser do."""

    def run(steps, endpoint=None, init=True, stored=None, **scenario):
        if stored is not None:
            (tmp_path / "storage.json").write_text(json.dumps(stored))
        scenario |= {"script": f"{running.collector.url}/sdk/analytics.js", "storage": str(tmp_path / "storage.json"), "steps": steps}
        if init:
            given = {"key": running.key, "flushInterval": 100} | (init if isinstance(init, dict) else {})
            scenario["init"] = given | ({"endpoint": endpoint + "/events"} if endpoint else {})
        return json.loads(subprocess.run(
            ["node", str(PAGE), json.dumps(scenario)], check=True, capture_output=True, text=True, timeout=120).stdout)

    return run


def test_pages_events_and_users_arrive_as_said(running, visit):
    result = visit(
        [["track", "before", {}], ["identify", "u-1", {"plan": "pro"}], ["track", "added", {"item": "é", "user_id": "not this"}],
         ["page", {"time_on_page": 2.5}], ["drain", 20000]],
        search="?utm_source=news%20letter&utm_medium=e+mail")
    assert result["stats"] == {"sent": 4, "rejected": 0, "dropped": 0, "queued": 0}
    (before,) = of_type(running, "before")
    (added,) = of_type(running, "added")
    (page,) = of_type(running, "page_view")
    (identified,) = of_type(running, "identify")
    assert before["subject"] is None and added["subject"] == page["subject"] == identified["subject"] == "u-1"
    assert added["source"] == "shop.test" and json.loads(added["data"])["item"] == "é"
    data = json.loads(page["data"])
    assert data | {"page_url": "http://shop.test/cart?utm_source=news%20letter&utm_medium=e+mail", "page_title": "Cart",
                   "referrer": "https://search.test/", "utm_source": "news letter", "utm_medium": "e mail", "browser": "Safari",
                   "os": "iOS", "device_type": "mobile", "time_on_page": 2.5, "environment": "production", "version": "1"} == data
    assert data["session_id"] == json.loads(before["data"])["session_id"]
    assert data["anonymous_id"] == json.loads(added["data"])["anonymous_id"]


def test_page_views_and_video_events_fill_their_tables(running, visit):
    video = {"video_id": "v1", "action": "play", "position": 1.5, "duration": 60, "playback_rate": 1}
    result = visit([["identify", "u-typed"], ["page"], ["track", "video_event", video], ["drain", 20000]])
    assert result["stats"]["sent"] == 2
    (page,) = suite.wait_until(lambda: [r for r in rows(running, "analytics/page_view") if r["user_id"] == "u-typed"], "the page view")
    assert page["event_id"] == page["id"] and page["page_url"] == "http://shop.test/cart" and page["session_id"]
    assert (page["project_id"], page["environment"], page["version"]) == ("shop.test", "production", "1")
    (played,) = suite.wait_until(lambda: rows(running, "analytics/video_event"), "the video event")
    assert video.items() <= played.items()


def test_calls_before_the_script_and_its_attributes_count(running, visit):
    visit([["drain", 20000]], init=False, before=[["track", "early", {"n": 1}], ["init", {"key": running.key, "flushInterval": 50}]])
    assert len(of_type(running, "early")) == 1
    visit([["drain", 20000]], init=False, attributes={"data-key": running.key, "data-project": "by-attribute"})
    assert [row["source"] for row in of_type(running, "page_view") if row["source"] == "by-attribute"] == ["by-attribute"]


def test_lost_requests_and_replies_cost_neither_loss_nor_doubles(running, between, visit):
    between.orders = ["drop", "lose", 503, "lose"]
    result = visit([["many", 250, "retried"], ["drain", 90000]], endpoint=between.url)
    assert result["stats"] == {"sent": 250, "rejected": 0, "dropped": 0, "queued": 0}
    stored = of_type(running, "retried")
    assert sorted(json.loads(row["data"])["n"] for row in stored) == list(range(250))
    sent = collections.Counter(event["event_id"] for body in between.bodies for event in body)
    assert len(sent) == 250 and max(sent.values()) > 1, "events were sent again, under the ids they were given first"


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 507, "drop", "lose"])
def test_what_may_pass_is_tried_again(running, between, visit, fault):
    between.orders = [fault]
    result = visit([["track", f"again.{fault}", {}], ["drain", 20000]], endpoint=between.url)
    assert result["stats"] == {"sent": 1, "rejected": 0, "dropped": 0, "queued": 0}
    assert len(between.bodies) == 2 and between.bodies[0] == between.bodies[1]
    assert len(of_type(running, f"again.{fault}")) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415, 422])
def test_what_is_refused_is_not_sent_again(between, visit, status):
    between.orders = [status]
    result = visit([["track", "refused", {}], ["wait", 2500]], endpoint=between.url)
    assert len(between.bodies) == 1 and result["rejected"] == [{"error": {"message": "told to"}}]
    assert result["stats"]["queued"] == 0


def test_one_bad_event_of_a_batch_is_told_and_the_others_stored(running, visit):
    result = visit([["track", "x" * 2000, {}], ["track", "good", {}], ["drain", 20000]])
    assert result["stats"]["sent"] == 1 and [entry["error"]["reason"] for entry in result["rejected"]] == ["attribute_too_long"]
    assert len(of_type(running, "good")) == 1


def test_too_large_a_batch_is_halved(running, between, visit):
    between.orders = [413, 413]
    visit([["many", 40, "halved"], ["drain", 30000]], endpoint=between.url)
    assert [len(body) for body in between.bodies][:3] == [40, 20, 10]
    assert len(of_type(running, "halved")) == 40


def test_requests_stay_below_what_browsers_let_beacons_take(running, between, visit):
    result = visit([["many", 120, "wide", {"text": "é" * 1000}], ["drain", 60000]], endpoint=between.url)
    assert result["stats"]["queued"] == 0 and len(of_type(running, "wide")) == 120
    assert all(len(json.dumps(body, ensure_ascii=False).encode()) < 65536 for body in between.bodies)


def test_a_page_that_is_left_sends_beacons_and_its_next_visit_makes_sure(running, between, visit):
    # Two beacons arrive, one does not; which, no page is ever told.
    between.orders = ["pass", "drop", "pass"]
    left = visit([["many", 250, "left"], ["leave"]], endpoint=between.url, init={"flushInterval": 60000, "flushAt": 1000})
    assert left["beacons"] == 3 and left["fetches"] == 0
    # They race: the one that is dropped has 100 events or 50.
    assert len(of_type(running, "left")) in (150, 200)
    # Its tab is gone for more than a minute.
    storage = [[key, value.replace('"t":', '"t":0,"was":') if ".queue." in key else value] for key, value in left["storage"]]
    again = visit([["drain", 30000]], endpoint=between.url, stored=storage)
    assert again["stats"]["queued"] == 0
    assert sorted(json.loads(row["data"])["n"] for row in of_type(running, "left")) == list(range(250))


def test_a_hidden_page_sends_at_once(running, visit):
    visit([["track", "hidden", {}], ["hide"], ["drain", 5000]], init={"flushInterval": 60000})
    assert len(of_type(running, "hidden")) == 1


def test_without_storage_and_beacons_it_goes_on(running, visit):
    result = visit([["many", 30, "bare"], ["drain", 20000]], storageFails=True, withoutBeacon=True)
    assert result["stats"]["sent"] == 30 and len(of_type(running, "bare")) == 30


def test_the_queue_is_bounded(visit):
    result = visit([["many", 1200, "flood"]], endpoint="http://127.0.0.1:9", init={"flushAt": 100000, "flushInterval": 60000})
    assert result["stats"]["queued"] == 1000 and result["dropped"] == 200


def test_who_opts_out_sends_nothing(running, visit):
    visit([["track", "kept", {}], ["optOut"], ["track", "kept", {}], ["wait", 500]], init={"flushInterval": 300})
    assert visit([["track", "kept", {}], ["wait", 500]])["stats"]["queued"] == 0
    visit([["optIn"], ["track", "kept", {}], ["drain", 10000]])
    assert len(of_type(running, "kept")) == 1
    signals = visit([["track", "signal", {}], ["wait", 500]], init={"respectPrivacySignals": True}, navigator={"globalPrivacyControl": True})
    assert signals["fetches"] == 0


def test_the_key_is_for_its_pages_only(running, visit):
    result = visit([["track", "elsewhere", {}], ["wait", 1000]], origin="http://evil.test")
    assert result["stats"]["sent"] == 0 and result["stats"]["queued"] == 0
    assert of_type(running, "elsewhere") == []
