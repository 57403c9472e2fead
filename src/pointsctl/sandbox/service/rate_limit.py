"""Bounds how often one user may ask, with a token bucket for each."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SWEEP_ABOVE = 10_000


@dataclass(frozen=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """`burst` requests at once and `per_minute` in the long run, for each key; times are seconds of one monotonic clock."""

    def __init__(self, *, per_minute: int, burst: int) -> None:
        self._rate = per_minute / 60
        self._burst = float(burst)
        self._buckets: dict[str, _Bucket] = {}

    def seconds_to_wait(self, key: str, now: float) -> int:
        """Take one request from the key's bucket and return 0, or return after how many whole seconds to ask again."""
        tokens = self._tokens(self._buckets.get(key), now)
        if tokens < 1:
            return max(1, math.ceil((1 - tokens) / self._rate))
        if len(self._buckets) > _SWEEP_ABOVE:
            self._forget_full(now)
        self._buckets[key] = _Bucket(tokens - 1, now)
        return 0

    def _tokens(self, bucket: _Bucket | None, now: float) -> float:
        return self._burst if bucket is None else min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)

    def _forget_full(self, now: float) -> None:
        """A full bucket says as much as none, so memory is bounded by who asked lately."""
        self._buckets = {key: each for key, each in self._buckets.items() if self._tokens(each, now) < self._burst}
