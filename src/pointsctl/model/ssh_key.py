"""OpenSSH public keys as values: decoded strictly, so that one key has one text and one fingerprint (RFC 4253, 5656, 8709)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 16384  # OpenSSH reads none that is longer
_SIZE_BYTES = 4
_APPLICATION = "ssh:"


class KeyFormatError(ValueError):
    """A text is not a public key that may sign; the message says what was expected."""


@dataclass(frozen=True)
class PublicKey:
    """A public key: its type (`ssh-ed25519`), its bytes, and the fingerprint that ssh-keygen shows (`SHA256:...`)."""

    key_type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and the digest in base64 without padding."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode('ascii').rstrip('=')}"

    @property
    def text(self) -> str:
        """`TYPE BASE64`, as it stands in allowed_signers."""
        return f"{self.key_type} {base64.b64encode(self.blob).decode('ascii')}"


class Strings:
    """Reads the strings of SSH's wire format, each with its length before it. Raises KeyFormatError when one is cut off."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def string(self) -> bytes:
        """The next string."""
        size = int.from_bytes(self.take(_SIZE_BYTES), "big")
        return self.take(size)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise KeyFormatError("expected the whole of it; it is cut off")
        self._at += size
        return taken

    def at_end(self) -> bool:
        """Whether everything was read."""
        return self._at == len(self._data)

    def end(self) -> None:
        """Nothing may follow."""
        if not self.at_end():
            raise KeyFormatError("expected nothing after it; bytes follow")


def read_public_key(key_type: str, encoded: str) -> PublicKey:
    """The key of `TYPE BASE64`. Raises KeyFormatError when the two do not agree, or such a key may not sign."""
    if key_type not in _READERS:
        raise KeyFormatError(f"expected a key of type {', '.join(KEY_TYPES)}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise KeyFormatError("expected the key in base64") from None
    if base64.b64encode(blob).decode("ascii") != encoded:
        raise KeyFormatError("expected the key in base64, written in the one usual way")
    key = read_blob(blob)
    if key.key_type != key_type:
        raise KeyFormatError(f"expected a key of type {key_type}; the bytes hold one of another type")
    return key


def read_blob(blob: bytes) -> PublicKey:
    """The key of its bytes. Raises KeyFormatError as `read_public_key` does."""
    strings = Strings(blob)
    name = strings.string()
    key_type = name.decode("ascii") if name.isascii() else ""
    if key_type not in _READERS:
        raise KeyFormatError(f"expected a key of type {', '.join(KEY_TYPES)}")
    _READERS[key_type](key_type, strings)
    strings.end()
    return PublicKey(key_type, blob)


def _ed25519(_: str, strings: Strings) -> None:
    if len(strings.string()) != 32:
        raise KeyFormatError("expected an Ed25519 key of 32 bytes")


def _rsa(_: str, strings: Strings) -> None:
    exponent, modulus = _number(strings.string()), _number(strings.string())
    bits = modulus.bit_length()
    if not MIN_RSA_BITS <= bits <= _MAX_RSA_BITS:
        raise KeyFormatError(f"expected an RSA key of {MIN_RSA_BITS} to {_MAX_RSA_BITS} bits; it has {bits}")
    if not 3 <= exponent < modulus or exponent % 2 == 0 or modulus % 2 == 0:
        raise KeyFormatError("expected an RSA key; its numbers are none of one")


def _number(data: bytes) -> int:
    # RFC 4251: two's complement in the fewest bytes; another form would give one key two fingerprints.
    number = int.from_bytes(data, "big", signed=True)
    if number <= 0 or number.to_bytes(number.bit_length() // 8 + 1, "big") != data:
        raise KeyFormatError("expected positive numbers in their shortest form")
    return number


@dataclass(frozen=True)
class _Curve:
    """`y * y = x * x * x - 3 * x + b` modulo `p` (NIST SP 800-186)."""

    name: str
    p: int
    b: int

    def holds(self, point: bytes) -> bool:
        """Whether the point, uncompressed (SEC 1), lies on the curve."""
        size = (self.p.bit_length() + 7) // 8
        if len(point) != 1 + 2 * size or point[0] != 4:
            return False
        x, y = int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")
        return x < self.p and y < self.p and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0


_CURVES = {
    f"ecdsa-sha2-{curve.name}": curve
    for curve in (
        _Curve(
            "nistp256",
            2**256 - 2**224 + 2**192 + 2**96 - 1,
            0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        ),
        _Curve(
            "nistp384",
            2**384 - 2**128 - 2**96 + 2**32 - 1,
            0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        ),
        _Curve(
            "nistp521",
            2**521 - 1,
            0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        ),
    )
}


def _ecdsa(key_type: str, strings: Strings) -> None:
    curve = _CURVES[key_type]
    if strings.string() != curve.name.encode() or not curve.holds(strings.string()):
        raise KeyFormatError(f"expected a point on the curve {curve.name}")


def _security_key(inner: Callable[[str, Strings], None], inner_type: str) -> Callable[[str, Strings], None]:
    def read(_: str, strings: Strings) -> None:
        inner(inner_type, strings)
        application = strings.string()
        if not application.startswith(_APPLICATION.encode()) or not application.isascii():
            raise KeyFormatError(f"expected a security key made for {_APPLICATION!r}")

    return read


_READERS: Mapping[str, Callable[[str, Strings], None]] = MappingProxyType(
    {
        "ssh-ed25519": _ed25519,
        "sk-ssh-ed25519@openssh.com": _security_key(_ed25519, "ssh-ed25519"),
        **dict.fromkeys(_CURVES, _ecdsa),
        "sk-ecdsa-sha2-nistp256@openssh.com": _security_key(_ecdsa, "ecdsa-sha2-nistp256"),
        "ssh-rsa": _rsa,
    }
)

KEY_TYPES = tuple(_READERS)
"""The types of keys that may sign."""
