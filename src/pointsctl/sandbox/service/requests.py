"""The bodies that the three functions accept; anything else is answered with the fields to mend."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic
from pydantic import ConfigDict, Field, StringConstraints

Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{8,128}$")]
EventType = Literal["habit_completed", "streak_kept", "daily_login", "friend_invited"]

# The server decides what an event is worth: a client that named its own amount could name any.
POINTS: dict[EventType, int] = {"habit_completed": 10, "streak_kept": 25, "daily_login": 5, "friend_invited": 100}


class Body(pydantic.BaseModel):
    """Base of the bodies: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SubmitEvent(Body):
    """submit-points-event: something that the user did."""

    event_type: EventType
    nonce: Nonce
    occurred_at: pydantic.AwareDatetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=20)

    def payload_hash(self, user_id: str) -> str:
        """Digest of what is claimed, without the nonce: the same claim under another nonce is still the same claim."""
        when = self.occurred_at.astimezone(UTC).isoformat() if self.occurred_at else None
        claim = {"user": user_id, "event_type": self.event_type, "occurred_at": when, "metadata": self.metadata}
        return _digest(claim)


class ValidateEvents(Body):
    """validate-points-event: decide the oldest waiting events, or one, for which a reviewer may have decided."""

    event_id: UUID | None = None
    limit: int = Field(100, ge=1, le=500)
    decision: Literal["validated", "rejected"] | None = None

    @pydantic.model_validator(mode="after")
    def _decision_is_about_one(self) -> ValidateEvents:
        if self.decision is not None and self.event_id is None:
            raise ValueError("a decision needs the event_id that it is about")
        return self


class RedeemCoupon(Body):
    """redeem-coupon: points for a coupon."""

    template_id: UUID
    nonce: Nonce

    def payload_hash(self, user_id: str) -> str:
        """Digest of the purchase; buying the same coupon twice is fine, so the nonce is part of it."""
        return _digest({"user": user_id, "template": str(self.template_id), "nonce": self.nonce})


def _digest(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
