"""What a report is: a format in which a run can be written; it returns text and writes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pointsctl.model.run import Run


@dataclass(frozen=True)
class Options:
    """How a report is shown, for the formats that people read.

    `width` is the number of columns (take a wide one for a pipe: lists are cut at it); `sample` is the number of
    offending rows shown of each group; `verbose` shows all rows, and every waiting item.
    """

    width: int = 80
    colour: bool = False
    verbose: bool = False
    sample: int = 5

    def shown(self, number: int) -> int:
        """How many of `number` rows to show."""
        return number if self.verbose else min(number, max(0, self.sample))


DEFAULTS = Options()


class Report(ABC):
    """Base of every format. `name` is the word after `--format`."""

    name: ClassVar[str]

    @abstractmethod
    def render(self, run: Run, options: Options = DEFAULTS) -> str:
        """The whole run as text, ending in a line end."""

    def summary(self, run: Run, options: Options = DEFAULTS) -> str | None:  # noqa: ARG002  (for those that override it)
        """Markdown for the summary page of a CI job, where the format has one; at most 1 MiB."""
        return None
