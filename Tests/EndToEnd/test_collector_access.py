"""Keys, origins, forms of requests and what is added to events, over real HTTP."""

import base64
import gzip
import json
import signal
import subprocess
import urllib.parse

import pytest
import suite
from suite import Suite, call, wait_until
from support.stored import of_type, rows

EVENT = {"event_type": "click", "event_id": "1"}


def make_key(name):
    made = json.loads(subprocess.check_output([suite.BINARIES / "analytics-collector", "--make-key", name]))
    return made["key"], made["entry"]


def collector(**environment):
    return Suite("local", **{"R2_CATALOG_ENDPOINT": "direct", "DEAD_LETTER": "false"} | environment).start("collector")


@pytest.fixture(scope="module")
def running():
    with collector() as started:
        yield started


def send(running, body, target="/events", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call("POST", running.collector.url + target, data, {"Content-Type": "application/json", **fields})


# Keys


def test_keys_come_and_go_without_a_restart(tmp_path):
    keys = tmp_path / "keys.json"
    old, old_entry = make_key("web")
    new, new_entry = make_key("web")
    ops, ops_entry = make_key("ops")
    ops_entry["scopes"]["routes"] = ["admin"]
    keys.write_text(json.dumps([old_entry, ops_entry]))
    # Production: only so are keys asked for everywhere.
    with collector(ICEBERG_ENV="production", BIND_ADDRESS="127.0.0.1", WRITE_KEYS_FILE=str(keys)) as running:

        def status(key, target="/events"):
            return send(running, EVENT, target, X_API_Key=key).status

        def problem():
            return call("GET", running.collector.url + "/health").json["checks"]["keys"].get("message")

        assert [status(key) for key in (old, new, ops, "")] == [202, 401, 403, 401]
        assert [status(key, "/admin/pause") for key in (old, ops)] == [403, 200]
        assert status(ops, "/admin/resume") == 200
        # The new key of a rotation beside the old one; at the signal, not at the next look.
        keys.write_text(json.dumps([old_entry, new_entry, ops_entry]))
        running.collector.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status(new) == 202, "the new key")
        assert status(old) == 202
        keys.write_text('[{"name":"web"')
        assert "the keys of before stay in force" in wait_until(problem, "health says that the file is broken")
        assert [status(key) for key in (old, new)] == [202, 202]
        keys.write_text(json.dumps([old_entry | {"expires": "2020-01-01T00:00:00Z"}, new_entry, ops_entry]))
        wait_until(lambda: status(old) == 401, "the old key is expired")
        assert status(new) == 202 and problem() is None
        keys.write_text("[]")
        wait_until(lambda: status(new) == 401, "every key is revoked")
        assert "no key in it" in problem()
        keys.write_text(json.dumps([new_entry, ops_entry]))
        wait_until(lambda: status(new) == 202, "the new key is back")
        metrics = call("GET", running.collector.url + "/metrics").body.decode()
        assert 'http_requests_refused_total{reason="key_expired"}' in metrics
        assert 'http_requests_refused_total{reason="scope"} 2' in metrics
        # What administrators did is in the log, with their names; no key is anywhere.
        log = running.collector.log()
        audits = [json.loads(line) for line in log.splitlines() if "/admin/pause" in line and '"who"' in line]
        assert [(entry["who"], entry["outcome"]) for entry in audits] == [("key:web", "refused"), ("key:ops", "done")]
        assert not any(key in log for key in (old, new, ops))


def test_a_key_is_for_its_types_and_so_many_events(tmp_path):
    keys = tmp_path / "keys.json"
    web, entry = make_key("web")
    entry["scopes"] |= {"types": ["page.*", "click"], "rate": {"events": 6}}
    keys.write_text(json.dumps([entry]))
    with collector(WRITE_KEYS_FILE=str(keys)) as running:
        bad = {"event_type": "order", "event_id": "b"}
        refused = send(running, [bad, bad], X_API_Key=web)
        assert refused.status == 403 and {e["error"]["reason"] for e in refused.json["rejected"]} == {"type_not_allowed"}
        mixed = send(running, [EVENT, bad, {"event_type": "page.view", "event_id": "p"}], X_API_Key=web)
        assert mixed.status == 202 and mixed.json["accepted"] == 2
        assert [(e["index"], e["error"]["code"]) for e in mixed.json["rejected"]] == [(1, 403)]
        assert send(running, [EVENT] * 5, X_API_Key=web).status == 202
        over = send(running, EVENT, X_API_Key=web)
        assert over.status == 429 and int(over.headers["Retry-After"]) > 0 and over.headers["RateLimit-Limit"] == "6"
        assert sorted(row["type"] for row in rows(running)) == ["click", "page.view"]


def test_the_key_in_a_url_is_taken_and_not_logged(tmp_path):
    with collector(ALLOWED_WRITE_KEYS="hunter2hunter2", ANALYTICS_API_KEY="root-root-root", LOG_LEVEL="trace") as running:
        assert send(running, EVENT, "/events?key=hunter2hunter2").status == 202
        assert send(running, EVENT, "/events?key=hunter3").status == 401
        assert send(running, EVENT, "/events?key=root-root-root").status == 403
        basic = base64.b64encode(b"hunter2hunter2:").decode()
        assert send(running, EVENT, Authorization=f"Basic {basic}").status == 202
        log = running.collector.log()
        assert "/events" in log and not any(key in log for key in ("hunter", "root-root", basic))


def test_preflights_of_pages_are_answered_with_credentials(tmp_path):
    keys = tmp_path / "keys.json"
    web, entry = make_key("web")
    entry["scopes"]["origins"] = ["https://*.shop.test"]
    keys.write_text(json.dumps([entry]))
    with collector(WRITE_KEYS_FILE=str(keys), ALLOWED_ORIGINS="https://other.test") as running:
        def preflight(origin):
            return call("OPTIONS", running.collector.url + "/events", headers={
                "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"})

        answer = preflight("https://www.shop.test")
        assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] == "https://www.shop.test"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Headers"] == "x-api-key"
        assert preflight("https://shop.test").status == 403
        assert send(running, EVENT, X_API_Key=web, Origin="https://www.shop.test").status == 202
        assert send(running, EVENT, X_API_Key=web, Origin="https://other.test").status == 403
        assert send(running, EVENT, X_API_Key=web).status == 403


# Forms


FORM = "application/x-www-form-urlencoded"


def in_base64(data):
    return urllib.parse.quote(base64.b64encode(data)).encode()


@pytest.mark.parametrize("name, kind, wrap", [
    ("data", FORM, lambda text: b"data=" + urllib.parse.quote(text).encode()),
    ("base64", FORM + "; charset=UTF-8", lambda text: b"v=1&data=" + in_base64(text)),
    ("packed-base64", FORM, lambda text: b"data=" + in_base64(gzip.compress(text))),
    ("fields", FORM, lambda text: urllib.parse.urlencode(json.loads(text)[0]).encode()),
    ("curl", FORM, lambda text: text),
    ("gzip", "text/plain", gzip.compress),
    ("gzip-without-type", "", gzip.compress),
    ("byte-order-mark", "application/json", lambda text: b"\xef\xbb\xbf" + text),
    ("latin", "text/plain;charset=ISO-8859-1", lambda text: text),
])
def test_every_form_of_a_beacon_is_read(running, name, kind, wrap):
    body = wrap(json.dumps([{"event_type": "form", "event_id": name}]).encode())
    answer = send(running, body, Content_Type=kind)
    assert answer.status == 202 and answer.json["accepted"] == 1, answer
    assert [row["id"] for row in of_type(running, "form") if row["id"] == name] == [name]


@pytest.mark.parametrize("kind, body, status", [
    ("multipart/form-data; boundary=x", b"--x--", 415), ("application/xml", b"<a/>", 415),
    ("application/json; charset=utf-16", b"[]", 415), ("application/x-www-form-urlencoded", b"data=%zz", 400),
    ("text/plain", gzip.compress(b"[]")[:-4], 400), ("text/plain", gzip.compress(b" " * (11 << 20)), 413),
])
def test_what_cannot_be_read_is_refused(running, kind, body, status):
    answer = send(running, body, Content_Type=kind)
    assert answer.status == status and answer.error["code"] == status, answer


def test_a_dry_run_keeps_nothing(running):
    before = call("GET", running.collector.url + "/debug/status/all").json
    event = {"event_type": "dry", "event_id": "d1"}
    answer = send(running, [event, event, 1], "/events?dry_run=1")
    assert answer.status == 202 and answer.json["dry_run"] is True
    assert (answer.json["accepted"], answer.json["duplicates"], len(answer.json["rejected"])) == (1, 1, 1)
    assert send(running, [1], "/events?dry_run=true").status == 400
    assert call("GET", running.collector.url + "/debug/status/all").json["log"] == before["log"]
    assert send(running, event).json["accepted"] == 1, "the id was not remembered"
    assert call("POST", running.collector.url + "/admin/pause").status == 200
    assert send(running, event, "/events?dry_run=1").json["duplicates"] == 1
    assert call("POST", running.collector.url + "/admin/resume").status == 200


def test_times_too_far_ahead_are_refused():
    with collector(MAX_FUTURE_SECONDS="3600") as running:
        answer = send(running, [{"event_type": "t", "event_id": "1", "timestamp": "2999-01-01T00:00:00Z"},
                                {"event_type": "t", "event_id": "2", "timestamp": "1999-01-01T00:00:00Z"}])
        assert answer.json["accepted"] == 1
        assert [e["error"]["reason"] for e in answer.json["rejected"]] == ["time_out_of_range"]


# What is added


VISITOR = {"CF-IPCountry": "NL", "CF-Ray": "8f00a1b2c3d4e5f6-AMS", "X-Forwarded-For": "81.2.69.142", "User-Agent": "Browser/1.0"}


def visitor(running, id, **more):
    event = {"specversion": "1.0", "id": id, "type": "visit", "source": "s", **more}
    assert call("POST", running.collector.url + "/events", event, VISITOR).status == 202
    (row,) = [row for row in of_type(running, "visit") if row["id"] == id]
    return row | {"extensions": dict(row["extensions"] or {})}


def test_only_trusted_proxies_say_where_a_visitor_is():
    # In development the machine itself is trusted.
    with collector(STORE_CLIENT_ADDRESS="true") as running:
        row = visitor(running, "1")
        assert (row["cf_country"], row["cf_colo"]) == ("NL", "AMS")
        assert row["extensions"] == {"useragent": "Browser/1.0", "clientaddress": "81.2.69.142"}
        assert visitor(running, "2", useragent="own")["extensions"]["useragent"] == "own"
    with collector(TRUSTED_PROXIES="10.0.0.0/8", STORE_CLIENT_ADDRESS="true") as running:
        row = visitor(running, "1")
        assert (row["cf_country"], row["cf_colo"]) == (None, None)
        assert row["extensions"]["clientaddress"] == "127.0.0.1"


def test_agent_and_address_are_kept_only_as_configured(running):
    assert visitor(running, "plain")["extensions"] == {"useragent": "Browser/1.0"}
    with collector(STORE_USER_AGENT="false") as quiet:
        assert visitor(quiet, "1")["extensions"] == {}


@pytest.mark.parametrize("stored, client", [("true", "127.0.0.1"), ("false", None)])
def test_so_is_the_address_of_who_sent_what_was_refused(stored, client):
    with collector(DEAD_LETTER="true", STORE_CLIENT_ADDRESS=stored) as running:
        assert send(running, [{"event_type": ""}]).status == 400
        (refused,) = wait_until(lambda: rows(running, "rejected/events"), "the refusal")
        assert (refused["reason"], refused["client"]) == ("empty_attribute", client)


def test_a_database_says_where_a_visitor_is(tmp_path):
    corpus = suite.CORPORA / "geoip" / "test-data"
    if not corpus.exists():
        pytest.skip("the corpus geoip is not beside the project")
    database = tmp_path / "places.mmdb"
    database.write_bytes((corpus / "GeoIP2-Country-Test.mmdb").read_bytes())
    with collector(GEOIP_DATABASE=str(database)) as running:

        def place(id, **headers):
            event = {"specversion": "1.0", "id": id, "type": "visit", "source": "s"}
            fields = {"X-Forwarded-For": "81.2.69.142"} | headers
            assert call("POST", running.collector.url + "/events", event, fields).status == 202
            (row,) = [row for row in of_type(running, "visit") if row["id"] == id]
            return row["cf_country"], row["cf_city"], row["cf_timezone"]

        assert place("1") == ("GB", None, None)
        # Overwritten in place with garbage: the one of before is used. Then a better one.
        database.write_bytes(b"garbage")
        running.collector.process.send_signal(signal.SIGHUP)
        health = running.collector.url + "/health"
        wait_until(lambda: "message" in call("GET", health).json["checks"]["places"], "health says so")
        assert place("2") == ("GB", None, None)
        database.write_bytes((corpus / "GeoIP2-City-Test.mmdb").read_bytes())
        running.collector.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "message" not in call("GET", health).json["checks"]["places"], "health is well")
        assert place("3") == ("GB", "London", "Europe/London")
        assert place("4", **{"CF-IPCountry": "GB"}) == ("GB", "London", "Europe/London")
        assert place("5", **{"CF-IPCountry": "FR"}) == ("FR", None, None)
        assert place("6", **{"X-Forwarded-For": "127.9.9.9"}) == (None, None, None)


def test_the_start_is_refused_with_a_database_that_is_none(tmp_path):
    database = tmp_path / "places.mmdb"
    database.write_bytes(b"garbage")
    running = Suite("local", R2_CATALOG_ENDPOINT="direct", GEOIP_DATABASE=str(database))
    with running:
        assert running.collector.start().process.wait(30) == 1
        assert str(database) in running.collector.log().splitlines()[-1]
