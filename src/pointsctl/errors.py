"""The one family of errors: each class has an exit code, a stable code, and each error a hint."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process says to scripts; the contract is docs/exit-codes.md."""

    DONE = 0
    BAD = 1
    USAGE = 2
    WAITING = 3
    COULD_NOT_LOOK = 4
    REFUSED = 5
    INTERRUPTED = 130


class PointsctlError(Exception):
    """Root of every error that pointsctl raises on purpose.

    `message` is lower case and names both values (what was found, what was expected); `hint` is the next action.
    Neither may hold a secret.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.COULD_NOT_LOOK
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PointsctlError):
    """The command was called in a way that cannot be carried out."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ChecklistError(UsageError):
    """The checklist cannot be used as it is; `problems` holds one line for each place to mend."""

    code = "checklist"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class CouldNotLookError(PointsctlError):
    """The world could not be looked at, so nothing is known about it."""

    code = "could-not-look"


class ServerUnreachableError(CouldNotLookError):
    """No answer from a server: wrong address, not running, or the network is in the way."""

    code = "server-unreachable"


class AuthenticationFailedError(CouldNotLookError):
    """The server answered and does not accept the role or its password."""

    code = "authentication-failed"


class TlsRequiredError(CouldNotLookError):
    """The server accepts encrypted connections only, or the encryption could not be agreed on."""

    code = "tls-required"


class DatabaseMissingError(CouldNotLookError):
    """The server answered and has no database of that name."""

    code = "database-missing"


class PermissionMissingError(CouldNotLookError):
    """The role may not read (or become) what the question needs."""

    code = "permission-missing"


class ContextMissingError(CouldNotLookError):
    """A schema, role or table that the question is about does not exist, or rows are hidden from the asking role."""

    code = "context-missing"


class TookTooLongError(CouldNotLookError):
    """A statement, lock, request or whole item went over its time limit."""

    code = "took-too-long"


class ConnectionLostError(CouldNotLookError):
    """The server went away in the middle; what was read before no longer belongs to one snapshot."""

    code = "connection-lost"


class QueryFailedError(CouldNotLookError):
    """The server refused a statement for a reason that has no class of its own."""

    code = "query-failed"


class ToolMissingError(CouldNotLookError):
    """A program or optional package that the question needs is not on this machine."""

    code = "tool-missing"


class StorageError(CouldNotLookError):
    """A file or folder cannot be read or written."""

    code = "storage"


class BackupDamagedError(PointsctlError):
    """What is in the store is not what was put there; `problems` names every object that is not, and how."""

    exit_code = ExitCode.BAD
    code = "backup-damaged"

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class RestoreFailedError(PointsctlError):
    """A backup whose bytes are whole cannot be restored; the place to restore it in is not to blame."""

    exit_code = ExitCode.BAD
    code = "restore-failed"


class RefusedError(PointsctlError):
    """Refused for safety; nothing was changed."""

    exit_code = ExitCode.REFUSED
    code = "refused"


class WaitingError(PointsctlError):
    """It waits for a person, or for time; everything that was done stays done."""

    exit_code = ExitCode.WAITING
    code = "waiting"


class InterruptedByOperatorError(PointsctlError):
    """The operator asked to stop; everything ended at a safe point."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"
