"""What every command that signs shares: the key, the terminal on which ssh-keygen may ask, fresh nonces."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pointsctl.model.ledger import Record
    from pointsctl.workflow.sign import SigningMeans

Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="POINTSCTL_KEY",
        metavar="FILE",
        help="The SSH key to sign with: a private key, or the .pub file of a key in an agent; default: the one in ~/.ssh that the policy knows.",
    ),
]


def signing_means(key: Path | None) -> SigningMeans:
    """The means to sign, with a key that was named or None for the usual one."""
    import secrets

    from pointsctl.workflow.sign import SigningMeans

    return SigningMeans(
        key=key.expanduser().absolute() if key is not None else None,
        home=_home(),
        variables=dict(os.environ),
        terminal=has_terminal(),
        new_nonce=lambda: secrets.token_hex(16),
    )


def has_terminal() -> bool:
    """Whether somebody can be asked for a passphrase: there is a terminal, and what is asked is shown on it."""
    if not sys.stderr.isatty():
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError:
        return False
    return True


def print_recorded(record: Record, document: Mapping[str, Any], *, as_json: bool) -> None:
    """Say where a signed record is: in a line, or in `document` with that added."""
    from pointsctl.cli.tables import print_json

    if not as_json:
        sys.stdout.write(f"recorded {record.seq}:{record.hash}\n")
        return
    print_json({**document, "recorded": {"seq": record.seq, "hash": record.hash}})


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no account of that number, as in many containers
        return Path("/")
