"""A folder as a store: `file:///folder`; each file is linked into its place when it is complete, and never replaced."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from pointsctl.backup_stores.interface import AlreadyStoredError, Store, parts_of
from pointsctl.errors import StorageError, UsageError


class File(Store):
    """Files of mode 0600 in folders of mode 0700. Names that begin with a dot are unfinished, and are not there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def open(cls, url: str) -> Self:
        """The folder of `file:///folder`."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        absolute = parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/")
        if not absolute or parts.query or parts.fragment or "\0" in path:
            raise UsageError("not the address of a folder", hint="write file:///folder with an absolute path")
        return cls(Path(path))

    @property
    def address(self) -> str:
        """The folder's URL."""
        return self._root.as_uri()

    def put(self, name: str, data: bytes) -> None:
        """Write beside, flush to the disk, then link into place: a link never replaces what is there."""
        target = self._root.joinpath(*parts_of(name))
        with _described(f"cannot put {name!r} into {self.address}"):
            self._refuse_outside(target.parent)
            changed = {target.parent, *_made(target.parent)}
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".unfinished-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(temporary, target)
            except FileExistsError:
                message = f"there is {name!r} in {self.address} already"
                raise AlreadyStoredError(message, hint="what is in the store is never overwritten") from None
            finally:
                Path(temporary).unlink(missing_ok=True)
            # A new name survives a power cut only when the folder that holds it has been flushed.
            for folder in changed:
                _flush(folder)

    def get(self, name: str, limit: int) -> bytes:
        """The bytes of a regular file; links and pipes are not followed."""
        target = self._root.joinpath(*parts_of(name))
        with _described(f"cannot get {name!r} from {self.address}"):
            self._refuse_outside(target.parent)
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StorageError(f"{name!r} in {self.address} is no file", hint="look at what it is")
                data = file.read(limit + 1)
        if len(data) > limit:
            message = f"{name!r} in {self.address} has more than {limit:,} bytes"
            raise StorageError(message, hint="it is not what pointsctl put there")
        return data

    def names(self, prefix: str) -> Sequence[str]:
        """Walks the folder; links are listed (reading one fails) and not followed."""
        start = self._root.joinpath(*parts_of(prefix))
        found = []
        with _described(f"cannot look into {self.address}"):
            if not self._root.is_dir():
                raise StorageError(
                    f"there is no folder {self.address}",
                    hint="is the disk mounted, and `backup.store` of the checklist right?",
                )
            for folder, folders, files in os.walk(start, onerror=_fail_unless_missing):
                folders[:] = [one for one in folders if not one.startswith(".")]
                links = [one for one in folders if Path(folder, one).is_symlink()]
                found += [Path(folder, one) for one in (*files, *links) if not one.startswith(".")]
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def _refuse_outside(self, folder: Path) -> None:
        """Somebody may have put a link into the store that leads elsewhere."""
        if not folder.resolve().is_relative_to(self._root.resolve()):
            raise StorageError(f"a link in {self.address} leads out of it", hint="remove the link")


def _made(folder: Path) -> list[Path]:
    """Make the folder and those above it that are missing; the folders that hold the new ones."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return [one.parent for one in missing]


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fail_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _described(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StorageError(f"{what}: {reason}", hint="see that the folder exists and who may use it") from None
