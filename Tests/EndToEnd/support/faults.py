"""A proxy between a worker and what it calls, which answers as networks and servers in trouble do.

    with FaultProxy(seaweed.endpoint) as proxy:      # proxy.url goes into R2_ENDPOINT or R2_CATALOG_ENDPOINT
        proxy.set("lost_reply", methods={"PUT", "POST"}, share=0.5)
        proxy.clear()

The request is passed on as it came, Host and all, so that signatures hold.
"""

import contextlib
import http.client
import random
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

FAULTS = {
    "unavailable": "503 with Retry-After, nothing passed on",
    "internal_error": "500 after the request was passed on and applied",
    "reset": "the connection is reset after the request was read, nothing passed on",
    "silence": "no answer at all, nothing passed on, until the fault is cleared",
    "lost_reply": "the request is applied, and the connection is reset instead of the answer",
    "late_silence": "the request is applied, and its answer held back until the fault is cleared, then reset",
    "truncated": "half of the answer, then the connection is closed",
    "drip": "the answer comes byte by byte",
    "garbage": "an answer that is no HTTP",
    "refused": "nobody listens",
}


# One of each kind: nothing passed on, passed on and not answered, nobody there.
USUAL = {"unavailable", "lost_reply", "refused"}


class FaultProxy:
    def __init__(self, url, seed=0):
        parts = urllib.parse.urlsplit(url)
        self.upstream = (parts.hostname, parts.port)
        self.fault, self.methods, self.share = None, None, 1.0
        self.chance, self.lock = random.Random(seed), threading.Lock()
        self.cleared = threading.Event()
        # (monotonic time, method, path, fault or None) of every request.
        self.requests = []
        self.connections = set()
        self.server = None
        self.port = None
        self.listen()

    def listen(self):
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                proxy.serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, address):
                pass

        for _ in range(200):
            try:
                self.server = Server(("127.0.0.1", self.port or random.randrange(15_000, 30_000)), Handler)
                break
            except OSError:
                time.sleep(0.05)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()
        self.stop_listening()

    def stop_listening(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # Switching

    def set(self, fault, methods=None, share=1.0):
        """From now on, `share` of the requests with these methods (all) meet this fault."""
        assert fault in FAULTS, fault
        self.clear()
        with self.lock:
            self.fault, self.methods, self.share = fault, methods, share
            self.cleared = threading.Event()
        if fault == "refused":
            self.stop_listening()

    def clear(self):
        with self.lock:
            was, self.fault = self.fault, None
            self.cleared.set()
        if was == "refused" and self.server is None:
            self.listen()

    def count(self, since, until=None):
        """Requests between two moments of the monotonic clock."""
        with self.lock:
            return sum(since <= at and (until is None or at < until) for at, *_ in self.requests)

    def busiest_second(self, since):
        with self.lock:
            times = [at for at, *_ in self.requests if at >= since]
        return max((sum(start <= at < start + 1 for at in times) for start in times), default=0)

    def met(self, fault):
        with self.lock:
            return sum(found == fault for *_, found in self.requests)

    # One connection

    @staticmethod
    def reset(connection):
        """By the connection's own thread: it is closed, without a farewell, when its streams are."""
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def serve(self, handler):
        with self.lock:
            self.connections.add(handler.connection)
        upstream = None
        try:
            while True:
                head = self.read_head(handler)
                if head is None:
                    return
                method, path, headers = head
                body = self.read_body(handler, headers)
                fault, cleared = self.choose(method, path)
                if not self.before(handler, fault, cleared):
                    return
                if upstream is None:
                    upstream = http.client.HTTPConnection(*self.upstream, timeout=120)
                status, reason, reply_headers, reply = self.forward(upstream, method, path, headers, body)
                if not self.answer(handler, method, fault, cleared, status, reason, reply_headers, reply):
                    return
        except (OSError, http.client.HTTPException, ValueError):
            self.reset(handler.connection)
        finally:
            with self.lock:
                self.connections.discard(handler.connection)
            if upstream:
                upstream.close()

    def choose(self, method, path):
        with self.lock:
            applies = self.fault and (self.methods is None or method in self.methods) and self.chance.random() < self.share
            fault = self.fault if applies else None
            self.requests.append((time.monotonic(), method, path, fault))
            return fault, self.cleared

    @staticmethod
    def read_head(handler):
        line = handler.rfile.readline(65_537)
        if not line.strip():
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = []
        while (line := handler.rfile.readline(65_537)) not in (b"\r\n", b"\n", b""):
            name, value = line.decode("latin-1").split(":", 1)
            headers.append((name, value.strip()))
        return method, path, headers

    @staticmethod
    def read_body(handler, headers):
        fields = {name.lower(): value for name, value in headers}
        if "100-continue" in fields.get("expect", "").lower():
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in fields.get("transfer-encoding", "").lower():
            body = b""
            while size := int(handler.rfile.readline().split(b";")[0], 16):
                body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
            return body
        return handler.rfile.read(int(fields.get("content-length", "0")))

    @staticmethod
    def forward(upstream, method, path, headers, body):
        upstream.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in ("expect", "transfer-encoding", "content-length", "connection"):
                upstream.putheader(name, value)
        upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body)
        response = upstream.getresponse()
        kept = [(n, v) for n, v in response.getheaders() if n.lower() not in ("transfer-encoding", "connection", "content-length")]
        length = response.getheader("Content-Length")
        reply = response.read()
        # The answer to HEAD says how long the object is, and has no body.
        kept.append(("Content-Length", length if method == "HEAD" and length else str(len(reply))))
        return response.status, response.reason, kept, reply

    def before(self, handler, fault, cleared):
        """What happens instead of passing the request on; true when it is to be passed on."""
        if fault == "unavailable":
            handler.wfile.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
            handler.wfile.flush()
            handler.connection.close()
            return False
        if fault == "garbage":
            handler.wfile.write(b"\x00\xff\x13garbage" * 50)
            handler.connection.close()
            return False
        if fault == "silence":
            cleared.wait()
        if fault in ("reset", "silence", "refused"):
            self.reset(handler.connection)
            return False
        return True

    def answer(self, handler, method, fault, cleared, status, reason, headers, reply):
        if fault == "internal_error":
            status, reason, headers, reply = 500, "Internal Server Error", [("Content-Length", "0")], b""
        if fault == "late_silence":
            cleared.wait()
        if fault in ("lost_reply", "late_silence"):
            self.reset(handler.connection)
            return False
        head = f"HTTP/1.1 {status} {reason}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n"
        data = head.encode("latin-1") + (b"" if method == "HEAD" else reply)
        if fault == "truncated":
            handler.wfile.write(data[: max(len(data) // 2, 1)])
            handler.connection.close()
            return False
        if fault == "drip":
            for at in range(len(data)):
                if cleared.is_set():
                    handler.wfile.write(data[at:])
                    return True
                handler.wfile.write(data[at : at + 1])
                time.sleep(0.01)
            return True
        handler.wfile.write(data)
        return True
