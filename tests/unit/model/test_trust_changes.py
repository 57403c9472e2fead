"""What changes between two policies is said in full: no change of a digest goes without a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.model.policy import Policy, Trust
from pointsctl.model.trust_changes import changes
from tests.support.keys import make_key, public_key, signer_line

ADA, GRACE = "ada@example.test", "grace@example.test"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    return {name: make_key(tmp_path, name) for name in ("ada", "grace", "new")}


def trust(signers: str, revoked: bytes = b"", **policy: object) -> Trust:
    given: dict[str, object] = {
        "roles": {"lead": {"principals": [ADA]}, "ops": {"principals": [GRACE]}},
        "updates": ["lead"],
        **policy,
    }
    return Trust(Policy.model_validate(given), signers, revoked)


def test_every_kind_of_change_is_named(keys: dict[str, Path]) -> None:
    ada, grace = signer_line(ADA, keys["ada"]), signer_line(GRACE, keys["grace"])
    both = f"{ada}\n{grace}\n"
    old = trust(both)
    roles = {"lead": {"principals": [ADA, GRACE], "threshold": 2}, "security": {"principals": [GRACE]}}
    assert changes(old, old) == ()
    assert changes(old, trust(both, roles=roles)) == (
        f"- role ops, held by {GRACE}",
        f"+ {GRACE} in role lead",
        "~ threshold of role lead: 1 becomes 2",
        f"+ role security, held by {GRACE}, threshold 1",
    )
    assert changes(old, trust(both, updates=["ops"], waivers=["lead"])) == (
        "+ role lead may sign waivers",
        "- role lead must sign before the policy is replaced",
        "+ role ops must sign before the policy is replaced",
    )
    assert changes(old, trust(both, aliases={ADA: ["a@home.test"]})) == (
        f"~ other addresses of {ADA}: none becomes a@home.test",
    )
    added = changes(old, trust(f"{both}{signer_line(ADA, keys['new'])}\n"))
    assert len(added) == 1
    assert added[0].startswith("+ key SHA256:")
    limited = signer_line(GRACE, keys["grace"], 'valid-before="20270101Z"')
    assert "until 2027" in changes(old, trust(f"{ada}\n{limited}\n"))[0]
    moved = changes(old, trust(f"{ada}\n{signer_line('eve@example.test', keys['grace'])}\n"))
    assert any("becomes" in one and "eve@example.test" in one for one in moved)
    assert changes(old, trust(f"# who may sign\n{both}")) == ("only comments, or the order in the files, change",)


def test_revocations_are_named(keys: dict[str, Path]) -> None:
    signers = f"{signer_line(ADA, keys['ada'])}\n{signer_line(GRACE, keys['grace'])}\n"
    none, ada, new = trust(signers), *(trust(signers, f"{public_key(keys[one])}\n".encode()) for one in ("ada", "new"))
    assert [one.partition(":")[0] for one in changes(none, ada)] == ["+ revoked"]
    assert [one.partition(":")[0] for one in changes(ada, none)] == ["- revoked"]
    assert ADA in changes(none, ada)[0]
    assert changes(none, new) == ("~ revoked_keys: 0 keys becomes 1 keys, none of them a signer's",)
