"""A real HTTP(S) server on this machine whose answers a test writes byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class WebServer:
    """`answers` maps a path to what is done with its request; `seen` holds every request's headers and body."""

    answers: dict[str, Callable[[Exchange], None]] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, path: str, status: int = 200, body: bytes | dict[str, Any] = b"", **headers: str) -> str:
        """Answer `path` always in the same way; gives its address."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.on(path, lambda exchange: exchange.send(status, content, named))

    def on(self, path: str, act: Callable[[Exchange], None]) -> str:
        """Do `act` with requests for `path`; gives its address."""
        self.answers[path] = act
        return self.url + path


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it well or badly."""

    server_state: WebServer

    def handle_any(self) -> None:
        """Note the request and do what the test wants."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server_state.seen.append((f"{self.command} {self.path}", dict(self.headers), body))
        act = self.server_state.answers.get(self.path.partition("?")[0])
        if act:
            act(self)
        else:
            self.send(404, b"no such path", {})

    do_GET = do_HEAD = do_POST = do_OPTIONS = handle_any  # noqa: N815  (the names that the library calls)

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def trickle(self, opening: bytes, more: bytes) -> None:
        """Send `opening`, then `more` again and again until the client goes away or the server stops."""
        with contextlib.suppress(OSError):
            self.wfile.write(opening)
            while not self.server_state.stopping.wait(0.02):
                self.wfile.write(more)
        self.close_connection = True

    def reset(self) -> None:
        """Tear the connection down in the way a crashing server does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Nothing: a test reads `seen`."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Run a server for as long as the context is open, on 127.0.0.1 and a port that is free."""
    state = WebServer()
    handler = type("Handler", (Exchange,), {"server_state": state})
    server = _Quiet(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
