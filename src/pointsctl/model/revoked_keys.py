"""`revoked_keys`, read strictly: a list of public keys, or an OpenSSH key revocation list (OpenSSH PROTOCOL.krl)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pointsctl.model.allowed_signers import key_lines, read_key
from pointsctl.model.policy import PolicyError
from pointsctl.model.ssh_key import KeyFormatError, PublicKey, Strings

FILE_NAME = "revoked_keys"
_HINT = (
    "one public key a line, or a list made by `ssh-keygen -k`; when no key is revoked, there is no such file: delete it"
)
_MAGIC = b"SSHKRL\n\x00"
_FORMAT = 1
_EXPLICIT_KEYS, _SHA1, _SHA256 = 2, 3, 5
_DIGEST_BYTES = {_SHA1: 20, _SHA256: 32}


@dataclass(frozen=True)
class RevokedKeys:
    """The keys that are revoked, by the SHA-256 and SHA-1 digests of their bytes."""

    sha256: frozenset[bytes] = frozenset()
    sha1: frozenset[bytes] = frozenset()

    def holds(self, key: PublicKey) -> bool:
        """Whether the key is revoked."""
        # SHA-1 is what an older list may hold; a forged second key under it would only revoke one more.
        sha1 = hashlib.sha1(key.blob, usedforsecurity=False).digest()
        return hashlib.sha256(key.blob).digest() in self.sha256 or sha1 in self.sha1


def is_revocation_list(data: bytes) -> bool:
    """Whether the bytes are a key revocation list, told as ssh-keygen tells it: by the first of them."""
    return data.startswith(_MAGIC)


def read_revoked_keys(data: bytes, name: str = FILE_NAME) -> RevokedKeys:
    """The keys in the bytes of the file, called `name` in messages; none for no bytes, which stand for no file.

    Raises PolicyError for a list that is broken, that revokes nothing (ssh-keygen takes it without a word), or that revokes
    what this program does not know, such as certificates.
    """
    if not data:
        return RevokedKeys()
    try:
        revoked = _revocation_list(data) if is_revocation_list(data) else _key_list(data, name)
    except KeyFormatError as error:
        raise PolicyError(f"{name}: the key revocation list cannot be read: {error}", hint=_HINT) from None
    if revoked == RevokedKeys():
        raise PolicyError(f"{name}: the file revokes no key; expected at least one", hint=_HINT)
    return revoked


def _key_list(data: bytes, name: str) -> RevokedKeys:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyError(f"{name}: the file is neither text nor a key revocation list", hint=_HINT) from None
    keys = (read_key(fields, name, number) for number, fields in key_lines(text, name))
    return RevokedKeys(frozenset(hashlib.sha256(key.blob).digest() for key in keys))


def _revocation_list(data: bytes) -> RevokedKeys:
    strings = Strings(data)
    strings.take(len(_MAGIC))
    if int.from_bytes(strings.take(4), "big") != _FORMAT:
        raise KeyFormatError(f"expected format {_FORMAT}")
    strings.take(8 + 8 + 8)  # its number, when it was made, flags
    strings.string()  # reserved
    strings.string()  # a comment
    sha256: set[bytes] = set()
    sha1: set[bytes] = set()
    while not strings.at_end():
        kind, section = strings.take(1)[0], strings.string()
        if kind == _EXPLICIT_KEYS:
            sha256.update(hashlib.sha256(blob).digest() for blob in _all(section))
        elif kind in _DIGEST_BYTES:
            (sha1 if kind == _SHA1 else sha256).update(_digests(section, _DIGEST_BYTES[kind]))
        else:
            raise KeyFormatError("expected keys and digests of keys only")
    return RevokedKeys(frozenset(sha256), frozenset(sha1))


def _digests(section: bytes, size: int) -> Iterator[bytes]:
    for digest in _all(section):
        if len(digest) != size:
            raise KeyFormatError(f"expected digests of {size} bytes")
        yield digest


def _all(section: bytes) -> Iterator[bytes]:
    strings = Strings(section)
    while not strings.at_end():
        yield strings.string()
