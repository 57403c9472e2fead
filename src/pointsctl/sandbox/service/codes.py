"""Coupon codes: made at random, shown once, kept only as a keyed digest."""

from __future__ import annotations

import hashlib
import hmac
import secrets

# Without I, L, O and U: nothing that is mistaken for a digit, and no words by accident.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_code() -> str:
    """Return a code of 16 characters (80 random bits) in four groups."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def code_hash(secret: str, code: str) -> str:
    """HMAC-SHA256 of the code under COUPON_SECRET, in lower-case hex: without the secret nobody can try codes offline."""
    return hmac.new(secret.encode(), code.encode(), hashlib.sha256).hexdigest()
