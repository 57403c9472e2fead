"""A Management API on this machine: keeps functions as the real one does, and writes down every request."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = f"sbp_{'0123456789abcdef' * 2}01234567"
PROJECT = "abcdefghijklmnopqrst"
_BOUNDARY = "boundary-of-the-fake"
_CREATED = 1_700_000_000_000


@dataclass
class Deployed:
    """A function as the fake keeps it; `files` by their path beside the checklist."""

    version: int
    files: dict[str, bytes]
    status: str = "ACTIVE"

    def listed(self, slug: str) -> dict[str, Any]:
        """As it is listed."""
        digest = hashlib.sha256(b"".join(self.files[path] for path in sorted(self.files))).hexdigest()
        return {
            "id": f"00000000-0000-4000-8000-{hashlib.sha256(slug.encode()).hexdigest()[:12]}",
            "slug": slug,
            "name": slug,
            "status": self.status,
            "version": self.version,
            "created_at": _CREATED,
            "updated_at": _CREATED + self.version,
            "verify_jwt": True,
            "import_map": False,
            "entrypoint_path": f"file:///tmp/source/supabase/functions/{slug}/index.ts",
            "ezbr_sha256": digest,
        }


@dataclass
class Api:
    """`functions` by slug; `database` what a query answers with (None: not allowed); `logs` the rows of the analytics.

    `instead` answers a request (`GET functions`, `POST deploy`, `GET body`, `DELETE function`, `POST query`, `GET logs`) in
    another way; `after_deploy` is called with the function that was stored, to change it. `seen` are all requests.
    """

    url: str = ""
    functions: dict[str, Deployed] = field(default_factory=dict)
    database: list[dict[str, Any]] | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    instead: dict[str, Callable[[Exchange], None]] = field(default_factory=dict)
    after_deploy: Callable[[Deployed], None] = lambda _deployed: None
    seen: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def profile(self, folder: Path) -> str:
        """A profile of the Supabase CLI that leads here, in `folder`; its name."""
        lines = {"name": "local", "api_url": self.url, "dashboard_url": self.url, "project_host": "example.test"}
        path = folder / "profile.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()), encoding="utf-8")
        return path.name

    def asked(self, what: str) -> int:
        """How often something was asked."""
        return self.seen.count(what)


class Exchange(BaseHTTPRequestHandler):
    """One request."""

    api: Api
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        """Note it, and answer it as the real API does or as the test wants."""
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.api.tokens.add(self.headers.get("authorization", ""))
        what, answer = self._route()
        self.api.seen.append(what)
        self.api.instead.get(what, answer)(self)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  (the names that the library calls)

    def _route(self) -> tuple[str, Callable[[Exchange], None]]:
        path = urlsplit(self.path).path.removeprefix(f"/v1/projects/{PROJECT}")
        routes = {
            ("GET", r"/functions"): ("GET functions", Exchange._list),
            ("POST", r"/functions/deploy"): ("POST deploy", Exchange.deploy),
            ("GET", r"/functions/[^/]+/body"): ("GET body", Exchange._give_back),
            ("DELETE", r"/functions/[^/]+"): ("DELETE function", Exchange._delete),
            ("POST", r"/database/query"): ("POST query", Exchange._query),
            ("GET", r"/analytics/endpoints/logs.all"): ("GET logs", Exchange._logs),
        }
        for (method, pattern), found in routes.items():
            if method == self.command and re.fullmatch(pattern, path):
                return found
        return "other", lambda exchange: exchange.send(404, {"message": "no such thing"})

    def send(self, status: int, body: Any, **headers: str) -> None:
        """A whole answer; bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {} if "content-type" in named else {"content-type": "application/json"}
        for name, value in {"content-length": str(len(content)), **kind, **named}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.api.stopping.wait()
        self.close_connection = True

    def half(self) -> None:
        """The beginning of an answer, and then nothing more."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b'[{"slug": "hel')
        self.close_connection = True

    @property
    def slug(self) -> str:
        """The function that it is about."""
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query).get("slug")
        return asked[0] if asked else parts.path.split("/functions/")[1].split("/")[0]

    def _list(self) -> None:
        self.send(200, [one.listed(slug) for slug, one in self.api.functions.items()])

    def deploy(self) -> None:
        """Store what was sent, as the real API does."""
        slug, before = self.slug, self.api.functions.get(self.slug)
        files = {path: content for name, path, content in self._parts() if name == "file"}
        stored = Deployed(before.version + 1 if before else 1, files)
        self.api.functions[slug] = stored
        self.api.after_deploy(stored)
        self.send(201, stored.listed(slug))

    def _give_back(self) -> None:
        found = self.api.functions.get(self.slug)
        if found is None:
            self.send(404, {"message": "Function not found"})
            return
        parts = [(f'name="file"; filename="{path}"', content) for path, content in found.files.items()]
        entry = {"deno2_entrypoint_path": f"supabase/functions/{self.slug}/index.ts"}
        parts.insert(0, ('name="metadata"', json.dumps(entry).encode()))
        body = b"".join(
            f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + content + b"\r\n"
            for name, content in parts
        )
        closed = body + f"--{_BOUNDARY}--\r\n".encode()
        self.send(200, closed, content_type=f"multipart/form-data; boundary={_BOUNDARY}")

    def _delete(self) -> None:
        if self.api.functions.pop(self.slug, None) is None:
            self.send(404, {"message": "Function not found"})
        else:
            self.send(200, {})

    def _query(self) -> None:
        if self.api.database is None:
            self.send(403, {"message": "Forbidden resource"})
        else:
            self.send(201, self.api.database)

    def _logs(self) -> None:
        # What a call answered is asked in a question of its own.
        written = "from function_logs" in parse_qs(urlsplit(self.path).query)["sql"][0]
        self.send(200, {"result": self.api.logs if written else []})

    def _parts(self) -> Iterator[tuple[str, str, bytes]]:
        kind = self.headers["content-type"]
        message = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + self.body)
        for part in message.iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = str(part.get_param("name", header="content-disposition"))
            yield name, str(part.get_filename() or ""), content

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's name)
        """Nothing: a test reads `seen`."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


@contextmanager
def management_api() -> Iterator[Api]:
    """Run the fake for as long as the context is open, on 127.0.0.1 and a port that is free."""
    api = Api()
    server = _Quiet(("127.0.0.1", 0), type("Exchange", (Exchange,), {"api": api, "timeout": 20}))
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        api.stopping.set()
        server.shutdown()
        with contextlib.suppress(OSError):
            server.server_close()
        thread.join()
