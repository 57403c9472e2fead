"""Debian's PostgreSQL 15 and pgbouncer for tests: as installed, or unpacked below the virtual environment without root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pointsctl.postgres.binaries import Account, Binaries
from pointsctl.postgres.file_lock import file_lock
from pointsctl.postgres.launch import library_path

MAJOR = 15
PACKAGES = (f"postgresql-{MAJOR}", f"postgresql-client-{MAJOR}", "pgbouncer")
_INSTALLED = Path(f"/usr/lib/postgresql/{MAJOR}")
_PATIENCE_S = 600.0
_TO_INSTALL = re.compile(r"^Inst (\S+)", re.MULTILINE)
# The just-in-time compiler would bring a hundred megabytes of LLVM along, and no test asks for it.
_UNWANTED = re.compile(r"libllvm|libz3")


class UnavailableError(Exception):
    """These programs can be had on this machine neither as installed nor from its package archive."""


@cache
def postgres_15() -> Binaries:
    """PostgreSQL 15, with amcheck and the client programs."""
    if (_INSTALLED / "bin/postgres").is_file() and (_INSTALLED / "bin/pg_dump").is_file():
        return Binaries(_INSTALLED)
    root = unpacked()
    return Binaries(root / _INSTALLED.relative_to("/"), libraries=_library_folders(root))


@cache
def pgbouncer() -> tuple[Path, tuple[Path, ...]]:
    """The program pgbouncer, and the folders of libraries that it needs beyond the system's."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found:
        return Path(found), ()
    root = unpacked()
    return root / "usr/sbin/pgbouncer", _library_folders(root)


def unpacked(folder: Path | None = None) -> Path:
    """The folder with all PACKAGES unpacked, and with what they need and the system lacks; made once.

    Raises UnavailableError with what apt says: tests that need these programs must fail without them, never be skipped.
    """
    base = folder or _cache()
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    whole = base / "root"
    with file_lock(base / "lock", timeout=_PATIENCE_S) as acquired:
        if not acquired:
            raise UnavailableError(f"another process has been unpacking Debian's packages in {base} for too long")
        if not whole.is_dir():
            partial = base / "root.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(mode=0o755)
            _unpack(base, partial)
            _check_libraries(partial)
            partial.rename(whole)
    return whole


def _cache() -> Path:
    below_the_environment = Path(sys.prefix) / "debian"
    account = Account.of_this_process()
    parent = next(path for path in below_the_environment.parents if path.is_dir())
    if account.barrier_before(parent) is None:
        return below_the_environment
    return Path(f"/var/tmp/pointsctl-tests-{os.geteuid()}/debian")


def _unpack(base: Path, root: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise UnavailableError(
                f"no {tool} here: install PostgreSQL {MAJOR} below {_INSTALLED}, and pgbouncer on PATH"
            )
    downloads = base / "archives"
    downloads.mkdir(mode=0o755, exist_ok=True)
    try:
        _download(downloads, ())
    except UnavailableError:
        # A fresh machine or a container without package lists: lists of our own, which need no root.
        lists = _own_lists(base)
        _run(["apt-get", *lists, "update"], base)
        _download(downloads, lists)
    for archive in sorted(downloads.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(root)], base)
    for library in root.glob("usr/lib/postgresql/*/lib/llvmjit.so"):
        library.unlink()


def _download(downloads: Path, options: Sequence[str]) -> None:
    simulated = _run(["apt-get", *options, "install", "--simulate", "--no-install-recommends", *PACKAGES], downloads)
    missing = [name for name in _TO_INSTALL.findall(simulated) if not _UNWANTED.match(name)]
    _run(["apt-get", *options, "download", *sorted({*PACKAGES, *missing})], downloads)


def _own_lists(base: Path) -> list[str]:
    lists, archives = base / "lists", base / "cache"
    for folder in (lists / "partial", archives / "archives/partial"):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={archives}", "-o", "Debug::NoLocking=true"]


def _check_libraries(root: Path) -> None:
    search = library_path(_library_folders(root))
    for program in (f"usr/lib/postgresql/{MAJOR}/bin/postgres", "usr/sbin/pgbouncer"):
        told = _run(["ldd", str(root / program)], root, search)
        missing = [line.split()[0] for line in told.splitlines() if "not found" in line]
        if missing:
            raise UnavailableError(f"{program} does not find its libraries: {', '.join(missing)}")


def _library_folders(root: Path) -> tuple[Path, ...]:
    return tuple(sorted({path.parent for path in (root / "usr/lib").glob("*-linux-*/lib*.so*")}))


def _run(arguments: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> str:
    passed = {
        name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name == "APT_CONFIG"
    }
    environment = {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", **passed, **(variables or {})}
    ended = subprocess.run(
        list(arguments),
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if ended.returncode != 0:
        words = " | ".join(ended.stderr.strip().splitlines()[-3:])
        raise UnavailableError(
            f"PostgreSQL {MAJOR} and pgbouncer cannot be had from Debian's archive here: "
            f"{' '.join(arguments[:4])} said: {words}"
        )
    return ended.stdout
