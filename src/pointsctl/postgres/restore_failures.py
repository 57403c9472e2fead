"""What pg_restore says when it ends early, as pointsctl's own errors: is it the backup, or the place that it was restored in?"""

from __future__ import annotations

import re

from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    PermissionMissingError,
    PointsctlError,
    RestoreFailedError,
    StorageError,
    ToolMissingError,
)
from pointsctl.model.escape import plain
from pointsctl.model.redaction import redact
from pointsctl.process import Finished

_SHOWN = 500
_ERROR = re.compile(r"^pg_restore: (?:error|fatal): (.*)$", re.MULTILINE)
_OBJECT = re.compile(r"^pg_restore: from TOC entry [0-9]+; [0-9]+ [0-9]+ (.*)$", re.MULTILINE)
_FOLLOWS = "a worker process died"  # what the leading process says after each error of another one
_SIGNALLED = "it was ended by signal {}, as by somebody who stopped it or by a system without memory"

# In English, since LC_ALL is C for it. Looked for in its error lines only: rows and statements could hold any text.
_PLACE: tuple[tuple[str, type[PointsctlError], str], ...] = (
    (
        r"No space left on device|Disk quota exceeded|could not extend file|out of shared memory|out of memory",
        StorageError,
        "make room where the copy is made (`backup.scratch`, or the scratch server), then run again",
    ),
    (
        (
            r"server closed the connection|terminating connection|connection to server|no connection to the server"
            r"|could not receive data|could not send data|shutting down|starting up|in recovery mode"
        ),
        ConnectionLostError,
        "run again when the server of the copy is up; see its log for what ended the connection",
    ),
    (
        (
            r"extension \"[^\"]*\" is not available|could not open extension control file|has no installation script"
            r"|could not access file \"\$libdir"
        ),
        ContextMissingError,
        (
            "install the extension where the copy is made, or name it in `backup.leave_out.extensions`, and supply what the rest "
            "needs of it in `backup.prelude`"
        ),
    ),
    (
        r"unrecognized configuration parameter|unsupported version \([0-9.]+\) in file header",
        ToolMissingError,
        "install the pg_restore of the major version of the server that the copy is made on",
    ),
    (
        r"permission denied|must be (?:superuser|owner|member|able to)|Must be superuser|only superuser",
        PermissionMissingError,
        "restore as a role that may do that on the scratch server, or set `backup.restore_into` to `ephemeral`",
    ),
)


def restore_failed(finished: Finished) -> PointsctlError:
    """The error for a pg_restore that did not end well.

    Its words are bounded and escaped; statements and rows, in which there may be anything, are left out.
    """
    if finished.exit_code < 0:
        message = f"pg_restore did not end by itself: {_SIGNALLED.format(-finished.exit_code)}"
        return ConnectionLostError(message, hint="see the machine's log, then run again")
    said = (
        finished.stderr.head if finished.stderr.complete else finished.stderr.head + b"\n" + finished.stderr.tail
    ).decode("utf-8", "replace")
    errors = [one for one in dict.fromkeys(_ERROR.findall(said)) if not one.startswith(_FOLLOWS)]
    words = plain(redact(" | ".join(_without_statement(one) for one in errors)), _SHOWN)
    at = "".join(f" (at {plain(one, 200)})" for one in _OBJECT.findall(said)[:1])
    message = f"pg_restore ended with {finished.exit_code}, expected 0: {words or 'it said nothing'}{at}"
    for pattern, error_class, hint in _PLACE:
        if any(re.search(pattern, one) for one in errors):
            return error_class(message, hint=hint)
    return RestoreFailedError(
        message,
        hint="the backup cannot be restored as it is: take another one, and see what its words name at the source",
    )


def _without_statement(line: str) -> str:
    return line.split("Command was:", maxsplit=1)[0].strip()
