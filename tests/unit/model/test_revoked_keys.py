"""revoked_keys: a list that revokes nothing, or that is cut off, is never taken for a list."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.policy import PolicyError
from pointsctl.model.revoked_keys import read_revoked_keys
from pointsctl.model.ssh_key import PublicKey, read_public_key
from tests.support.keys import make_key, public_key, ssh_keygen


def parsed(key: Path) -> PublicKey:
    return read_public_key(*public_key(key).split())


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    return make_key(tmp_path, "ada")


@pytest.fixture
def grace(tmp_path: Path) -> Path:
    return make_key(tmp_path, "grace")


def revocation_list(folder: Path, specification: str) -> bytes:
    (folder / "spec").write_text(specification, encoding="utf-8")
    ssh_keygen("-q", "-k", "-f", "krl", "spec", cwd=folder)
    return (folder / "krl").read_bytes()


def test_no_bytes_revoke_nothing(ada: Path) -> None:
    assert not read_revoked_keys(b"").holds(parsed(ada))


@pytest.mark.parametrize("data", [b"\n", b"# none\n", b"SSHKRL\n\x00", b"junk", b"\xff\xfe", b"ssh-ed25519 AAAA\n"])
def test_a_list_without_keys_or_with_junk_is_refused(data: bytes) -> None:
    with pytest.raises(PolicyError, match="revoked_keys"):
        read_revoked_keys(data)


def test_a_list_of_public_keys(ada: Path, grace: Path) -> None:
    revoked = read_revoked_keys(f"# left in March\n{public_key(ada)} ada\n".encode())
    assert revoked.holds(parsed(ada))
    assert not revoked.holds(parsed(grace))


@pytest.mark.parametrize("form", ["{key}", "sha1: {key}", "sha256: {key}", "hash: {fingerprint}"])
def test_every_form_of_a_revocation_list_names_the_same_key(tmp_path: Path, ada: Path, grace: Path, form: str) -> None:
    text = form.format(key=public_key(ada), fingerprint=parsed(ada).fingerprint)
    revoked = read_revoked_keys(revocation_list(tmp_path, f"{text}\n"))
    assert revoked.holds(parsed(ada))
    assert not revoked.holds(parsed(grace))


def test_a_revocation_list_that_is_empty_or_cut_off_anywhere_is_refused(tmp_path: Path, ada: Path) -> None:
    whole = revocation_list(tmp_path, f"{public_key(ada)}\n")
    for size in range(8, len(whole)):  # the cut behind the header leaves a list that ssh-keygen takes for an empty one
        with pytest.raises(PolicyError, match="revo"):
            read_revoked_keys(whole[:size])
    with pytest.raises(PolicyError, match="revokes no key"):
        read_revoked_keys(revocation_list(tmp_path, ""))


@given(st.binary(), st.booleans())
def test_any_bytes_are_a_list_or_refused(data: bytes, magic: bool) -> None:
    with contextlib.suppress(PolicyError):
        read_revoked_keys((b"SSHKRL\n\x00\x00\x00\x00\x01" if magic else b"") + data)
