"""Contract of the kind `http`: a real server that answers well, badly, slowly, endlessly, or not at all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest
import trustme

from pointsctl.checks.http import Http
from pointsctl.errors import (
    ConnectionLostError,
    CouldNotLookError,
    InterruptedByOperatorError,
    RefusedError,
    ServerUnreachableError,
    StorageError,
    TlsRequiredError,
    TookTooLongError,
    UsageError,
)
from pointsctl.model.finding import Observation, Outcome
from pointsctl.web import MAX_BODY_BYTES
from tests.contract.checks_contract import Case, CheckContract, Secrets
from tests.support.web_server import Exchange, WebServer, closed_port, serve
from tests.support.world import NOW, Switch, make_world

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.c2lnbmF0dXJlCg"
KEY = "key-9f8a6c01d4e27b35"
VARIABLES = {"SERVICE_TOKEN": TOKEN, "ANON_KEY": KEY, "LOGIN": f"me:{KEY}", "BROKEN_TOKEN": f"{KEY}\r\nX-Evil: 1"}
BEARER = {"Authorization": {"bearer": "SERVICE_TOKEN"}, "apikey": {"variable": "ANON_KEY"}}


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A plain HTTP server."""
    with serve() as state:
        yield state


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """An authority of our own, and the PEM file with which it is trusted."""
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(file)
    return ca, file


@pytest.fixture
def tls_server(authority: tuple[trustme.CA, Path], request: pytest.FixtureRequest) -> Iterator[WebServer]:
    """An HTTPS server; the parameter is (host of the certificate, days that it is still valid)."""
    host, days = getattr(request, "param", ("127.0.0.1", 10))
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert(host, not_before=ends - timedelta(days=90), not_after=ends).configure_cert(context)
    with serve(context) as state:
        state.answer("/", body=b"hello")
        yield state


def look(
    folder: Path, *, switch: Switch | None = None, now: datetime | None = None, base: str = "", **parameters: Any
) -> Observation:
    """What an http item says."""
    world = make_world(folder, variables=VARIABLES, cancellation=switch, functions_url=base, now=now or NOW)
    return Http.model_validate(parameters).look(world)


@pytest.mark.parametrize("target", ["{}", "{}/"])
def test_functions_of_the_target_prove_nothing_for_another_environment(
    tmp_path: Path, server: WebServer, target: str
) -> None:
    server.answer("/health", body=b"hello")
    check, other = Http(path="/health"), make_world(tmp_path, environment="staging", functions_url=server.url)
    assert check.look(other).outcome is Outcome.PASS
    with pytest.raises(RefusedError, match="'staging' has the same functions_url as the target"):
        check.look(replace(other, target_functions_url=target.format(server.url)))


class TestHttpContract(CheckContract):
    kind = "http"

    @pytest.fixture
    def clean(self, tmp_path: Path, server: WebServer) -> Case:
        server.answer("/health", body={"status": "ok", "echo": TOKEN}, X_Echo=TOKEN)
        parameters = {
            "path": "/health?key=a-query-secret", "headers": BEARER, "max_latency": "20s", "samples": 2,
            "json": {"path": "$.status", "equals": "ok"}, "body_matches": "status",
        }  # fmt: skip
        return Case(parameters, make_world(tmp_path, variables=VARIABLES, functions_url=server.url))

    @pytest.fixture
    def violating(self, tmp_path: Path, server: WebServer) -> Case:
        body = {"status": f"down {KEY}", "echo": f"Bearer {TOKEN}", "login": f"https://me:{KEY}@host/"}
        server.answer("/bad", status=200, body=body)
        parameters = {"path": "/bad", "headers": BEARER, "json": {"path": "$.status", "equals": "ok"}}
        return Case(parameters, make_world(tmp_path, variables=VARIABLES, functions_url=server.url))

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        url = f"http://127.0.0.1:{closed_port()}/x?key=a-query-secret"
        return Case({"url": url, "headers": BEARER}, make_world(tmp_path, variables=VARIABLES))

    @pytest.fixture
    def secrets(self) -> Secrets:
        return Secrets((TOKEN, KEY, "a-query-secret"))


def test_request_is_sent_as_written(tmp_path: Path, server: WebServer) -> None:
    server.answer("/base/f", status=201)
    observation = look(
        tmp_path, base=f"{server.url}/base/", path="/f", method="POST", status=[201],
        headers={"Authorization": {"bearer": "SERVICE_TOKEN"}, "X-Login": {"basic": "LOGIN"}, "X-Plain": "text"}, body={"a": [1]},
    )  # fmt: skip
    assert observation.outcome is Outcome.PASS
    [(line, headers, body)] = server.seen
    assert (line, body) == ("POST /base/f", b'{"a": [1]}')
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["X-Login"] == "Basic bWU6a2V5LTlmOGE2YzAxZDRlMjdiMzU="
    assert (headers["X-Plain"], headers["content-type"]) == ("text", "application/json")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_every_method(tmp_path: Path, server: WebServer, method: str) -> None:
    server.answer("/m", status=204)
    assert look(tmp_path, url=f"{server.url}/m", method=method, status=[204]).outcome is Outcome.PASS
    assert server.seen[0][0] == f"{method} /m"


@pytest.mark.parametrize("status", [401, 500])
def test_wrong_status_fails_and_shows_what_the_server_says(tmp_path: Path, server: WebServer, status: int) -> None:
    server.answer("/x", status=status, body={"error": "no such relation"})
    observation = look(tmp_path, url=f"{server.url}/x")
    assert (observation.outcome, observation.observed) == (Outcome.FAIL, f"status {status}")
    assert "no such relation" in observation.evidence["body_excerpt"]


def test_every_one_of_several_paths_is_asked(tmp_path: Path, server: WebServer) -> None:
    for path in ("/a", "/b", "/c"):
        server.answer(path, status=401)
    observation = look(tmp_path, base=server.url, paths=["/a", "/b", "/c"], method="POST", status=[401])
    assert (observation.outcome, observation.observed) == (Outcome.PASS, "3 of 3 addresses answered well")
    assert [line for line, _, _ in server.seen] == ["POST /a", "POST /b", "POST /c"]
    assert [one["path"] for one in observation.evidence["addresses"]] == ["/a", "/b", "/c"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_bad_path_of_several_fails_and_is_named(tmp_path: Path, server: WebServer, bad: int) -> None:
    paths = ["/a", "/b", "/c"]
    for index, path in enumerate(paths):
        server.answer(path, status=404 if index == bad else 401)
    observation = look(tmp_path, base=server.url, paths=paths, method="POST", status=[401])
    assert observation.outcome is Outcome.FAIL
    assert observation.summary == f"{paths[bad]}: status 404"


@pytest.mark.parametrize(
    "addresses", [{}, {"path": "/a", "paths": ["/b"]}, {"paths": []}, {"url": "https://a", "paths": ["/b"]}]
)
def test_exactly_one_form_of_address(addresses: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError, match="exactly one"):
        Http.model_validate(addresses)


def test_redirect_to_a_login_page_is_no_pass(tmp_path: Path, server: WebServer) -> None:
    server.answer("/login", body=b"please log in")
    server.answer("/x", status=302, Location=f"{server.url}/login?next=secret-place")
    observation = look(tmp_path, url=f"{server.url}/x", headers=BEARER)
    assert observation.outcome is Outcome.FAIL
    assert "/login" in observation.summary
    assert "secret-place" not in repr(observation)
    assert len(server.seen) == 1
    assert look(tmp_path, url=f"{server.url}/x", status=[302]).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("body", "expectation"),
    [
        (b'{"status": "ok"}', {"path": "$.state", "equals": "ok"}),
        (b'{"status": true}', {"path": "$.status", "equals": 1}),
        (b'{"status": null}', {"path": "$.status", "equals": "ok"}),
        (b'{"items": ["ok", "bad"]}', {"path": "$.items[*]", "equals": "ok"}),
        (b'{"items": []}', {"path": "$.items[*]", "equals": "ok"}),
        (b'{"error": 1}', {"path": "$.error", "exists": False}),
        (b"{}", {"path": "$.error", "exists": True}),
        (b'{"version": 3}', {"path": "$.version", "matches": "3"}),
        (b'{"status": "bad", "status": "ok"}', {"path": "$.status", "equals": "ok"}),
        (b'{"status": "ok"', {"path": "$.status", "equals": "ok"}),
        (b"<html>ok</html>", {"path": "$.error", "exists": False}),
        (b"NaN", {"path": "$.error", "exists": False}),
        (b"", {"path": "$.error", "exists": False}),
        (b"\xff", {"path": "$.error", "exists": False}),
        (b"[" * 100_000, {"path": "$.error", "exists": False}),
        (b"[" * 300 + b"]" * 300, {"path": "$..error", "exists": False}),
    ],
)
def test_wrong_json_fails(tmp_path: Path, server: WebServer, body: bytes, expectation: dict[str, Any]) -> None:
    server.answer("/j", body=body)
    assert look(tmp_path, url=f"{server.url}/j", json=expectation).outcome is Outcome.FAIL


def test_text_missing_in_the_body_fails(tmp_path: Path, server: WebServer) -> None:
    server.answer("/t", body=b"<h1>Sign in</h1>")
    assert look(tmp_path, url=f"{server.url}/t", body_matches="Points").outcome is Outcome.FAIL


def test_slow_answer_fails_and_names_the_time(tmp_path: Path, server: WebServer) -> None:
    def slowly(exchange: Exchange) -> None:
        server.stopping.wait(0.3)
        exchange.send(200, b"", {})

    url = server.on("/slow", slowly)
    observation = look(tmp_path, url=url, max_latency="200ms")
    assert (observation.outcome, observation.expected) == (Outcome.FAIL, "at most 200ms")
    assert look(tmp_path, url=url, max_latency="20s").outcome is Outcome.PASS


def test_one_bad_sample_among_good_ones_fails(tmp_path: Path, server: WebServer) -> None:
    url = server.on("/s", lambda exchange: exchange.send(500 if len(server.seen) == 3 else 200, b"", {}))
    observation = look(tmp_path, url=url, samples=5)
    assert observation.outcome is Outcome.FAIL
    assert [sample["status"] for sample in observation.evidence["samples"]] == [200, 200, 500]


@pytest.mark.parametrize(
    ("opening", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b""),
    ],
    ids=["headers", "body", "chunks", "silence"],
)
def test_trickling_server_does_not_hang_the_look(
    tmp_path: Path, server: WebServer, opening: bytes, more: bytes
) -> None:
    url = server.on("/drip", lambda exchange: exchange.trickle(opening, more))
    with pytest.raises(TookTooLongError):
        look(tmp_path, url=url, switch=Switch(limit=0.5))


def test_stop_ends_the_wait(tmp_path: Path, server: WebServer) -> None:
    url = server.on("/drip", lambda exchange: exchange.trickle(b"", b""))
    switch = Switch(limit=60)
    stopper = switch.stop_when(lambda: bool(server.seen))
    with pytest.raises(InterruptedByOperatorError):
        look(tmp_path, url=url, switch=switch)
    stopper.join()


def test_endless_body_is_read_no_further_than_the_limit(tmp_path: Path, server: WebServer) -> None:
    url = server.on("/big", lambda exchange: exchange.send(200, b"x" * (2 * MAX_BODY_BYTES) + b"ok", {}))
    assert look(tmp_path, url=url).evidence["body_bytes"] == MAX_BODY_BYTES
    with pytest.raises(CouldNotLookError, match="longer"):
        look(tmp_path, url=url, body_matches="x")


def test_compressed_body_is_not_unpacked(tmp_path: Path, server: WebServer) -> None:
    server.answer("/gz", body=b"ok", Content_Encoding="gzip")
    with pytest.raises(CouldNotLookError, match="compressed"):
        look(tmp_path, url=f"{server.url}/gz", body_matches="ok")


def test_reset_and_cut_off_answers_are_errors(tmp_path: Path, server: WebServer) -> None:
    reset = server.on("/reset", lambda exchange: exchange.reset())
    cut = server.on("/cut", lambda exchange: exchange.send(200, b"short", {"Content-Length": "500"}))
    for url in (reset, cut):
        with pytest.raises(ConnectionLostError):
            look(tmp_path, url=url)


def test_unknown_host_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachableError, match="no such host"):
        look(tmp_path, url="https://nowhere.invalid/")


def test_proxies_of_the_process_are_not_used(
    tmp_path: Path, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer("/p")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert look(tmp_path, url=f"{server.url}/p").outcome is Outcome.PASS


@pytest.mark.parametrize("variable", ["NOT_SET", "BROKEN_TOKEN"])
def test_variable_that_cannot_be_a_header_is_an_error_without_its_value(
    tmp_path: Path, server: WebServer, variable: str
) -> None:
    with pytest.raises(UsageError) as raised:
        look(tmp_path, url=f"{server.url}/", headers={"X-Key": {"variable": variable}})
    Secrets((KEY,)).assert_absent(raised.value, raised.value.__cause__, raised.value.__context__)
    assert server.seen == []


def test_secret_is_not_sent_in_clear_text_to_another_machine(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="encryption"):
        look(tmp_path, url="http://points.invalid/", headers=BEARER)


def test_path_needs_an_environment_with_functions(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="functions_url"):
        look(tmp_path, path="/functions/v1/redeem-coupon")


def test_certificate_that_lasts_passes_and_one_that_does_not_fails(
    tmp_path: Path, tls_server: WebServer, authority: tuple[trustme.CA, Path]
) -> None:
    parameters: dict[str, Any] = {"url": f"{tls_server.url}/", "ca_file": str(authority[1]), "now": datetime.now(UTC)}
    assert look(tmp_path, tls_expires_after="9d", **parameters).outcome is Outcome.PASS
    observation = look(tmp_path, tls_expires_after="14d", **parameters)
    assert (observation.outcome, observation.observed) == (Outcome.FAIL, "10 days left")


def test_plain_connection_has_no_certificate_that_lasts(tmp_path: Path, server: WebServer) -> None:
    server.answer("/c")
    assert look(tmp_path, base=server.url, path="/c", tls_expires_after="1d").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "tls_server", [("127.0.0.1", -2), ("another.example", 10)], indirect=True, ids=["expired", "other name"]
)
def test_refused_certificate_fails(tmp_path: Path, tls_server: WebServer, authority: tuple[trustme.CA, Path]) -> None:
    observation = look(tmp_path, url=f"{tls_server.url}/", ca_file=str(authority[1]), headers=BEARER)
    assert (observation.outcome, observation.observed) == (Outcome.FAIL, "certificate refused")
    assert tls_server.seen == []


def test_unknown_authority_fails(tmp_path: Path, tls_server: WebServer) -> None:
    assert look(tmp_path, url=f"{tls_server.url}/").outcome is Outcome.FAIL


def test_server_without_tls_behind_https_is_an_error(tmp_path: Path, server: WebServer) -> None:
    with pytest.raises(TlsRequiredError):
        look(tmp_path, url=server.url.replace("http:", "https:") + "/")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_unusable_authorities_are_an_error(tmp_path: Path, tls_server: WebServer, content: str | None) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(StorageError, match=r"ca\.pem"):
        look(tmp_path, url=f"{tls_server.url}/", ca_file="ca.pem")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"url": "https://h/", "path": "/x"},
        {"path": "x"},
        {"path": "/a b"},
        {"url": "ftp://h/"},
        {"url": "https://"},
        {"url": "https://h:99999/"},
        {"url": "https://h /"},
        {"url": "https://h/", "status": []},
        {"url": "https://h/", "status": [99]},
        {"url": "https://h/", "method": "DELETE"},
        {"url": "https://h/", "body": "x"},
        {"url": "https://h/", "samples": 21},
        {"url": "https://h/", "samples": 0},
        {"url": "https://h/", "max_latency": "0s"},
        {"url": "http://h/", "tls_expires_after": "1d"},
        {"url": "https://h/", "method": "HEAD", "body_matches": "x"},
        {"url": "https://h/", "body_matches": "x*"},
        {"url": "https://h/", "json": {"path": "$.a"}},
        {"url": "https://h/", "json": {"path": "a b", "exists": True}},
        {"url": "https://h/", "json": {"path": "$.a", "exists": True, "equals": 1}},
        {"url": "https://h/", "json": {"path": "$[?search(@.a, '(a|aa)+$')]", "exists": True}},
        {"url": "https://h/", "headers": {"Host": "other"}},
        {"url": "https://h/", "headers": {"Bad Name": "x"}},
        {"url": "https://h/", "headers": {"X": "a\nb"}},
        {"url": "https://h/", "headers": {"X": {"bearer": "A", "basic": "B"}}},
        {"url": "https://h/", "headers": {"X": {}}},
    ],
)
def test_nonsense_is_refused_when_it_is_loaded(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Http.model_validate(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": f"https://me:{KEY}@h/"},
        {"url": "https://h/", "headers": {"Authorization": f"Bearer {KEY}"}},
        {"url": "https://h/", "headers": {"X-Other": f"Bearer {KEY}"}},
        {"url": "https://h/", "headers": {"apikey": KEY}},
    ],
)
def test_secrets_in_plain_text_are_refused_without_repeating_them(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        Http.model_validate(parameters)
    Secrets((KEY,)).assert_absent([error["msg"] for error in raised.value.errors()])
