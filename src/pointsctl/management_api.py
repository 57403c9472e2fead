"""Speaks to the Management API of Supabase: one request, its answer as JSON, every refusal as an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from pointsctl import web
from pointsctl.errors import (
    ContextMissingError,
    CouldNotLookError,
    PermissionMissingError,
    PointsctlError,
    StorageError,
    UsageError,
)
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.escape import plain
from pointsctl.model.http_request import refuse_clear_text
from pointsctl.model.strict_json import JsonError, parse

ADDRESS = "https://api.supabase.com"
TOKEN = "SUPABASE_ACCESS_TOKEN"  # noqa: S105  (the name of the variable)
PROJECT = re.compile(r"[a-z]{20}")
"""A project ref."""

_TOKEN = re.compile(r"sbp_(?:oauth_)?[0-9a-f]{40}")
_LONGEST_WAIT = 6


@dataclass(frozen=True)
class ManagementApi:
    """The API at `address`, spoken to with `token`."""

    address: str
    token: str = field(repr=False)

    def ask(
        self,
        method: str,
        path: str,
        cancellation: Cancellation,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        unless: frozenset[int] = frozenset(),
    ) -> Any:
        """The JSON that answers a request for `path` (`/v1/projects/...`); None for an answer with a status of `unless`.

        Raises PermissionMissingError (401, 403), ContextMissingError (404), CouldNotLookError (any other refusal, and an
        answer that is no JSON), and what `web.fetch` raises. No error repeats the token or the answer's body.
        """
        refuse_clear_text(self.address)
        url = f"{self.address}{path}{f'?{urlencode(query)}' if query else ''}"
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        content = None
        if body is not None:
            headers["content-type"], content = "application/json", json.dumps(body).encode()
        answer = web.fetch(web.Request(method, url, headers, content), cancellation)
        name = f"{method} {path}"
        if answer.status in unless:
            return None
        if not 200 <= answer.status < 300:
            raise _refusal(name, answer)
        return _document(name, answer)


def token_of(variables: Mapping[str, str]) -> str:
    """The access token in the process environment. Raises UsageError, without showing it, when it is none."""
    token = variables.get(TOKEN, "")
    if not token:
        hint = "make one at https://supabase.com/dashboard/account/tokens, and set the variable in the shell or CI job"
        raise UsageError(f"the variable {TOKEN} is not set; expected an access token of Supabase", hint=hint)
    if not _TOKEN.fullmatch(token):
        message = f"the variable {TOKEN} holds no access token; expected sbp_ and 40 hexadecimal digits"
        raise UsageError(message, hint="set it again; a project's anon or service key is no access token")
    return token


def address_in(profile: Path | None) -> str:
    """The API's address: Supabase's own, or `api_url` of a profile file. Raises UsageError, StorageError."""
    if profile is None:
        return ADDRESS
    try:
        written = yaml.safe_load(profile.read_text("utf-8"))
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        message = f"the profile {str(profile)!r} cannot be read: {reason}"
        raise StorageError(message, hint="correct `functions.profile`") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        written = None
    address = written.get("api_url") if isinstance(written, dict) else None
    if not isinstance(address, str) or not re.match(r"https?://", address):
        message = f"the profile {str(profile)!r} names no address of the API"
        raise UsageError(message, hint="expected a file with `api_url: https://...`")
    return address.rstrip("/")


def _refusal(name: str, answer: web.Answer) -> PointsctlError:
    status = answer.status
    if status in {401, 403}:
        return PermissionMissingError(
            f"{name}: status {status}: the token in {TOKEN} may not do that",
            hint="see whether it has expired, and whether its account may see the project",
        )
    if status == 404:
        return ContextMissingError(f"{name}: status 404: there is no such thing", hint="see the name of the project")
    if status == 429:
        wait = plain(answer.headers.get("retry-after", ""), 40)
        told = f" in {wait} seconds" if wait.isdecimal() and len(wait) <= _LONGEST_WAIT else " in a minute"
        return CouldNotLookError(f"{name}: status 429: too many requests", hint=f"run again{told}")
    hint = "see https://status.supabase.com, then run again" if status >= 500 else "see the project's settings"
    return CouldNotLookError(f"{name}: status {status}, expected 200", hint=hint)


def _document(name: str, answer: web.Answer) -> Any:
    if not answer.complete:
        message = f"{name}: the answer is longer than the {web.MAX_BODY_BYTES:,} bytes that are read"
        raise CouldNotLookError(message, hint="ask for less at once")
    try:
        return parse(answer.body)
    except JsonError:
        raise CouldNotLookError(f"{name}: the answer is no JSON", hint="see whether the address is the API's") from None
