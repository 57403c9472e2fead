"""The parts of an HTTP request that a checklist may write: an address without secrets, headers whose secrets come from variables."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, ConfigDict, StringConstraints

from pointsctl.errors import RefusedError, UsageError
from pointsctl.model.redaction import redact

_SECRET_HEADERS = frozenset(
    {"authorization", "apikey", "api-key", "x-api-key", "cookie", "proxy-authorization", "x-auth-token"}
)
# They say how the request is framed and sent, which is not the checklist's to decide.
_FRAMING_HEADERS = frozenset(
    {"content-length", "transfer-encoding", "connection", "accept-encoding", "host", "upgrade", "te"}
)

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=120)]


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, 0
    if not host or port == 0 or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise ValueError("expected an address such as https://host/path")
    if "@" in parts.netloc:
        raise ValueError("expected an address without user and password; give them as a header from a variable")
    return url


WebAddress = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_web_address)]
WebPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=2_000)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)]
HeaderText = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=4_000)]


class FromVariable(pydantic.BaseModel):
    """A header's value made from a variable when the request is sent: exactly one of `bearer`, `basic` and `variable`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bearer: VariableName | None = pydantic.Field(None, description="variable with a token; sends `Bearer TOKEN`")
    basic: VariableName | None = pydantic.Field(
        None, description="variable with `user:password`; sends HTTP's basic form"
    )
    variable: VariableName | None = pydantic.Field(None, description="variable whose value is sent as it is")

    @pydantic.model_validator(mode="after")
    def _exactly_one(self) -> FromVariable:
        if sum(value is not None for value in (self.bearer, self.basic, self.variable)) != 1:
            raise ValueError("expected exactly one of `bearer`, `basic` and `variable`")
        return self

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.bearer or self.basic or self.variable or ""

    def text(self, variables: Mapping[str, str]) -> str:
        """The header's value. Raises UsageError, without the value, when it is unset or cannot stand in a header."""
        value = variables.get(self.name, "")
        if not value:
            raise UsageError(
                f"the variable {self.name!r} for a header is not set", hint="set it and run the item again"
            )
        if not (value.isascii() and value.isprintable()):
            message = f"the variable {self.name!r} holds a line break or another character that no header can hold"
            raise UsageError(message, hint="set it again without them")
        if self.basic:
            return f"Basic {base64.b64encode(value.encode('ascii')).decode('ascii')}"
        return f"Bearer {value}" if self.bearer else value


def check_header(name: str, value: str | FromVariable) -> None:
    """Refuse framing headers and secrets in plain text. Raises ValueError, without the value."""
    if name.casefold() in _FRAMING_HEADERS:
        raise ValueError(f"expected no header {name!r}, which is set when the request is sent")
    if isinstance(value, str) and (name.casefold() in _SECRET_HEADERS or redact(value) != value):
        raise ValueError(
            f"expected the secret of the header {name!r} as {{bearer: VARIABLE}} or {{variable: VARIABLE}}"
        )


def refuse_clear_text(url: str) -> None:
    """Refuse to send a secret to `url` where others on the way could read it. Raises RefusedError."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_this_machine(parts.hostname or ""):
        message = f"a secret would be sent to {parts.hostname!r} without encryption"
        raise RefusedError(message, hint="use an https address")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
