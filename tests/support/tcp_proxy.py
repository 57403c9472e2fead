"""A proxy in front of an HTTP server that breaks what a test wants broken, so and so often, and passes the rest on."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Rule:
    """Requests of `method` whose path holds `path` meet `act`, the first `times` of them after `skip`."""

    method: str
    path: str
    act: Callable[[Exchange], None]
    times: int = 1_000_000
    skip: int = 0


@dataclass
class Proxy:
    """`rules` are tried in order; `seen` holds every request's method and path."""

    endpoint: str
    upstream: str
    rules: list[Rule] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(
        self, method: str, path: str, act: Callable[[Exchange], None], *, times: int = 1_000_000, skip: int = 0
    ) -> None:
        """Break requests from now on."""
        self.rules.append(Rule(method, path, act, times, skip))

    def heal(self) -> None:
        """Pass everything on from now on."""
        with self.lock:
            self.rules.clear()
            self.seen.clear()

    def rule_for(self, method: str, path: str) -> Rule | None:
        """The rule that this request meets, which is used up by one."""
        with self.lock:
            self.seen.append(f"{method} {path}")
            for rule in self.rules:
                if rule.method == method and rule.path in path and rule.times:
                    if rule.skip:
                        rule.skip -= 1
                        continue
                    rule.times -= 1
                    return rule
        return None


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it well or badly."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"
    body = b""

    def handle_any(self) -> None:
        """Pass the request on, unless a rule says otherwise."""
        rule = self.proxy.rule_for(self.command, self.path)
        if rule:
            rule.act(self)
        else:
            self.pass_on()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  (the names that the library calls)

    def take(self) -> None:
        """Read the whole request."""
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))

    def pass_on(self, change: Callable[[bytes], bytes] = bytes, *, without: str = "", cut: int = 0) -> None:
        """Ask the server; `change` its answer's body, leave out the header `without`, cut so many bytes off the end."""
        self.take()
        status, headers, body = self._ask(without)
        body = change(body)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) - cut])
        if cut:
            self.reset()

    def answer(self, status: int, code: str) -> None:
        """An error as S3 writes it."""
        self.take()
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by a test</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def lose_answer(self) -> None:
        """The server does it, and the answer is lost."""
        self.take()
        self._ask("")
        self.reset()

    def break_off(self) -> None:
        """Tear the connection down in the middle of the request's body."""
        self.rfile.read(int(self.headers.get("content-length", 0)) // 2)
        self.reset()

    def hang(self) -> None:
        """Take the request and never answer."""
        self.take()
        self.proxy.stopping.wait()
        self.close_connection = True

    def reset(self) -> None:
        """Tear the connection down in the way a crashing server does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Whoever shuts down first flushes; only closing sends the reset.
        self.connection.close()
        self.close_connection = True

    def _ask(self, without: str) -> tuple[int, list[tuple[str, str]], bytes]:
        place = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection", without.lower()):
                    connection.putheader(name, value)
            connection.endheaders(self.body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Nothing: a test reads `seen`."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are what these tests are about."""


@contextmanager
def tcp_proxy(upstream: str) -> Iterator[Proxy]:
    """Run a proxy before `upstream` for as long as the context is open."""
    proxy = Proxy("", upstream)
    server = _Quiet(("127.0.0.1", 0), type("Handler", (Exchange,), {"proxy": proxy}))
    proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
