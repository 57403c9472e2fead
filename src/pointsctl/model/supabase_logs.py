"""The logs of edge functions as Supabase's analytics keep them: the questions, and what their answers say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pointsctl.errors import CouldNotLookError
from pointsctl.model.deployed_function import ERROR, LogLine

MOST_LINES = 1_000
"""So many lines one answer holds at the most, as the questions below say."""

# The analytics have a dialect of SQL of their own; what is asked is fixed, nothing is put into it.
_WRITTEN = """select function_logs.timestamp, event_message as message, metadata.function_id, metadata.level
from function_logs cross join unnest(metadata) as metadata
order by timestamp asc limit 1000"""
_FAILED = """select function_edge_logs.timestamp, event_message as message, metadata.function_id, 'error' as level
from function_edge_logs cross join unnest(metadata) as metadata cross join unnest(metadata.response) as response
where response.status_code >= 500
order by timestamp asc limit 1000"""
QUERIES = (_WRITTEN, _FAILED)
"""What the functions wrote themselves, and which calls of them failed."""

_LEVELS = {"log": "info", "info": "info", "debug": "debug", "warn": "warning", "warning": "warning", "error": ERROR}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_lines(answer: Any, names: Mapping[str, str]) -> tuple[LogLine, ...]:
    """The lines of an answer; `names` gives the function of an id. An unknown level counts as an error.

    Raises CouldNotLookError for an answer that is none.
    """
    rows = answer.get("result") if isinstance(answer, dict) and not answer.get("error") else None
    if not isinstance(rows, list):
        raise CouldNotLookError("the platform's logs cannot be read as they came", hint="see them on the platform")
    try:
        return tuple(_line(row, names) for row in rows)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        message = "a line of the platform's logs is not as expected"
        raise CouldNotLookError(message, hint="see them on the platform") from None


def _line(row: Mapping[str, Any], names: Mapping[str, str]) -> LogLine:
    identifier = str(row["function_id"])
    level = _LEVELS.get(str(row["level"]).lower(), ERROR)
    at = _EPOCH + timedelta(microseconds=int(row["timestamp"]))
    return LogLine(at, names.get(identifier, identifier), level, str(row["message"]))
