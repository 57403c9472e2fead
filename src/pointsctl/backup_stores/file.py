"""A folder as a store: `file:///folder`; each file is linked into its place when it is complete, and never replaced."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import unquote, urlsplit

from pointsctl.backup_stores.interface import AlreadyStoredError, Moved, NoFileError, NotStoredError, Store, parts_of
from pointsctl.errors import StorageError, UsageError
from pointsctl.files import copy, new_private_file, see
from pointsctl.folders import linked_into_place, make_folder, remove, remove_unfinished, walk
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.posture import Posture


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

    def prepare(self) -> None:
        """Make the folder, and a file in it that is gone at once."""
        with self._described("cannot put anything into"):
            make_folder(self._root)
            with tempfile.TemporaryFile(dir=self._root):
                pass

    def put(self, name: str, data: bytes, *, retain_until: datetime | None = None) -> None:  # noqa: ARG002  (a folder cannot lock)
        """Write beside, flush to the disk, then link into place."""
        with self._placing(name) as file:
            file.write(data)

    def put_file(
        self,
        name: str,
        path: Path,
        sha256: str,
        cancellation: Cancellation,
        *,
        moved: Moved = lambda _bytes: None,
        retain_until: datetime | None = None,  # noqa: ARG002  (a folder cannot lock)
    ) -> None:
        """Copy beside, then link into place. What was cut off begins anew: to check what had arrived takes as long."""
        if self._holds(name, sha256, cancellation):
            moved(path.stat().st_size)
            return
        try:
            with self._placing(name) as file, path.open("rb") as source:
                _, found = copy(source, file, cancellation, moved=moved)
                if found != sha256:
                    message = f"{path.name!r} has the SHA-256 {found}, not {sha256}"
                    raise StorageError(message, hint="the file was changed after it was made: make it again")
        except AlreadyStoredError:
            # Another process may have put the very same bytes in the meantime.
            if not self._holds(name, sha256, cancellation):
                raise

    def get(self, name: str, limit: int) -> bytes:
        """The bytes of a regular file; links and pipes are not followed."""
        with self._opened(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise self._too_large(name, limit)
        return data

    def get_file(
        self, name: str, path: Path, size: int, cancellation: Cancellation, *, moved: Moved = lambda _bytes: None
    ) -> str:
        """Copy a regular file; links and pipes are not followed."""
        with self._opened(name) as source, new_private_file(path) as file:
            found, sha256 = copy(source, file, cancellation, moved=moved, limit=size)
            if found > size:
                raise self._too_large(name, size)
        return sha256

    def names(self, prefix: str) -> Sequence[str]:
        """Walks the folder; links are listed (reading one fails) and not followed."""
        return list(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Walks the folder; a link has its own size, not that of what it leads to."""
        start = self._target(prefix)
        with self._described("cannot look into"):
            self._look()
            found = [path for path in walk(start) if not path.name.startswith(".")]
            return {path.relative_to(self._root).as_posix(): path.lstat().st_size for path in sorted(found)}

    def delete(self, names: Sequence[str]) -> None:
        """Unlink each, then the folders that are empty."""
        for target in [self._target(name) for name in names]:
            with self._described("cannot delete from"):
                self._look()
                self._refuse_outside(target.parent)
                remove(target, self._root)

    def protected_until(self, name: str) -> datetime | None:
        """A folder refuses nothing to its owner."""
        with self._opened(name):
            return None

    def abandon(self, prefix: str, begun_before: datetime) -> None:  # noqa: ARG002  (a writer's lock tells)
        """Remove the unfinished files that nobody is writing."""
        start = self._target(prefix)
        with self._described("cannot clean up"):
            self._look()
            remove_unfinished(start)

    def posture(self, prefix: str) -> Posture:  # noqa: ARG002  (all of the folder is kept alike)
        """A folder keeps no versions and locks nothing; whether its disk is encrypted, it cannot tell."""
        with self._described("cannot look into"):
            self._look()
            mode = self._root.stat().st_mode
        notes = ["whether the disk is encrypted is not known"]
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            notes.append("other accounts of this machine may look into the folder; its files are private")
        known = Posture(
            "file", self.address, away=False, versioning=False, lock=False, lock_mode="", notes=tuple(notes)
        )
        return replace(known, public=False, aborts_uploads=False)

    def _target(self, name: str) -> Path:
        return self._root.joinpath(*parts_of(name))

    def _look(self) -> None:
        if not self._root.is_dir():
            raise StorageError(
                f"there is no folder {self.address}",
                hint="is the disk mounted, and `backup.store` of the checklist right? The first backup makes the folder",
            )

    def _refuse_outside(self, folder: Path) -> None:
        """Somebody may have put a link into the store that leads elsewhere."""
        if not folder.resolve().is_relative_to(self._root.resolve()):
            raise StorageError(f"a link in {self.address} leads out of it", hint="remove the link")

    @contextmanager
    def _placing(self, name: str) -> Iterator[BinaryIO]:
        target = self._target(name)
        with self._described(f"cannot put {name!r} into"):
            self._refuse_outside(target.parent)
            try:
                with linked_into_place(target) as file:
                    yield file
            except FileExistsError:
                raise self._taken(name) from None

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        target = self._target(name)
        with self._described(f"cannot get {name!r} from"):
            self._look()
            self._refuse_outside(target.parent)
            try:
                descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                hint = "was it removed? see what is there: `pointsctl backup list`"
                raise NotStoredError(f"there is no {name!r} in {self.address}", hint=hint) from None
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                raise self._no_file(name) from None
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise self._no_file(name)
                yield file

    def _holds(self, name: str, sha256: str, cancellation: Cancellation) -> bool:
        """Whether these very bytes are under the name. Raises AlreadyStoredError when others are."""
        target = self._target(name)
        if not os.path.lexists(target):
            return False
        with self._opened(name):
            found = see(target, cancellation, keep=False)
        if isinstance(found, str) or found.sha256 != sha256:
            raise self._taken(name)
        return True

    def _taken(self, name: str) -> AlreadyStoredError:
        message = f"there is {name!r} in {self.address} already"
        return AlreadyStoredError(message, hint="what is in the store is never overwritten")

    def _no_file(self, name: str) -> NoFileError:
        return NoFileError(f"{name!r} in {self.address} is no file", hint="look at what it is")

    def _too_large(self, name: str, limit: int) -> StorageError:
        message = f"{name!r} in {self.address} has more than {limit:,} bytes"
        return StorageError(message, hint="it is not what pointsctl put there")

    @contextmanager
    def _described(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            hint = "see that the folder exists, who may use it, and that the disk has room"
            raise StorageError(f"{what} {self.address}: {reason}", hint=hint) from None
