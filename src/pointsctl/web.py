"""Sends one HTTP request: bounded in time and size, to exactly the address given, with nothing taken from the environment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx

from pointsctl.errors import (
    ConnectionLostError,
    CouldNotLookError,
    PointsctlError,
    ServerUnreachableError,
    StorageError,
    TlsRequiredError,
)
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.redaction import redact_url
from pointsctl.model.time_limit import over, stop_if_over

MAX_BODY_BYTES = 1024 * 1024
_CONNECT_SECONDS = 10.0


class CertificateRefusedError(CouldNotLookError):
    """The server showed a certificate that is expired, for another name, or signed by nobody who is trusted."""

    code = "certificate-refused"


@dataclass(frozen=True)
class Request:
    """What to send. `ca_file` (PEM) replaces the authorities that are trusted otherwise."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """The request for people, without secrets."""
        return f"{self.method} {redact_url(self.url)}"


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` have lower-case names; `body` holds the first MiB, undecoded; `complete` says whether
    that is all; `seconds` runs from connecting to the last byte read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    seconds: float
    certificate_expires_at: datetime | None = None


def fetch(request: Request, cancellation: Cancellation) -> Answer:
    """Send the request once; a redirect is an answer like any other, and is not followed.

    However slowly the server talks, this ends with the cancellation. Raises ServerUnreachableError, ConnectionLostError,
    TlsRequiredError, CertificateRefusedError, TookTooLongError, InterruptedByOperatorError. No error repeats a header.
    """
    stop_if_over(cancellation, request.name)
    try:
        return asyncio.run(_within_time(request, cancellation))
    except (TimeoutError, asyncio.CancelledError):
        raise over(cancellation, request.name) from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # What httpx says may quote a header, and with it a token.
        raise _failure(request, error) from None


async def _within_time(request: Request, cancellation: Cancellation) -> Answer:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        # The loop may have ended between the decision to stop and this call.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: task and task.cancel())

    with cancellation.callback(stop):
        async with asyncio.timeout(cancellation.remaining()):
            return await _exchange(request)


async def _exchange(request: Request) -> Answer:
    client = httpx.AsyncClient(
        verify=_trust(request.ca_file),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        headers={"accept-encoding": "identity", "user-agent": "pointsctl"},
    )
    async with client:
        started = monotonic()
        sent = client.stream(request.method, request.url, headers=dict(request.headers), content=request.content)
        async with sent as response:
            expires = _certificate_expiry(response)
            body, complete = await _read(response)
            seconds = monotonic() - started
            return Answer(response.status_code, dict(response.headers), body, complete, seconds, expires)


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return bytes(body[:MAX_BODY_BYTES]), False
    return bytes(body), True


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ValueError) as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else "it cannot be read"
        raise StorageError(f"no authorities in {str(ca_file)!r}: {reason}", hint="correct `ca_file`") from None


def _certificate_expiry(response: httpx.Response) -> datetime | None:
    # Read from this very connection, so that it is the certificate that the answer came with.
    connection = response.extensions["network_stream"].get_extra_info("ssl_object")
    certificate = connection.getpeercert() if connection else None
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), tz=UTC)


def _failure(request: Request, error: Exception) -> PointsctlError:
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = f"{request.name}: the certificate is refused: {cause.verify_message}"
            return CertificateRefusedError(message, hint="renew the certificate, or name its authority in `ca_file`")
        if isinstance(cause, ssl.SSLError):
            return TlsRequiredError(
                f"{request.name}: no encrypted connection could be agreed on", hint="see the address"
            )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return ServerUnreachableError(f"{request.name}: {_reason(causes)}", hint="see the address, and whether it runs")
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return ConnectionLostError(
            f"{request.name}: the server went away before the end of its answer", hint="see its log"
        )
    return CouldNotLookError(f"{request.name}: the request cannot be sent as it is", hint="see its address and headers")


def _reason(causes: tuple[BaseException, ...]) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "no such host"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "the connection was refused"
    return "no connection"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _causes(inner)
        error = error.__cause__ or error.__context__
