"""The trust folder: what is missing, unclear or not what it seems is refused with file and line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ExitCode, PointsctlError
from pointsctl.model.configuration import ApprovalRole
from pointsctl.model.policy import Trust
from pointsctl.workflow.load_trust import TrustFolderError, load_trust
from pointsctl.workflow.start_trust import start_trust
from tests.support.keys import make_key, public_key, signer_line, trust_folder

ADA, GRACE = "ada@example.test", "grace@example.test"
ROLES = {"engineering-lead": [ADA], "operations-lead": [GRACE]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return trust_folder(tmp_path, ROLES)


def test_a_starter_folder_has_the_roles_that_approve_and_one_that_operates(tmp_path: Path) -> None:
    roles = {name: ApprovalRole(title=name) for name in ("engineering-lead", "operator")}
    policy, signers = start_trust(tmp_path / "new", roles)
    people = ("engineering-lead@example.test", "operator@example.test")
    keys = [signer_line(one, make_key(tmp_path / "keys", one.partition("@")[0])) for one in people]
    signers.write_text("\n".join(keys), encoding="utf-8")
    started = load_trust(policy.parent).policy
    assert list(started.roles) == ["engineering-lead", "operator"]
    assert (started.updates, started.waivers) == (("engineering-lead",), ("engineering-lead",))


def refusal(folder: Path) -> str:
    with pytest.raises(TrustFolderError) as caught:
        load_trust(folder)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.hint
    assert caught.value.message.startswith(str(folder))
    return caught.value.message.removeprefix(f"{folder}/")


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def written(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def linked(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        (folder / name).rename(elsewhere)
        (folder / name).symlink_to(elsewhere)

    return change


def piped(folder: Path) -> None:
    (folder / "policy.yaml").unlink()
    os.mkfifo(folder / "policy.yaml")


def test_a_folder_is_read_whole(folder: Path) -> None:
    trust = load_trust(folder)
    assert trust.policy.roles_of(ADA) == ("engineering-lead",)
    assert trust.allowed_signers == (folder / "allowed_signers").read_text(encoding="utf-8")
    assert Trust.from_json(trust.as_json()).digest == trust.digest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "policy.yaml").unlink(), "policy.yaml: the file does not exist"),
        (lambda folder: (folder / "allowed_signers").unlink(), "allowed_signers: the file does not exist"),
        (written("allowed_signers", b""), "allowed_signers:1: the file names no signer"),
        (written("allowed_signers", b"\xff\n"), "allowed_signers:1:1: not UTF-8 text"),
        (written("revoked_keys", b""), "revoked_keys: the file is empty"),
        (written("revoked_keys", b"# none\n"), "revoked_keys: the file revokes no key"),
        (written("revoked_keys", b"junk"), "revoked_keys:1: the key is missing"),
        (written("policy.yaml", b""), "policy.yaml:1:1: "),
        (written("policy.yaml", b"- a\n"), "policy.yaml:1:1: "),
        (replaced("policy.yaml", "version: 1", "version: 2"), "policy.yaml:1:10: "),
        (replaced("policy.yaml", "version: 1", "version: 1\nversion: 1"), "policy.yaml:2:1: the key 'version'"),
        (replaced("policy.yaml", "version: 1", "version: 1\nextra: 1"), "policy.yaml:2:1: unknown key 'extra'"),
        (replaced("policy.yaml", "roles:", "roles: &all"), "policy.yaml:2:8: anchors and aliases are not allowed"),
        (replaced("policy.yaml", f"- {ADA}", "- '*'"), "policy.yaml:5:7: wrong value"),
        (replaced("policy.yaml", f"- {ADA}", f'- "{ADA}\\e[2J"'), "policy.yaml:5:7: wrong value"),
        (replaced("policy.yaml", f"- {ADA}", "- eve@example.test"), "policy.yaml: 'eve@example.test' holds the role"),
        (replaced("policy.yaml", "threshold: 1", "threshold: 2"), "policy.yaml:4:5: "),
        (replaced("policy.yaml", "updates:\n- engineering-lead", "updates:\n- nobody"), "policy.yaml:1:1: "),
        (replaced("allowed_signers", GRACE, "*"), "allowed_signers:2: no usable principal; found '*'"),
        (replaced("allowed_signers", GRACE, f"{GRACE},{ADA}"), "allowed_signers:2: no usable principal"),
        (linked("policy.yaml"), "policy.yaml: the file is a link"),
        (linked("allowed_signers"), "allowed_signers: the file is a link"),
        (piped, "policy.yaml: is not a file"),
    ],
)
def test_what_is_unclear_is_refused(folder: Path, change: Callable[[Path], None], expected: str) -> None:
    change(folder)
    message = refusal(folder)
    assert message.startswith(expected)
    assert "\x1b" not in message


def test_one_key_under_two_names_is_refused(tmp_path: Path) -> None:
    ada = make_key(tmp_path / "keys", "ada")
    folder = trust_folder(tmp_path, ROLES, keys={GRACE: ada})
    assert "the key stands already in line 1" in refusal(folder)


def test_revoked_keys_are_taken_along(tmp_path: Path) -> None:
    lost = make_key(tmp_path / "keys", "lost")
    folder = trust_folder(tmp_path, ROLES, revoked=[lost])
    assert public_key(lost).encode() in load_trust(folder).revoked_keys
    assert signer_line(ADA, tmp_path / "keys" / "ada") in load_trust(folder).allowed_signers


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrustFolderError, match="does not exist") as caught:
        load_trust(tmp_path / "trust")
    assert "trust init" in caught.value.hint


@given(st.sampled_from(["policy.yaml", "allowed_signers", "revoked_keys"]), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path: Path, name: str, content: bytes) -> None:
    folder = trust_folder(tmp_path, ROLES)
    (folder / name).write_bytes(content)
    try:
        load_trust(folder)
    except PointsctlError as error:
        assert error.hint  # noqa: PT017  (most bytes are refused, and not all of them)
    finally:
        (folder / "revoked_keys").unlink(missing_ok=True)
