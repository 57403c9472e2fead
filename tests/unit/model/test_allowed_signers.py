"""allowed_signers: what OpenSSH would skip, guess or match by pattern is refused, with file, line and expectation."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.allowed_signers import parse_allowed_signers
from pointsctl.model.policy import PolicyError
from pointsctl.model.ssh_key import KEY_TYPES, KeyFormatError, read_public_key
from tests.support.keys import make_key, public_key, signer_line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def ada(folder: Path) -> str:
    return public_key(make_key(folder, "ada"))


@pytest.fixture(scope="module")
def grace(folder: Path) -> str:
    return public_key(make_key(folder, "grace"))


def refusal(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_allowed_signers(text)
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert caught.value.message.startswith("allowed_signers:")
    return caught.value


def test_comments_blank_lines_and_key_comments_are_allowed(ada: str, grace: str) -> None:
    text = f'# who may sign\n\nada@example.test {ada} ada at work\n  grace\tnamespaces="git,pointsctl" {grace}'
    signers = parse_allowed_signers(text)
    assert [(one.principal, one.line, one.key_type) for one in signers] == [
        ("ada@example.test", 3, "ssh-ed25519"),
        ("grace", 4, "ssh-ed25519"),
    ]
    assert [one.key.text for one in signers] == [ada, grace]


def test_dates_are_read_as_utc_and_both_ends_count(ada: str) -> None:
    options = 'valid-after="20260101Z",valid-before="20260201123000Z"'
    signer = parse_allowed_signers(f"ada {options} {ada}\n")[0]
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert [signer.may_sign_at(one) for one in (first, last, last + second / 2)] == [True] * 3
    assert [signer.may_sign_at(one) for one in (first - second, last + second)] == [False] * 2


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        "*@example.test",
        "ada?",
        "!ada",
        "ada,grace",
        '"ada@example.test"',
        '"ada grace"',
        "ada\\",
        "-Overify",
        "ssh-ed25519",
        "ädа@example.test",
        "a" * 121,
    ],
)
def test_a_principal_is_one_exact_name(principal: str, ada: str) -> None:
    assert "principal" in refusal(f"# first\n{principal} {ada}\n").message
    assert refusal(f"# first\n{principal} {ada}\n").message.startswith("allowed_signers:2: ")


@pytest.mark.parametrize(
    "char", ["\x1b[2J", "\x00", "\r", "\x0b", "\x85", "\u2028", "\u202e", "\u200b", "\ufeff", "\x7f"]
)
def test_control_and_invisible_characters_are_refused_and_never_echoed(char: str, ada: str) -> None:
    for line in (f"ada{char} {ada}", f"ada {ada} comment{char}", f"#{char}"):
        assert char not in refusal(f"{line}\n").message


@pytest.mark.parametrize(
    "options",
    [
        "cert-authority",
        'cert-authority,namespaces="pointsctl"',
        'namespaces="pointsctl",cert-authority',
        "CERT-AUTHORITY",
        'namespaces="git"',
        'namespaces="*"',
        'namespaces="pointsctl,*"',
        'namespaces="points*"',
        'namespaces="pointsctl,!git"',
        'namespaces=""',
        "namespaces=pointsctl",
        'namespaces="pointsctl",namespaces="pointsctl"',
        'Namespaces="pointsctl"',
        'valid-after="20260101"',
        'valid-before="20260101"',
        'valid-before="202601011200"',
        'valid-before="20260230Z"',
        'valid-before="20261301Z"',
        'valid-before="20260101246000Z"',
        'valid-before="2026-01-01Z"',
        'valid-before="19700101Z"',
        'valid-before="٢٠٢٦٠١٠١Z"',
        'valid-before="99999999Z"',
        'valid-after="20260201Z",valid-before="20260101Z"',
        'valid-after="20260201Z",valid-before="20260201Z"',
        'no-touch-required=""',
        'namespaces="pointsctl",',
        ',namespaces="pointsctl"',
        'namespaces="points\\"ctl"',
        'namespaces="git, pointsctl"',
    ],
)
def test_only_options_that_mean_one_thing_are_allowed(options: str, ada: str) -> None:
    assert refusal(f"ada {options} {ada}\n").message.startswith("allowed_signers:1: ")


def test_a_file_without_signers_is_refused() -> None:
    for text in ("", "\n\n", "# nobody yet\n"):
        assert "no signer" in refusal(text).message


def test_one_key_is_one_persons_and_stands_there_once(ada: str) -> None:
    assert "'ada'" in refusal(f"ada {ada}\ngrace {ada}\n").message
    assert "this principal" in refusal(f'ada {ada}\nada namespaces="pointsctl" {ada}\n').message
    assert refusal(f"ada {ada}\ngrace {ada}\n").message.startswith("allowed_signers:2: ")


def test_letter_case_makes_no_second_person(ada: str, grace: str) -> None:
    assert "letter case" in refusal(f"ada {ada}\nAda {grace}\n").message


def test_one_person_may_have_two_keys(ada: str, grace: str) -> None:
    assert len(parse_allowed_signers(f"ada {ada}\nada {grace}\n")) == 2


@pytest.mark.parametrize(
    "line",
    [
        "ada",
        "ada ssh-ed25519",
        "ada ssh-ed25519 AAAA",
        "ada ssh-ed25519 not-base64!",
        "ada ssh-dss AAAAB3NzaC1kc3M=",
        "ada ssh-ed25519-cert-v01@openssh.com AAAA",
        "just some words of a person",
        "ssh-ed25519 AAAA",
    ],
)
def test_junk_lines_are_not_skipped(line: str) -> None:
    assert refusal(f"{line}\n").message.startswith("allowed_signers:1: ")


def test_short_rsa_and_keys_of_another_type_are_refused(folder: Path, ada: str) -> None:
    assert "2048" in refusal(signer_line("ada", make_key(folder, "short", kind="rsa-1024"))).message
    assert "another type" in refusal(f"ada ssh-rsa {ada.split()[1]}").message


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048"])
def test_every_type_of_key_that_ssh_keygen_makes_is_read(folder: Path, kind: str) -> None:
    key_type, encoded = public_key(make_key(folder, kind, kind=kind)).split()
    assert read_public_key(key_type, encoded).key_type == key_type
    blob = base64.b64decode(encoded)
    for changed in (blob[:-1], blob + b"\0", b"\0" + blob):
        with pytest.raises(KeyFormatError):
            read_public_key(key_type, base64.b64encode(changed).decode())
    if kind.startswith("ecdsa"):
        with pytest.raises(KeyFormatError, match="curve"):
            read_public_key(key_type, base64.b64encode(blob[:-1] + bytes([blob[-1] ^ 1])).decode())


def test_a_second_spelling_of_the_same_key_is_no_second_key(folder: Path) -> None:
    key_type, encoded = public_key(make_key(folder, "ecdsa-256", kind="ecdsa-256")).split()
    assert encoded.endswith("=")  # so the last letter holds bits that count for nothing
    unused = f"{encoded[:-2]}{chr(ord(encoded[-2]) + 1)}="
    for other in (unused, encoded + "=", encoded[:-1], f"{encoded[:8]}\n{encoded[8:]}"):
        with pytest.raises(KeyFormatError):
            read_public_key(key_type, other)
    rsa_type, rsa = public_key(make_key(folder, "rsa", kind="rsa-2048")).split()
    blob = base64.b64decode(rsa)
    at = blob.index(b"\0\0\0\x03\x01\0\x01")  # the exponent, which may not begin with more zeros
    padded = blob[:at] + b"\0\0\0\x04\0\x01\0\x01" + blob[at + 7 :]
    with pytest.raises(KeyFormatError, match="shortest"):
        read_public_key(rsa_type, base64.b64encode(padded).decode())


_FIELDS = st.sampled_from(
    [
        *(
            "ada",
            "*",
            "a,b",
            "#",
            '"',
            "cert-authority",
            'namespaces="pointsctl"',
            'valid-after="20260101Z"',
            *KEY_TYPES,
        ),
        *("AAAA", "AAAAC3NzaC1lZDI1NTE5AAAAIHfUrlJ+9fP05EtyFc/QjHfrK4uoQvpNMSJmXap37j8p", "\x1b[31m", "\t", "ٱ"),
    ]
)


@given(st.one_of(st.text(), st.lists(st.lists(_FIELDS).map(" ".join)).map("\n".join)))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    refused: PolicyError | None = None
    try:
        parse_allowed_signers(text)
    except PolicyError as error:
        refused = error
    assert refused is None or (refused.message.isprintable() and refused.hint)


@given(st.sampled_from(KEY_TYPES), st.binary(max_size=80))
def test_any_bytes_are_a_key_or_refused(key_type: str, data: bytes) -> None:
    prefix = len(key_type).to_bytes(4, "big") + key_type.encode()
    for blob in (data, prefix + data):
        with contextlib.suppress(KeyFormatError):
            assert read_public_key(key_type, base64.b64encode(blob).decode()).blob == blob
