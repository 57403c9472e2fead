"""What git knows about files, from real repositories; and that no repository can run code through the question."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointsctl.workflow.git import GitHistory, read_git
from tests.support.repositories import commit, git, repository

ADA, GRACE, LINUS = "ada@example.test", "grace@example.test", "linus@example.test"
VARIABLES = {"PATH": os.environ["PATH"]}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


def write(folder: Path, text: str = "select 1;\n", name: str = "1_x.sql") -> Path:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


def read(folder: Path, *files: Path) -> GitHistory:
    return read_git(folder, files, VARIABLES)


def test_commit_authors_committers_and_co_authors(repo: Path) -> None:
    file = write(repo)
    message = f"x\n\nCo-authored-by: Linus <{LINUS}>\nco-AUTHORED-by: <late@example.test>"
    name = commit(repo, ADA, message, committer=GRACE)
    found = read(repo, file)
    assert (found.commit, found.dirty, found.unknown, found.remark) == (name, False, (), "")
    assert set(found.authors) == {ADA, GRACE, LINUS, "late@example.test"}


def test_everybody_who_ever_touched_the_file_also_under_its_earlier_name(repo: Path) -> None:
    text = "".join(f"select {number};\n" for number in range(30))
    file = write(repo, text, "1_old.sql")
    commit(repo, ADA)
    moved = file.rename(repo / "2_new.sql")
    commit(repo, GRACE)
    moved.write_text(f"{text}select 99;\n", encoding="utf-8")
    commit(repo, LINUS)
    assert set(read(repo, moved).authors) == {ADA, GRACE, LINUS}


def test_authors_of_other_files_are_not_counted(repo: Path) -> None:
    file = write(repo)
    commit(repo, ADA)
    write(repo, "other", "other.txt")
    commit(repo, GRACE)
    assert read(repo, file).authors == (ADA,)


def test_work_on_a_merged_branch_counts(repo: Path) -> None:
    file = write(repo)
    commit(repo, ADA)
    git(repo, "checkout", "-q", "-b", "side")
    write(repo, "select 2;\n")
    commit(repo, GRACE)
    git(repo, "checkout", "-q", "main")
    write(repo, "something else", "other.txt")
    commit(repo, ADA)
    git(repo, "merge", "-q", "--no-ff", "-m", "merged", "side")
    assert {ADA, GRACE} <= set(read(repo, file).authors)


def test_whoever_wrote_the_same_on_another_branch_counts(repo: Path) -> None:
    write(repo, "x", "other.txt")
    commit(repo, ADA)
    git(repo, "checkout", "-q", "-b", "side")
    write(repo)
    commit(repo, GRACE)
    git(repo, "checkout", "-q", "main")
    file = write(repo)
    commit(repo, LINUS)
    git(repo, "merge", "-q", "--no-ff", "-m", "merged", "side")
    assert {GRACE, LINUS} <= set(read(repo, file).authors)


def test_a_file_that_is_not_committed_or_was_changed_is_by_nobody_knows_whom(repo: Path) -> None:
    file, new = write(repo), repo / "2_new.sql"
    commit(repo, ADA)
    write(repo, name="2_new.sql")
    found = read(repo, file, new)
    assert (found.dirty, found.unknown, found.differing) == (True, (new,), (new,))
    file.write_text("select 2;\n", encoding="utf-8")
    assert read(repo, file, new).unknown == (file, new)


def test_staged_is_not_committed(repo: Path) -> None:
    file = write(repo)
    commit(repo, ADA)
    file.write_text("select 2;\n", encoding="utf-8")
    git(repo, "add", "-A")
    assert read(repo, file).unknown == (file,)


def test_any_other_difference_makes_the_tree_dirty(repo: Path) -> None:
    file = write(repo)
    commit(repo, ADA)
    write(repo, "x", "notes.txt")
    found = read(repo, file)
    assert (found.dirty, found.unknown, found.authors) == (True, (), (ADA,))


def test_a_change_that_git_was_told_to_overlook_is_seen(repo: Path) -> None:
    file = write(repo)
    commit(repo, ADA)
    git(repo, "update-index", "--assume-unchanged", "1_x.sql")
    file.write_text("select 2;\n", encoding="utf-8")
    found = read(repo, file)
    assert (found.dirty, found.unknown) == (True, (file,))


def test_a_replaced_commit_hides_no_author(repo: Path) -> None:
    file = write(repo)
    first = commit(repo, GRACE)
    tree = git(repo, "rev-parse", "HEAD^{tree}")
    forged = git(repo, "-c", f"user.email={ADA}", "commit-tree", tree, "-m", "innocent")
    git(repo, "replace", first, forged)
    assert read(repo, file).authors == (GRACE,)


def test_a_shallow_clone_knows_nobody(repo: Path, tmp_path: Path) -> None:
    write(repo)
    commit(repo, ADA)
    write(repo, "x", "other.txt")
    commit(repo, GRACE)
    git(tmp_path, "clone", "-q", "--depth", "1", repo.as_uri(), "shallow")
    clone = tmp_path / "shallow"
    found = read(clone, clone / "1_x.sql")
    assert found.unknown == (clone / "1_x.sql",)
    assert "shallow" in found.remark


def test_outside_of_a_repository_and_without_git(tmp_path: Path) -> None:
    file = write(tmp_path)
    for found in (read(tmp_path, file), read_git(tmp_path, [file], {"PATH": str(tmp_path)})):
        assert (found.commit, found.authors, found.unknown) == (None, (), (file,))
        assert found.remark


def test_a_repository_without_a_commit(repo: Path) -> None:
    found = read(repo, write(repo))
    assert found.commit is None
    assert "no commit" in found.remark


def test_a_file_elsewhere_is_by_nobody_knows_whom(repo: Path, tmp_path: Path) -> None:
    write(repo)
    commit(repo, ADA)
    assert read(repo, write(tmp_path / "elsewhere")).unknown == (tmp_path / "elsewhere" / "1_x.sql",)


def test_names_that_git_would_read_as_patterns_or_options(repo: Path) -> None:
    names = ["*.sql", ":(glob)x.sql", "--help.sql", "é ü.sql"]
    write(repo, "by grace", "a.sql")
    commit(repo, GRACE)
    files = [write(repo, f"select '{name}';", name) for name in names]
    commit(repo, ADA)
    found = read(repo, *files)
    assert (found.unknown, found.authors) == ((), (ADA,))


HOSTILE = {
    "core.fsmonitor": "{touch}",
    "core.pager": "{touch}",
    "pager.log": "{touch}",
    "pager.status": "{touch}",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{touch}",
    "core.editor": "{touch}",
    "gpg.program": "{touch}",
    "log.showSignature": "true",
    "diff.external": "{touch}",
    "diff.evil.textconv": "{touch}",
    "diff.evil.command": "{touch}",
    "filter.evil.clean": "{touch}",
    "filter.evil.smudge": "{touch}",
    "filter.evil.process": "{touch}",
    "alias.log": "!{touch}",
    "alias.status": "!{touch}",
    "alias.rev-parse": "!{touch}",
    "core.alternateRefsCommand": "{touch}",
    "remote.origin.url": "ext::{touch}",
    "remote.origin.promisor": "true",
    "remote.origin.uploadpack": "{touch}",
    "extensions.partialClone": "origin",
    "trailer.co-authored-by.command": "{touch}",
    "credential.helper": "!{touch}",
    "submodule.recurse": "true",
    "status.submoduleSummary": "true",
}


def configure(folder: Path, hooks: Path, touch: Path) -> None:
    """Everything in a repository's configuration that names a program, and attributes that ask for it."""
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n", encoding="utf-8")
    for key, value in HOSTILE.items():
        git(folder, "config", key, value.format(touch=touch, hooks=hooks))


@pytest.fixture
def evil(repo: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A repository that runs a program whenever it can, and the file that the program would make."""
    write(repo)
    inner = repository(repo / "module")
    write(inner)
    commit(inner, GRACE)
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "./module")
    signed = git(repo, "write-tree")
    commit(repo, ADA)
    forged = f"tree {signed}\nauthor A <{ADA}> 1 +0000\ncommitter A <{ADA}> 1 +0000\ngpgsig x\n\nm\n"
    git(
        repo,
        "update-ref",
        "refs/heads/signed",
        git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode()),
    )
    mark, hooks, touch = tmp_path / "was-run", tmp_path / "hooks", tmp_path / "touch.sh"
    touch.write_text(f"#!/bin/sh\necho \"$0\" >> '{mark}'\ncat\n", encoding="utf-8")
    touch.chmod(0o755)
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        (hooks / name).write_text(touch.read_text(encoding="utf-8"), encoding="utf-8")
        (hooks / name).chmod(0o755)
    configure(repo, hooks, touch)
    configure(Path(git(inner, "rev-parse", "--show-toplevel")), hooks, touch)
    mark.unlink(missing_ok=True)
    return repo, mark


def test_a_repository_runs_nothing(evil: tuple[Path, Path]) -> None:
    repo, mark = evil
    os.utime(repo / "1_x.sql", (1, 1))  # so that its content must be looked at again
    found = read(repo, repo / "1_x.sql")
    assert not mark.exists(), mark.read_text()
    assert (found.authors, found.dirty) == ((ADA,), True)


def test_a_repository_without_filters_runs_nothing_either(evil: tuple[Path, Path]) -> None:
    """Then the working tree is looked at, and git would look into its submodules, with their configuration."""
    repo, mark = evil
    for key in HOSTILE:
        if key.startswith("filter."):
            git(repo, "-c", "core.fsmonitor=false", "config", "--unset", key)
    git(repo, "-c", "core.fsmonitor=false", "config", "submodule.module.ignore", "none")
    write(repo / "module", "select 2;\n")
    os.utime(repo / "1_x.sql", (1, 1))
    mark.unlink(missing_ok=True)
    found = read(repo, repo / "1_x.sql")
    assert not mark.exists(), mark.read_text()
    assert (found.authors, found.unknown) == ((ADA,), ())


@pytest.mark.parametrize("key", ["core.fsmonitor", "filter.evil.clean"])
def test_the_trap_is_one(evil: tuple[Path, Path], key: str) -> None:
    """Git as people call it falls into it, so that the test above means something."""
    repo, mark = evil
    for other in HOSTILE:
        if other != key:
            git(repo, "-c", "core.fsmonitor=false", "config", "--unset", other)
    mark.unlink(missing_ok=True)
    os.utime(repo / "1_x.sql", (1, 1))
    git(repo, "status", "--ignore-submodules=all")
    assert mark.exists()


def test_a_missing_object_is_not_fetched(evil: tuple[Path, Path]) -> None:
    repo, mark = evil
    blob = git(repo, "-c", "core.fsmonitor=false", "rev-parse", "HEAD:1_x.sql")
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    mark.unlink(missing_ok=True)
    read(repo, repo / "1_x.sql")
    assert not mark.exists()
