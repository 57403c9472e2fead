"""What git knows about files: the commit, whether the working tree differs from it, who wrote them; runs nothing of a repository's."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointsctl.errors import CouldNotLookError, StorageError, ToolMissingError
from pointsctl.files import exists
from pointsctl.model.problems import shown
from pointsctl.process import run
from pointsctl.workflow.cancellation import TimeLimit

_SECONDS = 60.0
_HASHES = {40: "sha1", 64: "sha256"}
_CHUNK_BYTES = 1024 * 1024
_CO_AUTHOR = re.compile(r"^\s*co-authored-by:[^\n<]*<([^<>\n]*)>", re.IGNORECASE | re.MULTILINE)
_BARE_CO_AUTHOR = re.compile(r"^\s*co-authored-by:\s*([^\s<>]+@[^\s<>]+)\s*$", re.IGNORECASE | re.MULTILINE)

# A repository's own configuration names programs; none of what could start one is left on. Whatever git would fetch to
# complete a partial clone could start one too, so no protocol is allowed.
_OFF = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.untrackedCache=false",
    "log.showSignature=false",
    "i18n.logOutputEncoding=UTF-8",
    "protocol.allow=never",
)
_VARIABLES = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # History is what was committed, not what a replacement says.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
}


@dataclass(frozen=True)
class GitHistory:
    """What is known about some files.

    `commit` is None outside a repository. `authors` are the addresses of everybody who wrote the files, by when they are
    first met; `unknown` are the files of which nobody knows who wrote them, `differing` those of them that are not as in the
    commit. `remark` says why little is known, empty when all is.
    """

    commit: str | None = None
    dirty: bool = False
    authors: tuple[str, ...] = ()
    unknown: tuple[Path, ...] = ()
    differing: tuple[Path, ...] = ()
    remark: str = ""


def read_git(directory: Path, files: Sequence[Path], variables: Mapping[str, str]) -> GitHistory:
    """What the repository around `directory` knows about the files; `variables` is the process environment, for PATH.

    A working tree is dirty when anything in it differs from the commit, files that git does not know included. Raises
    CouldNotLookError when git fails in the middle, StorageError when a file cannot be read.
    """
    git = _Git(Path(os.path.realpath(directory)), variables)
    try:
        top, commit = git.lines("rev-parse", "--show-toplevel", "HEAD")
        shallow = git.lines("rev-parse", "--is-shallow-repository") != ["false"]
    except ToolMissingError as error:
        return GitHistory(unknown=tuple(files), remark=error.message)
    except (CouldNotLookError, ValueError):
        remark = (
            "git has no commit here, or may not use the repository"
            if _has_repository(git.directory)
            else "not in a git repository"
        )
        return GitHistory(unknown=tuple(files), remark=remark)
    return _Reading(_Git(Path(top), variables), commit, shallow=shallow).of(files)


def _has_repository(directory: Path) -> bool:
    return any(exists(folder / ".git") for folder in (directory, *directory.parents))


@dataclass(frozen=True)
class _Git:
    directory: Path
    variables: Mapping[str, str]
    limit: TimeLimit = field(default_factory=lambda: TimeLimit(_SECONDS, time.monotonic))

    def ask(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> bytes:
        """What git says. Raises CouldNotLookError when it fails or says more than can be kept, ToolMissingError without it."""
        off = [part for one in _OFF for part in ("-c", one)]
        argv = ["git", "--no-pager", "--literal-pathspecs", "--no-optional-locks", *off, *arguments]
        environment = {**_VARIABLES, "PATH": self.variables.get("PATH", os.defpath)}
        finished = run(argv, directory=self.directory, environment=environment, cancellation=self.limit)
        if finished.exit_code not in fine or not finished.stdout.complete:
            said = finished.stderr.head.decode("utf-8", "replace").strip().partition("\n")[0]
            message = f"git {arguments[0]} failed: {shown(said, 200)[1:-1] or 'it said too much'}"
            raise CouldNotLookError(message, hint="see that `git status` and `git log` work in the checklist's folder")
        return finished.stdout.head

    def lines(self, *arguments: str) -> list[str]:
        """What git says, by lines."""
        return os.fsdecode(self.ask(*arguments)).splitlines()

    def parts(self, *arguments: str) -> list[str]:
        """What git says, in parts that each end with NUL."""
        return self.ask(*arguments).decode("utf-8", "backslashreplace").split("\0")[:-1]


class _Reading:
    """One look at a repository."""

    def __init__(self, git: _Git, commit: str, *, shallow: bool) -> None:
        self._git = git
        self._commit = commit
        self._shallow = shallow

    def of(self, files: Sequence[Path]) -> GitHistory:
        authors: dict[str, None] = {}
        unknown, differing = [], []
        for file in files:
            path = self._inside(file)
            if path is None or not self._is_committed(file, path):
                differing.append(file)
            if path is None or file in differing or self._shallow:
                unknown.append(file)
            if path is not None:
                authors.update(dict.fromkeys(self._authors(path)))
        dirty, remark = self._dirty()
        if self._shallow:
            remark = "the clone is shallow, so that nobody knows who wrote what; run `git fetch --unshallow`"
        return GitHistory(
            commit=self._commit,
            dirty=dirty or bool(differing),
            authors=tuple(authors),
            unknown=tuple(unknown),
            differing=tuple(differing),
            remark=remark,
        )

    def _inside(self, file: Path) -> str | None:
        """The file's path in the repository, None for one that is elsewhere."""
        place = Path(os.path.realpath(file.parent)) / file.name
        try:
            return str(place.relative_to(self._git.directory))
        except ValueError:
            return None

    def _is_committed(self, file: Path, path: str) -> bool:
        """Whether the commit holds exactly these bytes; compared here, since git would run the repository's filters."""
        entries = self._git.parts("ls-tree", "-z", self._commit, "--", path)
        if len(entries) != 1:
            return False
        kind, _, digest = entries[0].partition("\t")[0].partition(" ")[2].partition(" ")
        return kind == "blob" and digest == _blob(file, _HASHES[len(self._commit)])

    def _authors(self, path: str) -> Iterator[str]:
        """Authors, committers and co-authors of every commit that touched the file, under its earlier names too."""
        log = ("log", "--follow", "--full-history", "--no-show-signature", "--no-textconv", "--no-ext-diff", "-z")
        parts = self._git.parts(*log, "--format=tformat:%ae%x00%ce%x00%B%x00", self._commit, "--", path)
        if len(parts) % 4:
            raise CouldNotLookError(
                f"git log of {shown(path)} cannot be read", hint="see that it works with `git log --follow`"
            )
        for author, committer, message in zip(parts[::4], parts[1::4], parts[2::4], strict=True):
            yield from filter(None, (author.strip(), committer.strip()))
            yield from filter(None, (one.strip() for one in _CO_AUTHOR.findall(message)))
            yield from _BARE_CO_AUTHOR.findall(message)

    def _dirty(self) -> tuple[bool, str]:
        """Whether the tree differs from the commit, and why that is not known for sure."""
        if self._git.ask("config", "--get-regexp", "--name-only", r"^filter\.", fine=(0, 1)):
            return (
                True,
                "the repository names filter programs, which are not run: nobody knows whether its tree is clean",
            )
        status = ("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=all")
        return bool(self._git.ask(*status, "--no-renames")), ""


def _blob(file: Path, algorithm: str) -> str:
    """The name under which git would keep the file's bytes. Raises StorageError for a file that cannot be read."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            made = hashlib.new(algorithm, f"blob {size}\0".encode(), usedforsecurity=False)
            while chunk := stream.read(_CHUNK_BYTES):
                made.update(chunk)
    except OSError as error:
        message = f"the file {shown(file.name)} cannot be read: {(error.strerror or 'refused').lower()}"
        raise StorageError(message, hint="it was there when the command began; run again") from None
    return made.hexdigest()
