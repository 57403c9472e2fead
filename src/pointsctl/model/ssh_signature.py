"""What an armored SSH signature says about itself (OpenSSH PROTOCOL.sshsig): for explaining and refusing, never for believing."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from pointsctl.model.ssh_key import KeyFormatError, PublicKey, Strings, read_blob

LONGEST_CHARACTERS = 16_384
"""Characters of an armored signature; the longest key gives less than half of it."""

_ARMOR = re.compile(
    "-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/=]{1,100}\n)+)-----END SSH SIGNATURE-----\n?", re.ASCII
)
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = (b"sha256", b"sha512")


class SignatureFormatError(ValueError):
    """A text is no SSH signature that counts here; the message says why in a few words."""


@dataclass(frozen=True)
class SignatureText:
    """What a signature claims: the key that made it, the namespace that it was made for."""

    key: PublicKey
    namespace: str


def read_signature(armored: str) -> SignatureText:
    """Take an armored signature apart. Raises SignatureFormatError: no signature, or one with a weak hash or key."""
    match = _ARMOR.fullmatch(armored) if len(armored) <= LONGEST_CHARACTERS else None
    if match is None:
        raise SignatureFormatError("not an SSH signature")
    try:
        strings = Strings(base64.b64decode(match[1].replace("\n", ""), validate=True))
        if strings.take(len(_MAGIC)) != _MAGIC or int.from_bytes(strings.take(4), "big") != _VERSION:
            raise SignatureFormatError("not an SSH signature of a version that is known")
        blob, namespace, reserved, digest = (strings.string() for _ in range(4))
        strings.string()
        strings.end()
        key = read_blob(blob)
    except (KeyFormatError, binascii.Error):
        raise SignatureFormatError("not an SSH signature by a key that may sign") from None
    if digest not in _HASHES:
        raise SignatureFormatError("not an SSH signature over SHA-256 or SHA-512")
    if reserved:
        raise SignatureFormatError("an SSH signature with parts that are not known")
    return SignatureText(key, namespace.decode("utf-8", "backslashreplace"))
