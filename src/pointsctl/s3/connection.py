"""A connection to the bucket of a store: bounded retries and time limits, and errors that people can read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pointsctl.errors import CouldNotLookError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import stop_if_over
from pointsctl.s3.address import Address
from pointsctl.s3.failures import code_of, failure

if TYPE_CHECKING:
    from botocore.config import _S3Dict

REQUESTS = 6
"""How many parts of objects are on their way at once, whoever sends them."""
_T = TypeVar("_T")
# The SHA-256 of a body is in a header of its own, which is signed; signing the body too would only read it once more.
_STYLES: dict[str, _S3Dict] = {
    "": {"payload_signing_enabled": False},
    "path": {"payload_signing_enabled": False, "addressing_style": "path"},
    "virtual": {"payload_signing_enabled": False, "addressing_style": "virtual"},
}


@dataclass(frozen=True)
class Patience:
    """How long to wait: for a connection and for an answer (seconds), and how often to try in all."""

    connect: float = 10
    read: float = 60
    attempts: int = 5


class Connection:
    """The bucket of an address. Nothing is asked, and no credential looked for, before the first use. Safe for threads."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self.slots = threading.BoundedSemaphore(REQUESTS)
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """boto3's own client."""
        with self._lock:
            if self._client is None:
                self._client = self._made()
            return self._client

    def anonymous(self) -> Any:
        """A client without credentials: what it may do, everybody may."""
        return self._made(signature_version=UNSIGNED)

    def call(self, operation: str, what: str, **arguments: Any) -> Any:
        """One request to the bucket. Raises what `failure` gives, with `what` in its message."""
        with self.described(what):
            return getattr(self.client, operation)(Bucket=self.address.bucket, **arguments)

    def call_unless(self, codes: set[str], operation: str, what: str, **arguments: Any) -> Any | None:
        """The same; None when the service says no with one of `codes`."""
        with self.described(what):
            try:
                return getattr(self.client, operation)(Bucket=self.address.bucket, **arguments)
            except ClientError as error:
                if code_of(error) in codes:
                    return None
                raise

    def pages(self, operation: str, what: str, **arguments: Any) -> Iterator[Any]:
        """Every page of a listing."""
        with self.described(what):
            yield from self.client.get_paginator(operation).paginate(Bucket=self.address.bucket, **arguments)

    @contextmanager
    def described(self, what: str, cancellation: Cancellation | None = None) -> Iterator[None]:
        """Errors of boto3 and of files become pointsctl's; when the time was up, that is the reason."""
        try:
            yield
        except (BotoCoreError, ClientError, OSError) as error:
            if cancellation:
                stop_if_over(cancellation, f"{what} {self.address.url}")
            raise failure(error, what, self.address.url) from None
        except CouldNotLookError:
            if cancellation:
                stop_if_over(cancellation, f"{what} {self.address.url}")
            raise

    def _made(self, **settings: Any) -> Any:
        config = Config(
            connect_timeout=self.patience.connect,
            read_timeout=self.patience.read,
            retries={"mode": "standard", "total_max_attempts": self.patience.attempts},
            max_pool_connections=2 * REQUESTS,
            # We compute SHA-256 ourselves, of what we send and of what we read.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3=_STYLES[self.address.style],
            **settings,
        )
        with self.described("cannot use"):
            return boto3.session.Session().client(
                "s3",
                endpoint_url=self.address.endpoint or None,
                region_name=self.address.region or None,
                config=config,
            )


def once(ask: Callable[[], _T]) -> Callable[[], _T]:
    """`ask`, whose answer is remembered; an error is not."""
    lock, answers = threading.Lock(), list[_T]()

    def remembered() -> _T:
        with lock:
            if not answers:
                answers.append(ask())
            return answers[0]

    return remembered
