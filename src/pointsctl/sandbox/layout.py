"""Where things are inside the sandbox's directory, and the lock that keeps two commands from changing it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.postgres.directories import make_passable
from pointsctl.postgres.file_lock import file_lock

LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Layout:
    """The sandbox's directory; `root` is absolute."""

    root: Path

    @property
    def cluster(self) -> Path:
        """The server's data, socket and log."""
        return self.root / "cluster"

    @property
    def store(self) -> Path:
        """The folder that stands for an object store."""
        return self.root / "store"

    def functions(self, environment: str) -> Path:
        """The folder that stands for the platform of an environment's edge functions."""
        return self.root / "functions" / environment

    @property
    def state_file(self) -> Path:
        """What has to survive between commands, secrets included."""
        return self.root / "state.json"

    @property
    def service_file(self) -> Path:
        """The running service's own note: its process and its port."""
        return self.root / "service.json"

    @property
    def service_lock(self) -> Path:
        """Held by the service as long as it lives."""
        return self.root / "service.lock"

    @property
    def service_log(self) -> Path:
        """What the service prints."""
        return self.root / "service.log"

    @property
    def lock_file(self) -> Path:
        """Held by the command that changes the sandbox."""
        return self.root / "lock"

    def make(self) -> None:
        """Make the directories. Raises StorageError when that cannot be."""
        try:
            make_passable(self.root)
            self.store.mkdir(mode=0o700, exist_ok=True)
            (self.root / "functions").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def exclusive(self, timeout: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Keep other commands out of the sandbox during the block; the lock falls with the process that holds it.

        Raises RefusedError when somebody else holds it for `timeout` seconds, StorageError without a writable directory.
        """
        with ExitStack() as stack:
            try:
                acquired = stack.enter_context(file_lock(self.lock_file, timeout=timeout))
            except OSError as error:
                raise self._unwritable(error) from error
            if not acquired:
                raise RefusedError(
                    f"another command has been changing the sandbox in {self.root} for {timeout:g} s",
                    hint="wait for it to end, or end it, then try again",
                )
            yield

    def _unwritable(self, error: OSError) -> StorageError:
        message = f"the sandbox's directory {self.root} cannot be written to: {error.strerror}"
        return StorageError(message, hint="name another directory in POINTSCTL_SANDBOX_DIR")
