"""Use case: write a starter trust folder: a policy with the checklist's roles, and an allowed_signers to be filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pointsctl.errors import RefusedError, StorageError
from pointsctl.model import allowed_signers, policy_rules
from pointsctl.model.configuration import ApprovalRole
from pointsctl.model.statement import NAMESPACE

OPERATOR = "operator"
"""The role of those who deploy: they sign plans and attestations, and approve nothing."""

_POLICY = """\
# Who may sign for what. One person fills one role only, with a key of their own.
# `operator` makes the plans and signs for what was done by hand; nobody approves a plan that they made.
# `pointsctl trust show` checks this folder; `pointsctl trust update --env NAME` makes it count.
version: 1
roles:
{roles}
# Roles whose holders may sign for going on without an item.
waivers: [{first}]
# Roles that must all sign before this policy is replaced by another one.
updates: [{all}]
"""
_ROLE = """\
  {name}:
    principals: [{name}@example.test]
    threshold: 1
"""
_SIGNERS = """\
# One key a line: the principal (as in policy.yaml), the namespace, the public key. Ask each person for the line of their
# ~/.ssh/id_ed25519.pub, and compare its fingerprint (`ssh-keygen -lf FILE`) with them on another way.
#
# {example} namespaces="{namespace}" ssh-ed25519 AAAA...
#
# Options: valid-after="20270131Z",valid-before="20271231Z" (UTC, with Z). When a key is lost, leave its line and put the
# public key on a line of a file `revoked_keys`.
"""


def start_trust(folder: Path, roles: Mapping[str, ApprovalRole]) -> tuple[Path, ...]:
    """Write both files and return their paths. `roles` are the checklist's; without any there is one, `lead`. The policy has
    an `operator` besides, who makes the plans.

    Raises RefusedError when the folder exists, StorageError when it cannot be written.
    """
    names = [name for name in roles if name != OPERATOR] or ["lead"]
    written = "".join(_ROLE.format(name=name) for name in (*names, OPERATOR))
    policy = _POLICY.format(roles=written.rstrip("\n"), first=names[0], all=", ".join(names))
    signers = _SIGNERS.format(example=f"{names[0]}@example.test", namespace=NAMESPACE)
    texts = {folder / policy_rules.FILE_NAME: policy, folder / allowed_signers.FILE_NAME: signers}
    try:
        folder.mkdir(parents=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        raise RefusedError(f"{folder} exists already", hint="edit what is there; nothing was written") from None
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise StorageError(f"cannot write {folder}: {reason}", hint="see that its folder may be written to") from None
    return tuple(texts)
