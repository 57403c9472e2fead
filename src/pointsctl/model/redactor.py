"""The last gate before anything is shown or stored: takes a run's secrets out of whole observations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from pointsctl.model.finding import Observation
from pointsctl.model.redaction import redact


@dataclass(frozen=True)
class Redactor:
    """Masks these values, in every form in which they may be written, wherever they stand."""

    secrets: Collection[str] = ()

    def text(self, text: str) -> str:
        """`text` without secrets."""
        return redact(text, self.secrets)

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(child) for key, child in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(child) for child in value]
        return value

    def observation(self, observation: Observation) -> Observation:
        """The same observation without secrets in any part of it."""
        return replace(
            observation,
            summary=self.text(observation.summary),
            observed=self.text(observation.observed),
            expected=self.text(observation.expected),
            hint=self.text(observation.hint),
            evidence=self.value(dict(observation.evidence)),
        )
