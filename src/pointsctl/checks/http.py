"""Kind `http`: a server answers a request with the right status, in time, with the right body and a lasting certificate."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

import pydantic

from pointsctl import web
from pointsctl.checks.interface import Check, World
from pointsctl.errors import CouldNotLookError, RefusedError, UsageError
from pointsctl.model.duration import Duration, format_duration
from pointsctl.model.finding import JsonValue, Observation, Outcome
from pointsctl.model.http_request import (
    FromVariable,
    HeaderName,
    HeaderText,
    WebAddress,
    WebPath,
    check_header,
    refuse_clear_text,
)
from pointsctl.model.json_expectation import JsonExpectation, parse_json
from pointsctl.model.patterns import Pattern, finds
from pointsctl.model.problems import shown
from pointsctl.model.redaction import redact, redact_url, secret_values

_EXCERPT = 300
_MAX_REQUEST_BODY = 100_000

Status = Annotated[int, pydantic.Field(ge=100, le=599, strict=True)]
Problem = tuple[str, str, str]  # what is wrong, what was observed, what was expected


class Http(Check):
    """Sends a request and judges the answer.

    Redirects are not followed, proxies of the process environment are not used, and of the body the first MiB is read.
    With `samples`, the first bad answer decides, and the slowest one counts.
    """

    url: WebAddress | None = pydantic.Field(None, description="the whole address; this, `path` or `paths`")
    path: WebPath | None = pydantic.Field(
        None, description="path below the environment's `functions_url`, such as `/functions/v1/redeem-coupon`"
    )
    paths: tuple[WebPath, ...] = pydantic.Field(
        (), max_length=20, description="several paths, each asked in the same way; all must answer well"
    )
    method: Literal["GET", "HEAD", "OPTIONS", "POST"] = pydantic.Field("GET", description="the request's method")
    headers: dict[HeaderName, HeaderText | FromVariable] = pydantic.Field(
        default_factory=dict,
        max_length=50,
        description="headers; secrets only as `{bearer: VARIABLE}`, `{basic: VARIABLE}` or `{variable: VARIABLE}`",
    )
    body: str | dict[str, Any] | list[Any] | None = pydantic.Field(
        None, description="body of a POST: text, or a mapping or list that is sent as JSON"
    )
    status: tuple[Status, ...] = pydantic.Field(
        (200,), min_length=1, max_length=20, description="status codes that are good"
    )
    max_latency: Duration | None = pydantic.Field(
        None, description="longest time from connecting to the end of the answer, such as `2s`"
    )
    json_expectations: tuple[JsonExpectation, ...] = pydantic.Field(
        (),
        alias="json",
        max_length=50,
        description="what the JSON body must hold: `{path: $.status, equals: ok}`, or a list of these",
    )
    body_matches: Pattern | None = pydantic.Field(None, description="regular expression that must be found in the body")
    tls_expires_after: Duration | None = pydantic.Field(
        None, description="how long the server's certificate must still be valid, such as `14d`"
    )
    ca_file: str | None = pydantic.Field(
        None,
        min_length=1,
        pattern=r"^[^\x00]+$",
        description="PEM file with the authorities to trust, relative to the checklist",
    )
    samples: int = pydantic.Field(
        1, ge=1, le=20, strict=True, description="how many requests are sent, one after the other"
    )

    @pydantic.field_validator("json_expectations", mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @pydantic.model_validator(mode="after")
    def _sensible(self) -> Http:
        if [self.url is not None, self.path is not None, bool(self.paths)].count(True) != 1:
            raise ValueError("expected exactly one of `url`, `path` and `paths`")
        if self.method != "POST" and self.body is not None:
            raise ValueError("expected `method: POST` beside `body`")
        if self.method == "HEAD" and (self.json_expectations or self.body_matches):
            raise ValueError("expected no expectation of the body, because an answer to HEAD has none")
        if self.tls_expires_after and (self.url or "https:").startswith("http:"):
            raise ValueError("expected an https address beside `tls_expires_after`")
        if len(self._content() or b"") > _MAX_REQUEST_BODY:
            raise ValueError(f"expected a body of {_MAX_REQUEST_BODY:,} bytes at the most")
        for name, value in self.headers.items():
            check_header(name, value)
        return self

    def how(self) -> str:
        """The request, without secrets."""
        paths = ", ".join(redact(path).partition("?")[0] for path in self.paths or (self.path or "",))
        return f"{self.method} {shown(redact_url(self.url) if self.url else paths, 100)[1:-1]}"

    def secret_variables(self) -> tuple[str, ...]:
        """The variables that headers are made of."""
        return tuple(value.name for value in self.headers.values() if isinstance(value, FromVariable))

    def look(self, world: World) -> Observation:
        """Send the samples. Raises ServerUnreachableError, ConnectionLostError, TookTooLongError, UsageError, RefusedError."""
        if self.paths:
            return self._look_at_each(world)
        request = self._request(world)
        answers: list[web.Answer] = []
        problem: Problem | None = None
        while problem is None and len(answers) < self.samples:
            try:
                answers.append(web.fetch(request, world.cancellation))
            except web.CertificateRefusedError as error:
                problem = (error.message, "certificate refused", "a certificate that is valid for this address")
                break
            problem = self._problem(answers[-1], world)
        secrets = secret_values(world.variables, self.secret_variables())
        return self._observation(request, answers, problem, secrets)

    def _look_at_each(self, world: World) -> Observation:
        """Every path like a check of its own, in the order given; the first bad one decides."""
        seen: list[JsonValue] = []
        for path in self.paths:
            one = self.model_copy(update={"path": path, "paths": ()}).look(world)
            name = redact(path, secret_values(world.variables, self.secret_variables())).partition("?")[0]
            seen.append({"path": name, "observed": one.observed, **one.evidence})
            if one.outcome is not Outcome.PASS:
                return replace(one, summary=f"{name}: {one.summary}", evidence={"addresses": seen})
        observed = f"{len(seen)} of {len(self.paths)} addresses answered well"
        return Observation.passed(observed, observed=observed, expected=one.expected, evidence={"addresses": seen})

    def _request(self, world: World) -> web.Request:
        url = self.url or world.functions_url.rstrip("/") + (self.path or "")
        if not self.url and not world.functions_url:
            message = (
                f"the environment {world.environment!r} has no `functions_url` for the path {redact(self.path or '')!r}"
            )
            raise UsageError(message, hint="add it to the environment, or give the item a whole `url`")
        if not self.url and _folded(world.functions_url) == _folded(world.target_functions_url):
            message = f"environment {world.environment!r} has the same functions_url as the target"
            raise RefusedError(message, hint="give it its own; what is shown there would prove nothing here")
        if self.secret_variables():
            refuse_clear_text(url)
        headers = {
            name: value.text(world.variables) if isinstance(value, FromVariable) else value
            for name, value in self.headers.items()
        }
        if isinstance(self.body, dict | list):
            headers = {"content-type": "application/json", **headers}
        ca_file = world.directory / self.ca_file if self.ca_file else None
        return web.Request(self.method, url, headers, self._content(), ca_file)

    def _content(self) -> bytes | None:
        if self.body is None or isinstance(self.body, str):
            return None if self.body is None else self.body.encode()
        return json.dumps(self.body).encode()

    def _problem(self, answer: web.Answer, world: World) -> Problem | None:
        return (
            self._wrong_status(answer)
            or self._too_slow(answer)
            or self._wrong_certificate(answer, world)
            or self._wrong_body(answer)
        )

    def _wrong_status(self, answer: web.Answer) -> Problem | None:
        if answer.status in self.status:
            return None
        redirect = f", a redirect to {redact_url(answer.headers['location'])}" if "location" in answer.headers else ""
        expected = " or ".join(str(status) for status in self.status)
        return f"status {answer.status}{redirect}", f"status {answer.status}", f"status {expected}"

    def _too_slow(self, answer: web.Answer) -> Problem | None:
        if self.max_latency is None or answer.seconds <= self.max_latency.total_seconds():
            return None
        took = f"{round(answer.seconds * 1000):,} ms"
        return f"the answer took {took}", took, f"at most {format_duration(self.max_latency)}"

    def _wrong_certificate(self, answer: web.Answer, world: World) -> Problem | None:
        if self.tls_expires_after is None:
            return None
        expected = f"a certificate valid for {format_duration(self.tls_expires_after)} more"
        if answer.certificate_expires_at is None:
            return "the connection is not encrypted", "no certificate", expected
        left = answer.certificate_expires_at - world.now
        if left >= self.tls_expires_after:
            return None
        ends = f"{answer.certificate_expires_at:%Y-%m-%d %H:%M}Z"
        return f"the certificate is valid until {ends} only", f"{left // timedelta(days=1)} days left", expected

    def _wrong_body(self, answer: web.Answer) -> Problem | None:
        if not (self.json_expectations or self.body_matches):
            return None
        _require_readable(answer)
        if self.body_matches and not finds(self.body_matches, answer.body.decode("utf-8", "replace")):
            return "expected text missing in the body", "not found", f"{shown(self.body_matches)} in the body"
        return self._wrong_json(answer.body) if self.json_expectations else None

    def _wrong_json(self, body: bytes) -> Problem | None:
        try:
            document = parse_json(body)
        except ValueError as error:
            return f"the body is {error}", str(error), "a JSON body"
        for expectation in self.json_expectations:
            problem = expectation.problem(document)
            if problem:
                return problem, problem, expectation.expected()
        return None

    def _observation(
        self, request: web.Request, answers: list[web.Answer], problem: Problem | None, secrets: frozenset[str]
    ) -> Observation:
        evidence = _evidence(request, answers, secrets, failed=problem is not None)
        if problem is not None:
            summary, observed, expected = (redact(text, secrets) for text in problem)
            hint = "see the server's log for this request, mend the cause, and run the item again"
            return Observation.failed(summary, observed=observed, expected=expected, hint=hint, evidence=evidence)
        worst = round(max(answer.seconds for answer in answers) * 1000)
        observed = f"status {answers[-1].status} in {worst:,} ms"
        if len(answers) > 1:
            observed += f" at worst of {len(answers)}"
        expected = f"status {' or '.join(str(status) for status in self.status)}"
        return Observation.passed(observed, observed=observed, expected=expected, evidence=evidence)


def _folded(url: str) -> str:
    return url.rstrip("/").casefold()


def _require_readable(answer: web.Answer) -> None:
    if not answer.complete:
        message = f"the body is longer than the {web.MAX_BODY_BYTES:,} bytes that are read"
        raise CouldNotLookError(message, hint="ask for an address with a shorter answer")
    if answer.headers.get("content-encoding", "identity").casefold() != "identity":
        message = "the body is compressed although that was not asked for"
        raise CouldNotLookError(message, hint="let the server respect Accept-Encoding")


def _evidence(
    request: web.Request, answers: list[web.Answer], secrets: frozenset[str], *, failed: bool
) -> dict[str, JsonValue]:
    evidence: dict[str, JsonValue] = {
        "request": redact(request.name, secrets),
        "samples": [{"status": answer.status, "duration_ms": round(answer.seconds * 1000)} for answer in answers],
    }
    if not answers:
        return evidence
    last = answers[-1]
    evidence |= {
        "body_bytes": len(last.body),
        "body_sha256": hashlib.sha256(last.body).hexdigest(),
        "content_type": redact(last.headers.get("content-type", ""), secrets)[:100],
    }
    if last.certificate_expires_at:
        evidence["certificate_expires_at"] = f"{last.certificate_expires_at:%Y-%m-%dT%H:%M:%SZ}"
    if failed:
        # Errors explain themselves in the body; a good answer may hold people's data, so it is kept as a digest only.
        evidence["body_excerpt"] = redact(last.body.decode("utf-8", "replace"), secrets)[:_EXCERPT]
    return evidence
