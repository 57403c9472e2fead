"""Real git repositories for tests, made without the caller's own configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PATIENCE_S = 60


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in the folder; what it says."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.test")
    argv = ["git", *identity, *arguments]
    done = subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        input=stdin,
        check=True,
        capture_output=True,
        timeout=_PATIENCE_S,
    )
    return done.stdout.decode().strip()


def repository(folder: Path) -> Path:
    """An empty repository."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder: Path, author: str, message: str = "a change", committer: str = "") -> str:
    """Commit everything in the folder; the commit's name."""
    git(folder, "add", "-A")
    by = ("-c", "user.name=somebody", "-c", f"user.email={committer or author}")
    git(folder, *by, "commit", "-q", "--allow-empty", "--author", f"Somebody <{author}>", "-m", message)
    return git(folder, "rev-parse", "HEAD")
