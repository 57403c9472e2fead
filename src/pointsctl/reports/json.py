"""The run as one JSON document, `pointsctl/run/v1`: the contract for scripts."""

from __future__ import annotations

import json

from pointsctl.model.escape import HASH_COMMAND
from pointsctl.model.run import Run
from pointsctl.model.run_document import run_document
from pointsctl.reports.interface import DEFAULTS, Options, Report


class Json(Report):
    """Every value exact; only ASCII is written, so nothing in it can act on a terminal."""

    name = "json"

    def render(self, run: Run, options: Options = DEFAULTS) -> str:  # noqa: ARG002  (one form for every reader)
        """The document, then a line end."""
        text = json.dumps(run_document(run), indent=2, allow_nan=False)
        # JSON leaves this alone, and a CI runner acts on it: the start of `##[command]`.
        return HASH_COMMAND.sub(r"\\u0023#", text) + "\n"
