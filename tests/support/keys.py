"""Real SSH keys and trust folders for tests. Keys that are asked for twice are made once and copied."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

_PATIENCE_S = 60


def make_key(directory: Path, name: str, passphrase: str = "", kind: str = "ed25519") -> Path:
    """`directory/name` and `directory/name.pub`; the same name always gives the same key. `kind` may be `rsa-3072`."""
    directory.mkdir(parents=True, exist_ok=True)
    made = _made(name, passphrase, kind)
    for ending in ("", ".pub"):
        target = directory / f"{name}{ending}"
        shutil.copyfile(f"{made}{ending}", target)
        target.chmod(0o600)
    return directory / name


def public_key(key: Path) -> str:
    """`TYPE BASE64` of a key file, as it stands in allowed_signers after the principal and the options."""
    return " ".join(Path(f"{key}.pub").read_text(encoding="utf-8").split()[:2])


def signer_line(principal: str, key: Path, options: str = 'namespaces="pointsctl"') -> str:
    """One line of allowed_signers, without a line end."""
    return " ".join(part for part in (principal, options, public_key(key)) if part)


def trust_folder(
    directory: Path,
    roles: Mapping[str, Sequence[str]],
    *,
    updates: Sequence[str] = (),
    waivers: Sequence[str] = (),
    thresholds: Mapping[str, int] | None = None,
    keys: Mapping[str, Path] | None = None,
    revoked: Sequence[Path] = (),
) -> Path:
    """`directory/trust` with policy.yaml and allowed_signers; the keys of all principals lie in `directory/keys`.

    `roles` maps each role to its principals, in order. A principal such as `ada@example.test` has the key
    `keys/ada` unless `keys` gives another one. `updates` is the first role when left out.
    """
    trust = directory / "trust"
    trust.mkdir(parents=True, exist_ok=True)
    principals = dict.fromkeys(principal for holders in roles.values() for principal in holders)
    given = keys or {}
    lines = [
        signer_line(one, given.get(one) or make_key(directory / "keys", one.partition("@")[0])) for one in principals
    ]
    limits = thresholds or {}
    policy = {
        "version": 1,
        "roles": {
            role: {"principals": list(holders), "threshold": limits.get(role, 1)} for role, holders in roles.items()
        },
        "waivers": list(waivers),
        "updates": list(updates or list(roles)[:1]),
    }
    (trust / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    (trust / "allowed_signers").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if revoked:
        text = "".join(f"{public_key(key)}\n" for key in revoked)
        (trust / "revoked_keys").write_text(text, encoding="utf-8")
    return trust


def ssh_keygen(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, check: bool = True) -> tuple[int, bytes]:
    """The exit code of the real program, and what it wrote to its output; fails for a bad one unless `check` is off."""
    argv = ["ssh-keygen", *arguments]
    done = subprocess.run(argv, input=stdin, cwd=cwd, check=check, capture_output=True, timeout=_PATIENCE_S)
    return done.returncode, done.stdout


@functools.cache
def _made(name: str, passphrase: str, kind: str) -> Path:
    type_name, _, bits = kind.partition("-")
    path = _folder() / f"{len(list(_folder().iterdir()))}-{type_name}"
    size = ["-b", bits] if bits else []
    ssh_keygen("-q", "-t", type_name, *size, "-N", passphrase, "-C", f"{name} (test)", "-f", str(path))
    return path


@functools.cache
def _folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="pct-keys-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
