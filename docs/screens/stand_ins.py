"""Fixed values in the place of digests, fingerprints, ids of runs and backups, and times: the same one for the same value through the whole story."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

# 64 digits of a whole digest, 12 as people name a plan; in names of files 16 of an anchor's, 12 of a plan's.
_DIGEST = re.compile(
    r"(?<![\w-])(?:[0-9a-f]{64}|[0-9a-f]{12})(?![\w-])"
    r"|(?<=/\d{12}-)[0-9a-f]{16}(?=\.)|(?:(?<=plan-)|(?<=policy-))[0-9a-f]{12}(?=\.)"
)
_FINGERPRINT = re.compile(r"(?<=SHA256:)[A-Za-z0-9+/]{43}")
_RUN = re.compile(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b")
_BACKUP = re.compile(r"\b20\d{6}T\d{6}Z-[0-9a-z]{6}\b")
_TIME = re.compile(r"\b(20\d\d-\d\d-\d\d)(T| |\n +)(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z| UTC)")
_SHORTEST = 12
# The story is over before the next step: times that differ by less are one and the same.
_STEP = timedelta(minutes=10)
_BEGIN = datetime(2030, 1, 31, 8, tzinfo=UTC)


class StandIns:
    """What stands for what. `start` is when the story began; every time in it is a number of whole steps later."""

    def __init__(self, start: datetime) -> None:
        # Some times are shown without their seconds.
        self._start = start.astimezone(UTC).replace(second=0, microsecond=0)
        self._numbers: dict[tuple[str, str], int] = {}

    def put(self, text: str) -> str:
        """The text with fixed values in it, each as long as what it stands for."""
        text = _DIGEST.sub(lambda found: self._digest(found[0]), text)
        text = _FINGERPRINT.sub(lambda found: self._fingerprint(found[0]), text)
        text = _RUN.sub(lambda found: f"01JX{self._number('run', found[0]):022d}", text)
        text = _BACKUP.sub(lambda found: f"{_BEGIN:%Y%m%dT%H%M%SZ}-{self._number('backup', found[0]):06d}", text)
        return _TIME.sub(self._time, text)

    def _number(self, sort: str, value: str) -> int:
        return self._numbers.setdefault((sort, value), len(self._numbers) + 1)

    def _digest(self, value: str) -> str:
        # A digest and its beginning are one.
        return _hash(f"digest {self._number('digest', value[:_SHORTEST])}").hex()[: len(value)]

    def _fingerprint(self, value: str) -> str:
        return base64.b64encode(_hash(f"key {self._number('key', value)}")).decode().rstrip("=")

    def _time(self, found: re.Match[str]) -> str:
        day, between, minute, second, fraction, zone = found.groups(default="")
        moment = datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{fraction}+00:00")
        if abs(moment - self._start) > timedelta(days=60):
            return found[0]
        shown = _BEGIN + (moment - self._start) // _STEP * _STEP
        rest = f"{shown:%H:%M}" + (":00" if second else "") + ("." + "0" * (len(fraction) - 1) if fraction else "")
        return f"{shown:%Y-%m-%d}{between}{rest}{zone}"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
