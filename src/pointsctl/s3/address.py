"""What `s3://bucket/prefix?endpoint=...` means: where objects go and how the store is asked to keep them; never a credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pointsctl.errors import UsageError
from pointsctl.model.escape import plain

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_ENDPOINT = re.compile(r"https?://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_LONGEST_PREFIX = 200
_CHOICES = {
    "sse": ("AES256", "aws:kms", "aws:kms:dsse"),
    "lock": ("compliance", "governance"),
    "style": ("path", "virtual"),
}
_PATTERNS = {
    "endpoint": _ENDPOINT,
    "region": re.compile(r"[A-Za-z0-9-]{1,64}"),
    "kms_key": re.compile(r"[A-Za-z0-9:/_-]{1,300}"),
}


@dataclass(frozen=True)
class Address:
    """A bucket and a folder in it. Empty settings leave the choice to boto3 (region, endpoint) or to the bucket (the others).

    `sse` and `kms_key`: the server's encryption. `lock`: the Object Lock mode for what is kept until a date, when the bucket
    has no default of its own. `style`: whether the bucket is in the path or in the host's name.
    """

    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    sse: str = ""
    kms_key: str = ""
    lock: str = ""
    style: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises UsageError for what is no such address, has settings that do not exist, or holds a credential."""
        try:
            parts = urlsplit(url)
            settings = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            raise _no_address("not the address of a bucket") from None
        if "@" in parts.netloc:
            raise UsageError(
                "the address of the store holds a user or a password",
                hint="take it out; credentials come from AWS_PROFILE, AWS_ACCESS_KEY_ID and the like",
            )
        prefix = parts.path.strip("/")
        if parts.scheme == "s3" and not _BUCKET.fullmatch(parts.netloc):
            raise _no_address("not the name of a bucket, which has 3 to 63 lower-case letters, digits, `.` and `-`")
        if (
            parts.scheme != "s3"
            or parts.fragment
            or len(prefix) > _LONGEST_PREFIX
            or (prefix and not _PREFIX.fullmatch(prefix))
        ):
            raise _no_address("not the address of a bucket and a folder in it")
        _check(settings)
        return cls(parts.netloc, prefix, **settings)

    def key(self, name: str) -> str:
        """The object's key for a name in the store."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def name(self, key: str) -> str:
        """The name in the store for an object's key."""
        return key.removeprefix(f"{self.prefix}/") if self.prefix else key

    @property
    def url(self) -> str:
        """The store as people know it: where it is, not how it is used."""
        where = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return (
            f"{where}?{urlencode({'endpoint': self.endpoint}, quote_via=quote, safe=':/')}" if self.endpoint else where
        )

    @property
    def encryption(self) -> dict[str, str]:
        """The server's encryption, as a request asks for it."""
        asked = {"ServerSideEncryption": self.sse, "SSEKMSKeyId": self.kms_key}
        return {name: value for name, value in asked.items() if value}


def _check(settings: Mapping[str, str]) -> None:
    known = (*_PATTERNS, *_CHOICES)
    for name, value in settings.items():
        if name not in known:
            message = f"the address of the store has the setting {plain(name, 40)!r}"
            raise _no_address(f"{message}; known are {', '.join(sorted(known))}")
        choices, pattern = _CHOICES.get(name), _PATTERNS.get(name)
        if choices and value not in choices:
            raise _no_address(f"`{name}` of the store is {plain(value, 40)!r}; possible are {', '.join(choices)}")
        # The value is not repeated: an endpoint may hold a password.
        if pattern and not pattern.fullmatch(value):
            raise _no_address(f"`{name}` of the store is not of the form that it needs")
    if settings.get("kms_key") and not settings.get("sse", "").startswith("aws:kms"):
        raise _no_address("`kms_key` of the store is without `sse=aws:kms`")


def _no_address(message: str) -> UsageError:
    return UsageError(
        message, hint="write s3://bucket/folder, or s3://bucket/folder?endpoint=https://host:port&region=..."
    )
