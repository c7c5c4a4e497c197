"""What hostile and broken clients do to the collector's port, from raw sockets: every one gets the right answer as JSON, memory
stays bounded, and a well-behaved client next to them gets its answers all the while."""

import contextlib
import gzip
import http.client
import json
import random
import re
import resource
import select
import socket
import ssl
import subprocess
import threading
import time

import pyarrow.dataset
import pytest
from suite import Suite, call, wait_until
from support.prometheus import scrape

KEY = "a-key-of-the-test"
EVENT = {"specversion": "1.0", "type": "page.view", "source": "/abuse", "time": "2024-01-15T14:30:00Z", "data": {"page": "/home"}}
HEAD = f"POST /events HTTP/1.1\r\nHost: h\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
SHORT = {"HEADER_TIMEOUT_SECONDS": "2", "BODY_TIMEOUT_SECONDS": "4", "IDLE_TIMEOUT_SECONDS": "3"}
MEMORY_MAX = 300 << 20


def event(**changes):
    return json.dumps({**EVENT, "id": str(random.getrandbits(64)), **changes}).encode()


def memory(worker):
    """The most it ever had, in bytes."""
    with open(f"/proc/{worker.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


class Raw:
    """A connection that says exactly what it is told to."""

    def __init__(self, port, timeout=15, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        """Stops without a word when the server has closed."""
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self.socket.sendall(part if isinstance(part, bytes) else part.encode())
        return self

    def post(self, body, extra="", length=None):
        return self.send(f"{HEAD}Content-Length: {len(body) if length is None else length}\r\n{extra}\r\n", body)

    def finish(self):
        # To half-close TLS, Python would take it off.
        if not isinstance(self.socket, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        return self

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self, has_body=True):
        """(status, headers, body) of the next response; None when the connection ends first."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self.buffer) < length:
            if not self.fill():
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split()[1]), headers, body

    def is_closed(self):
        return not self.buffer and not self.fill()

    def ends(self):
        """Nothing more comes, at the latest when we have finished too."""
        self.finish()
        assert self.is_closed(), self.buffer

    def refused(self, status):
        """Says so as every worker says it, and then closes."""
        found = self.answer()
        assert found, f"closed without an answer instead of {status}"
        code, headers, body = found
        assert code == status, (code, body)
        assert headers["content-type"] == "application/json"
        error = json.loads(body)["error"]
        assert error["code"] == status and error["message"] and error["type"].endswith("Exception"), error
        assert headers["x-request-id"]
        self.ends()
        return headers, error


    def turned_down(self, *statuses):
        """With one of these, in whatever words, or without any; nothing else is answered, and the connection ends.

        libmicrohttpd 0.9.75 sends the head of some of its pages twice.
        """
        found = self.answer()
        self.finish()
        rest = self.drain()
        told = re.findall(rb"HTTP/1\.[01] (\d+) ", rest) + ([str(found[0]).encode()] if found else [])
        assert {int(status) for status in told} <= set(statuses), (found, rest)

    def drain(self):
        """What still comes until the end."""
        while self.fill():
            assert len(self.buffer) < 100_000
        return self.buffer

    def answered_or_refused(self, status):
        """Refused, or answered like any request: then in JSON, once."""
        found = self.answer()
        assert found, "closed without an answer"
        assert "json" in found[1]["content-type"], found
        assert found[0] == status or found[0] < 500, found
        self.ends()


@contextlib.contextmanager
def well_behaved(worker, seconds=2.0):
    """A client that sends one event after another while the block runs: each is accepted, and soon."""
    stop, failures, count, slowest = threading.Event(), [], [0], [0.0]

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=20)
        while not stop.is_set():
            started = time.monotonic()
            try:
                connection.request("POST", "/events", event(), {"Content-Type": "application/json", "X-API-Key": KEY})
                response = connection.getresponse()
                body = response.read()
                if response.status != 202:
                    failures.append((response.status, body))
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=20)
            count[0] += 1
            slowest[0] = max(slowest[0], time.monotonic() - started)
            stop.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures, failures[:3]
    assert count[0] > 0 and slowest[0] < seconds, (count, slowest)


def collector(**environment):
    return Suite(ANALYTICS_API_KEY=KEY, LOG_LEVEL="warn", R2_CATALOG_ENDPOINT="direct", **environment).start("collector").collector


@pytest.fixture(scope="module")
def worker():
    started = collector()
    yield started
    assert memory(started) < MEMORY_MAX
    assert started.process.poll() is None
    started.suite.__exit__(None)


@pytest.fixture(scope="module")
def hasty():
    """One with short times."""
    started = collector(**SHORT)
    yield started
    assert memory(started) < MEMORY_MAX
    started.suite.__exit__(None)


# What is sent, and the status of its refusal.
MALFORMED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "no request line": (b"GARBAGE\r\n\r\n", 400),
    "control characters as method": (b"\x00\x01\x02\x03\r\n\r\nGET /health/live HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a TLS record": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "line feeds alone": (b"GET / HTTP/1.1\nHost: h\n\n", 400),
    "a carriage return alone": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400),
    "a folded field": (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "HTTP/2.0 in text": (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "CONNECT": (b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "another scheme": (b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "two lengths that differ": (HEAD.encode() + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "two lengths that agree": (HEAD.encode() + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a negative length": (HEAD.encode() + b"Content-Length: -2\r\n\r\n{}", 400),
    "a signed length": (HEAD.encode() + b"Content-Length: +2\r\n\r\n{}", 400),
    "a list of lengths": (HEAD.encode() + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a length of 26 digits": (HEAD.encode() + b"Content-Length: 99999999999999999999999999\r\n\r\n{}", 413),
    "a length beyond the limit": (HEAD.encode() + b"Content-Length: 10485761\r\n\r\n", 413),
    "length and chunks": (HEAD.encode() + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two transfer encodings": (HEAD.encode() + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    "gzip as transfer encoding": (HEAD.encode() + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "a negative chunk": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    "a chunk of letters": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a chunk that is longer than it says": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n", 400),
    "a chunk of 2^80 bytes": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", 413),
    "a chunk extension of 5 kB": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000, 400),
    "trailers of 30 kB": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: v\r\n" * 5000, 431),
    "another expectation": (HEAD.encode() + b"Expect: coffee\r\nContent-Length: 2\r\n\r\n{}", 417),
    "1,000 parameters": (b"GET /health?" + b"a=1&" * 1000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
    "a URL of 70 kB": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    "a header of 1 MB": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    "100,000 headers": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(100_000)) + b"\r\n", 431),
    "300 headers": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * 300 + b"\r\n", 431),
}

# What libmicrohttpd answers by itself, before any code of ours is asked: with a page of its own in HTML, or by closing the connection
# ("no request line", "a space in the target", "a TLS record").
BY_THE_SERVER = {
    "no host", "no request line", "a TLS record", "no colon", "a space in the target", "HTTP/2.0 in text", "the preface of HTTP/2", "a negative length",
    "a signed length", "a list of lengths", "a length of 26 digits", "a negative chunk", "a chunk of letters", "a chunk that is longer than it says",
    "a chunk of 2^80 bytes", "a chunk extension of 5 kB", "trailers of 30 kB", "1,000 parameters", "a URL of 70 kB", "a header of 1 MB", "100,000 headers",
}

# What it understands after all: lines of control characters before a request are skipped, folded fields joined. Where such a request
# ends can be read in one way only.
UNDERSTOOD = {"control characters as method", "line feeds alone", "a carriage return alone", "NUL in a value", "a folded field", "another expectation"}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused(worker, name):
    request, status = MALFORMED[name]
    with well_behaved(worker), Raw(worker.port) as client:
        client.send(request)
        if name in BY_THE_SERVER:
            # Behind it a request that must not be answered.
            client.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n").turned_down(status)
        elif name in UNDERSTOOD:
            client.answered_or_refused(status)
        else:
            client.refused(status)


# Of these the library says nothing at all, so that nothing can count them.
UNTOLD = {"no request line", "a TLS record", "a space in the target"}
REASONS = {400: "malformed", 413: "body_too_long", 414: "head_too_long", 431: "head_too_long", 505: "not_supported"}


@pytest.mark.parametrize("name", sorted(BY_THE_SERVER))
def test_what_the_library_refuses_by_itself_is_counted(worker, name):
    request, status = MALFORMED[name]

    def counted():
        return scrape(worker)("http_requests_refused_total", reason=REASONS[status]) or 0

    before = counted()
    with Raw(worker.port) as client:
        client.send(request, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n").turned_down(status)
    if name in UNTOLD:
        assert counted() == before
    else:
        wait_until(lambda: counted() > before, "the refusal is counted", 5)


def test_headers_without_end_are_cut_off(worker):
    with well_behaved(worker), Raw(worker.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n")
        for _ in range(1000):
            client.send("X: " + "a" * 1000 + "\r\n")
        client.turned_down(431)


def test_slow_headers_and_bodies_time_out(hasty):
    with well_behaved(hasty):
        slow = []
        for parts in (HEAD, f"{HEAD}Content-Length: 500\r\n\r\n", f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1f4\r\nab"):
            for _ in range(20):
                slow.append(Raw(hasty.port).send(parts))
        started = time.monotonic()
        while time.monotonic() - started < 4.5:
            for client in slow:
                client.send("a")
            time.sleep(0.3)
        for client in slow:
            client.refused(408)
            client.socket.close()


def test_slow_bodies_are_refused_by_their_speed():
    suite_worker = collector(MIN_BODY_BYTES_PER_SECOND="1000", IDLE_TIMEOUT_SECONDS="60", BODY_TIMEOUT_SECONDS="600")
    try:
        with well_behaved(suite_worker), Raw(suite_worker.port, 30) as client:
            client.send(f"{HEAD}Content-Length: 100000\r\n\r\n")
            started = time.monotonic()
            while time.monotonic() - started < 11.5:
                client.send("aaaaaaaaaa")
                time.sleep(0.1)
            client.refused(408)
    finally:
        suite_worker.suite.__exit__(None)


def test_connections_that_rest_are_closed(hasty):
    with well_behaved(hasty):
        new, used = Raw(hasty.port), Raw(hasty.port)
        assert used.post(event()).answer()[0] == 202
        assert new.is_closed() and used.is_closed()


def test_ten_thousand_idle_connections(worker):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(10_000, files - 1000)
    assert count >= 3000, f"this test needs a hard limit of 11,000 open files (ulimit -Hn), and there are {files}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    before = memory(worker)
    idle = []
    try:
        with well_behaved(worker, 5):
            for number in range(count):
                connection = socket.create_connection(("127.0.0.1", worker.port), 30)
                # Some have begun to speak.
                if number % 10 == 0:
                    connection.sendall(b"POST /events HTTP/1.1\r\nHost: h\r\nX-Sl")
                idle.append(connection)
            time.sleep(2)
            metrics = call("GET", f"{worker.url}/metrics", headers={"Accept": "application/json"}).json
            assert metrics["http_connections"]["values"][0]["value"] >= count
        assert memory(worker) - before < count * 5000, "more than 5 kB a connection"
    finally:
        for connection in idle:
            connection.close()


def test_more_connections_than_allowed_make_room():
    suite_worker = collector(MAX_CONNECTIONS="200")
    try:
        idle = []
        with well_behaved(suite_worker, 5):
            for _ in range(1000):
                idle.append(socket.create_connection(("127.0.0.1", suite_worker.port), 30))
                time.sleep(0.002)
            with Raw(suite_worker.port) as client:
                assert client.post(event()).answer()[0] == 202
        metrics = call("GET", f"{suite_worker.url}/metrics", headers={"Accept": "application/json"}).json
        assert metrics["http_connections_evicted_total"]["values"][0]["value"] > 500
        for connection in idle:
            connection.close()
    finally:
        suite_worker.suite.__exit__(None)


def test_one_address_has_its_share():
    suite_worker = collector(MAX_CONNECTIONS_PER_ADDRESS="5", TRUSTED_PROXIES="10.0.0.0/8", IDLE_TIMEOUT_SECONDS="10")
    try:
        def taken():
            client = Raw(suite_worker.port)
            found = client.post(event()).answer()
            return client if found and found[0] == 202 else None

        # Connections of the start may count until they have rested for as long as they may.
        clients = [wait_until(taken, "a place") for _ in range(5)]
        with Raw(suite_worker.port) as late:
            late.refused(503)
        clients.pop().socket.close()
        assert wait_until(taken, "a place that is free again is given")
    finally:
        suite_worker.suite.__exit__(None)


def test_pipelined_requests_are_answered_in_order(worker):
    with well_behaved(worker), Raw(worker.port) as client:
        bodies = [event() if number % 3 else b"{}" for number in range(200)]
        client.send(b"".join(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies))
        for number in range(200):
            status = client.answer()[0]
            assert status == (202 if number % 3 else 400), number
        client.send("GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert client.answer()[0] == 200
        assert client.is_closed()


def test_early_close_at_every_byte(hasty):
    """The end of some connections goes unnoticed until they have rested for as long as they may: none stays longer."""
    body = event()
    whole = f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body
    chunked = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    with well_behaved(hasty):
        for text in (whole, chunked):
            for end in range(len(text) + 1):
                with Raw(hasty.port) as client:
                    client.send(text[:end])
                    # Half of them with a reset.
                    if end % 2:
                        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

        def settled():
            metrics = call("GET", f"{hasty.url}/metrics", headers={"Accept": "application/json"}).json
            # The one that asks, and the well-behaved.
            return metrics["http_connections"]["values"][0]["value"] <= 3 and metrics["http_body_bytes"]["values"][0]["value"] < 1000

        wait_until(settled, "all connections gone")


def test_half_closed_sockets_get_their_answers(worker):
    with Raw(worker.port) as client:
        # libmicrohttpd may take the end of what is sent for a farewell while the answer is awaited: then the sender tries again,
        # and the event is known.
        body = event()
        found = client.post(body).finish().answer()
        assert found is None or found[0] == 202, found
        assert client.is_closed()
    with Raw(worker.port) as client:
        status, _, text = client.post(body).answer()
        counts = json.loads(text)
        assert status == 202 and counts["accepted"] + counts["duplicates"] == 1, text
    with Raw(worker.port) as client:
        client.post(event(), length=1000).finish().turned_down(400, 408)
    with Raw(worker.port) as client:
        client.send("GET /hea").finish().turned_down(400, 408)


def test_expect_is_answered_before_the_body(worker):
    expect = "Expect: 100-continue\r\n"
    body = event()
    with Raw(worker.port) as client:
        client.send(f"{HEAD}{expect}Content-Length: {len(body)}\r\n\r\n")
        assert client.answer()[0] == 100
        assert client.send(body).answer()[0] == 202
    with Raw(worker.port) as client:
        client.send(f"{HEAD}{expect}Content-Length: 99999999\r\n\r\n").refused(413)
    for head in (HEAD.replace(KEY, "wrong"), HEAD.replace(f"X-API-Key: {KEY}\r\n", "")):
        with Raw(worker.port) as client:
            client.send(f"{head}{expect}Content-Length: {len(body)}\r\n\r\n").refused(401)
    with Raw(worker.port) as client:
        client.send(f"{HEAD.replace('/events', '/nowhere')}{expect}Content-Length: 2\r\n\r\n").refused(404)
    with Raw(worker.port) as client:
        client.send(f"{HEAD.replace('POST', 'PUT')}{expect}Content-Length: 2\r\n\r\n").refused(405)
    # A long body is not taken from whoever has no key, expectation or not.
    with Raw(worker.port) as client:
        client.send(f"{HEAD.replace(KEY, 'wrong')}Content-Length: 9000000\r\n\r\n", b"x" * 9_000_000).refused(401)


@pytest.mark.parametrize(
    "target, status",
    [
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/../../etc/passwd", 404),
        ("/health/../events", 404),
        ("/health/live/", 200),
        ("/%", 404),
        ("/debug/status/%zz", 400),
        ("/debug/status/%00%ff", 400),
        ("/debug/status/%00", 404),
        # As proxies get it: understood, or refused like any other target that is no path.
        ("http://other.example/health/live", (200, 400)),
        ("HTTP://other.example:80/health/live?x", (200, 400)),
        ("//health/live", 404),
        ("/health/live?" + "a" * 9000, 200),
    ],
)
def test_targets(worker, target, status):
    with Raw(worker.port) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: h\r\nX-API-Key: {KEY}\r\n\r\n")
        code, _, body = client.answer()
        assert code in (status if isinstance(status, tuple) else (status,)), body
        if code >= 400:
            assert json.loads(body)["error"]["code"] == code


def test_methods_and_versions(worker):
    with Raw(worker.port) as client:
        client.send("get /health/live HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, body = client.answer()
        assert status == 405 and "GET" in headers["allow"] and json.loads(body)["error"]["code"] == 405
        client.send("HEAD /health/live HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        status, headers, _ = client.answer(has_body=False)
        assert status == 200 and int(headers["content-length"]) > 0
        assert client.send("GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer()[1]["connection"].lower() == "keep-alive"
        assert client.send("GET /health/live HTTP/1.0\r\n\r\n").answer()[0] == 200
        assert client.is_closed()


def bombs():
    zstd = lambda data: subprocess.run(["zstd", "-19", "-c"], input=data, capture_output=True, check=True).stdout
    zeros = b"0" * (300 << 20)
    once = gzip.compress(zeros, 9)
    yield "gzip", once
    yield "gzip, gzip", gzip.compress(once)
    yield "gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(b"0" * (11 << 20))))
    thin = zstd(zeros)
    yield "zstd", thin
    yield "zstd, gzip", gzip.compress(thin)


def test_bombs(worker):
    with well_behaved(worker, 5):
        for coding, body in bombs():
            answers = []

            def attack():
                with Raw(worker.port, 60) as client:
                    answers.append(client.post(body, f"Content-Encoding: {coding}\r\n").answer())

            threads = [threading.Thread(target=attack) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for status, _, text in answers:
                # 503: others are being taken apart.
                assert status in (413, 503), (coding, status, text)
                assert json.loads(text)["error"]["code"] == status
            # Announced by nobody: not JSON, or found out and stopped.
            with Raw(worker.port, 60) as client:
                status, _, text = client.post(body).answer()
                assert status in (400, 413) and json.loads(text)["error"]["code"] == status
    assert memory(worker) < MEMORY_MAX


def test_compressed_bodies_that_are_none(worker):
    good = gzip.compress(event())
    with Raw(worker.port) as client:
        assert client.post(good, "Content-Encoding: gzip\r\n").answer()[0] == 202
        for body in (good[:-4], good + b"garbage", good[:10], b"", b"no gzip", bytes([good[0] ^ 1]) + good[1:]):
            status, _, text = client.post(body, "Content-Encoding: gzip\r\n").answer()
            assert status == 400 and json.loads(text)["error"]["code"] == 400, (body, text)
        for coding, status in (("br", 415), ("gzip, gzip, gzip, gzip", 415), ("\x7fgzip", None)):
            if status:
                assert client.post(good, f"Content-Encoding: {coding}\r\n").answer()[0] == status


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    suite = Suite(ANALYTICS_API_KEY=KEY, LOG_LEVEL="warn", R2_CATALOG_ENDPOINT="direct", TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key), **SHORT)
    suite.prepare()
    worker = suite.collector.start()
    worker.trust = lambda: ssl.create_default_context(cafile=certificate)

    def ready():
        assert worker.process.poll() is None, worker.log()
        with contextlib.suppress(OSError), Raw(worker.port, tls=worker.trust()) as client:
            return client.send("GET /health/ready HTTP/1.1\r\nHost: h\r\n\r\n").answer()[0] == 200

    wait_until(ready, "HTTPS")
    yield worker
    suite.__exit__(None)


def test_https_is_kept_alive_and_carries_long_bodies(secure):
    connection = http.client.HTTPSConnection("localhost", secure.port, context=secure.trust(), timeout=20)
    sockets = set()
    for count in (1, 10, 5000):
        body = b"\n".join(event() for _ in range(count))
        connection.request("POST", "/events", body, {"Content-Type": "application/x-ndjson", "X-API-Key": KEY})
        sockets.add(connection.sock.fileno())
        response = connection.getresponse()
        assert response.status == 202 and json.loads(response.read())["accepted"] == count
    assert len(sockets) == 1
    with Raw(secure.port, tls=secure.trust()) as client:
        for _ in range(20):
            client.post(event())
        for _ in range(20):
            assert client.answer()[0] == 202
    run = subprocess.run(
        ["curl", "-sS", "--http1.1", "--cacert", "/dev/null", f"https://localhost:{secure.port}/health/live"], capture_output=True, text=True)
    assert run.returncode != 0, "a client that does not trust the certificate went on"


def test_https_under_load_loses_nothing(secure):
    """Twelve senders at once, every third of which connects anew for each request: all that was accepted is in the table, once."""
    headers = {"Content-Type": "application/x-ndjson", "X-API-Key": KEY}
    sent, failures = [], []

    def sender(number):
        try:
            connection = http.client.HTTPSConnection("localhost", secure.port, context=secure.trust(), timeout=60)
            for request in range(20):
                ids = [f"tls-{number}-{request}-{index}" for index in range(1 if number % 2 else 100)]
                connection.request("POST", "/events", b"\n".join(event(id=name) for name in ids), headers)
                response = connection.getresponse()
                assert response.status == 202 and json.loads(response.read())["accepted"] == len(ids)
                sent.extend(ids)
                if number % 3 == 0:
                    connection.close()
            connection.close()
        except Exception as error:
            failures.append(f"{number}: {error!r}")

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with Raw(secure.port, tls=secure.trust()) as client:
        client.send(f"POST /debug/flush/all HTTP/1.1\r\nHost: h\r\nX-API-Key: {KEY}\r\nContent-Length: 0\r\n\r\n")
        assert client.answer()[0] == 200
    files = [str(path) for path in secure.suite.directory.rglob("*.parquet") if "rejected" not in str(path)]
    found = pyarrow.dataset.dataset(files, format="parquet").to_table(columns=["id"])["id"].to_pylist()
    assert sorted(name for name in found if name.startswith("tls-")) == sorted(sent)


def test_slow_senders_over_tls_are_told(secure):
    """They get their 408 through TLS, and a proper end of it."""
    slow = [Raw(secure.port, tls=secure.trust()).send(parts) for parts in (HEAD, f"{HEAD}Content-Length: 500\r\n\r\n") for _ in range(5)]
    started = time.monotonic()
    while time.monotonic() - started < 4.5:
        time.sleep(0.3)
        told = select.select([client.socket for client in slow], [], [], 0)[0]
        for client in slow:
            if client.socket not in told:
                client.send("a")
    for client in slow:
        client.refused(408)
        client.socket.close()


def test_a_body_that_is_not_wanted_does_not_keep_the_refusal_from_tls_senders(secure):
    for _ in range(5):
        with Raw(secure.port, tls=secure.trust()) as client:
            body = b"x" * 3_000_000
            client.send(f"POST /events HTTP/1.1\r\nHost: h\r\nX-API-Key: wrong\r\nContent-Length: {len(body)}\r\n\r\n", body).refused(401)


@pytest.mark.parametrize("version, works", [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_versions(secure, version, works):
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", version, "-cipher", "ALL:@SECLEVEL=0", "-quiet", "-no_ign_eof"],
        input=b"", capture_output=True, timeout=20)
    assert (run.returncode == 0) == works, run.stderr


def test_what_is_no_tls_is_told_so_and_garbage_dropped(secure):
    with Raw(secure.port) as client:
        # What is no handshake gets an alert of TLS, an answer in plain words, or nothing.
        client.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        while client.fill():
            assert len(client.buffer) < 1000 and b" 200 " not in client.buffer
    for garbage in (b"\x16\x03\x01\x00\x05hello", b"\x16" * 5000, b"\x16\x03\x01"):
        with Raw(secure.port) as client:
            client.send(garbage)
            # An alert may come, an answer not; a handshake that never ends is closed in time.
            while client.fill():
                assert len(client.buffer) < 100
    with Raw(secure.port, tls=secure.trust()) as client:
        client.send("GET / HTTP/1.1\r\nX: a\r\n\r\n").turned_down(400)
    with Raw(secure.port, tls=secure.trust()) as client:
        assert client.post(event()).answer()[0] == 202
