"""Signing with files, passphrases, agents and terminals: it signs, or says why not; it never waits for nobody."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsctl.errors import PointsctlError, RefusedError, UsageError
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signing import SigningError, fingerprint_of, principal_of_key, sign
from pointsctl.model.allowed_signers import parse_allowed_signers
from pointsctl.model.policy import Policy, Trust
from tests.support.keys import make_key, signer_line

ADA = "ada@example.test"
TEXT = '{"decision":"approve"}'
PASSPHRASE = "correct horse"
NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
VARIABLES = {"PATH": os.environ["PATH"]}


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    return make_key(tmp_path, "locked", PASSPHRASE)


def counts(key: Path, armored: str) -> bool:
    policy = Policy.model_validate({"roles": {"lead": {"principals": [ADA]}}, "updates": ["lead"]})
    with SignatureChecker(VARIABLES) as checker:
        return checker.check(TEXT, armored, ADA, Trust(policy, signer_line(ADA, key)), NOW).valid


def refusal(key: Path, **variables: str) -> PointsctlError:
    with pytest.raises(PointsctlError) as caught:
        sign(TEXT, key, {**VARIABLES, **variables})
    assert caught.value.hint
    return caught.value


def test_a_key_file(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ada")
    assert counts(key, sign(TEXT, key, VARIABLES))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada", "ada.pub"]  # nothing is written beside it


def test_a_large_text(tmp_path: Path) -> None:
    assert sign("x" * 5_000_000, make_key(tmp_path, "ada"), VARIABLES)


def test_a_passphrase_that_nobody_can_give_is_refused(locked: Path) -> None:
    error = refusal(locked)
    assert isinstance(error, RefusedError)
    assert "passphrase" in error.message


def test_a_passphrase_from_the_program_that_asks(locked: Path, tmp_path: Path) -> None:
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n", encoding="utf-8")
    ask.chmod(0o700)
    assert counts(locked, sign(TEXT, locked, {**VARIABLES, "SSH_ASKPASS": str(ask)}))
    ask.write_text("#!/bin/sh\necho wrong\n", encoding="utf-8")
    assert isinstance(refusal(locked, SSH_ASKPASS=str(ask)), RefusedError)


def test_a_key_that_others_can_read_is_explained(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ada")
    key.chmod(0o644)
    error = refusal(key)
    assert "others" in error.message
    assert "chmod 600" in error.hint


@pytest.mark.parametrize("name", ["absent", "folder", "pipe", "nul\0"])
def test_what_is_no_file_is_no_key(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert isinstance(refusal(tmp_path / name), UsageError)


def test_a_file_that_holds_no_key(tmp_path: Path) -> None:
    place = tmp_path / "\x1b[2Jkey"
    place.write_text("not a key\n", encoding="utf-8")
    place.chmod(0o600)
    assert refusal(place).message.isprintable()
    with pytest.raises(SigningError, match="no single key"):
        fingerprint_of(place, VARIABLES)


def test_a_file_with_two_keys_is_nobodys(tmp_path: Path) -> None:
    ada, grace = make_key(tmp_path, "ada"), make_key(tmp_path, "grace")
    both = tmp_path / "both.pub"
    both.write_bytes(Path(f"{ada}.pub").read_bytes() + Path(f"{grace}.pub").read_bytes())
    with pytest.raises(SigningError, match="no single key"):
        fingerprint_of(both, VARIABLES)


def test_whose_key_it_is(tmp_path: Path, locked: Path) -> None:
    ada = make_key(tmp_path, "ada")
    signers = parse_allowed_signers(f"{signer_line(ADA, ada)}\n{signer_line('locked', locked)}\n")
    assert principal_of_key(ada, signers, VARIABLES) == ADA
    assert principal_of_key(Path(f"{ada}.pub"), signers, VARIABLES) == ADA
    assert principal_of_key(locked, signers, VARIABLES) == "locked"
    assert principal_of_key(make_key(tmp_path, "mallory"), signers, VARIABLES) is None


@pytest.fixture
def agent(tmp_path: Path, locked: Path) -> Iterator[str]:
    """The socket of an agent that holds the locked key."""
    socket = str(tmp_path / "agent")
    said = _run("ssh-agent", "-s", "-a", socket).stdout
    pid = int(said.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        ask = tmp_path / "ask-agent"
        ask.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n", encoding="utf-8")
        ask.chmod(0o700)
        _run("ssh-add", "-q", str(locked), SSH_AUTH_SOCK=socket, SSH_ASKPASS=str(ask), SSH_ASKPASS_REQUIRE="force")
        yield socket
    finally:
        os.kill(pid, signal.SIGTERM)


def _run(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**VARIABLES, **variables}
    return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True, timeout=60)


def test_a_key_in_an_agent_signs_without_its_file(locked: Path, agent: str) -> None:
    public = Path(f"{locked}.pub")
    assert counts(locked, sign(TEXT, locked, {**VARIABLES, "SSH_AUTH_SOCK": agent}))
    locked.unlink()
    assert counts(locked, sign(TEXT, public, {**VARIABLES, "SSH_AUTH_SOCK": agent}))


def test_a_public_key_that_no_agent_holds(tmp_path: Path) -> None:
    key = make_key(tmp_path, "ada")
    key.unlink()
    assert "agent" in refusal(Path(f"{key}.pub")).hint


IN_TERMINAL = """
import fcntl, os, sys, termios
from pathlib import Path
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from pointsctl.errors import InterruptedByOperatorError
from pointsctl.ledger.signing import sign
try:
    armored = sign(sys.argv[1], Path(sys.argv[2]), dict(os.environ), terminal=True)
except (KeyboardInterrupt, InterruptedByOperatorError):
    sys.exit(130)
Path(sys.argv[3]).write_text(armored, encoding="utf-8")
"""


def at_the_prompt(locked: Path, answer: bytes) -> tuple[int, str, bool, Path]:
    """Sign on a terminal of its own and answer its prompt: exit code, what was shown, whether typing is shown again."""
    ours, theirs = pty.openpty()
    result = locked.parent / "result"
    argv = [sys.executable, "-c", IN_TERMINAL, TEXT, str(locked), str(result)]
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=VARIABLES, start_new_session=True)
    shown = b""
    try:
        while b"passphrase" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer)
        code = process.wait(60)
        echo = bool(termios.tcgetattr(theirs)[3] & termios.ECHO)
    finally:
        process.kill()
        process.wait()
        os.close(theirs)
        os.close(ours)
    return code, shown.decode(), echo, result


def test_a_passphrase_typed_on_the_terminal(locked: Path) -> None:
    code, shown, echo, result = at_the_prompt(locked, f"{PASSPHRASE}\n".encode())
    assert code == 0, shown
    assert echo
    assert counts(locked, result.read_text(encoding="utf-8"))


def test_ctrl_c_at_the_prompt_leaves_a_terminal_that_shows_what_is_typed(locked: Path) -> None:
    code, _, echo, result = at_the_prompt(locked, b"\x03")
    assert code == 130
    assert echo
    assert not result.exists()
