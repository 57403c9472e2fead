"""Makes and reads the JSON Web Tokens of the sandbox, in the shape of Supabase's."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

ALGORITHM = "HS256"
USER_ROLE = "authenticated"
SERVICE_ROLE = "service_role"
ANON_ROLE = "anon"


@dataclass(frozen=True)
class Caller:
    """Who a valid token speaks for; `user_id` is set for users only."""

    role: str
    user_id: str | None


class InvalidTokenError(Exception):
    """A token that proves nothing; the text says why, without quoting it."""


def issue(secret: str, role: str, *, now: datetime, lifetime: timedelta, user_id: str | None = None) -> str:
    """Sign a token for `role`; a user's needs `user_id` (a UUID). `now` is when it becomes valid."""
    claims: dict[str, Any] = {"iss": "pointsctl-sandbox", "role": role, "iat": now, "exp": now + lifetime}
    if user_id is not None:
        claims |= {"sub": user_id, "aud": USER_ROLE}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read(secret: str, token: str) -> Caller:
    """Check signature and expiry and return the caller. Raises InvalidTokenError."""
    options: Any = {"require": ["exp", "role"], "verify_aud": False}
    try:
        claims = jwt.decode(token, secret, algorithms=[ALGORITHM], options=options)
    except jwt.PyJWTError as error:
        raise InvalidTokenError(f"{type(error).__name__.removesuffix('Error').lower()} token") from error
    role = claims["role"]
    if role in (SERVICE_ROLE, ANON_ROLE):
        return Caller(role, None)
    if role != USER_ROLE or claims.get("aud") != USER_ROLE:
        raise InvalidTokenError("token for another audience")
    try:
        return Caller(role, str(uuid.UUID(str(claims.get("sub")))))
    except ValueError as error:
        raise InvalidTokenError("token without a user") from error
