"""What must hold between roles, keys and addresses, and who must still sign: one person fills one role."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.policy import Policy, PolicyError, PolicyRole, Trust
from pointsctl.model.policy_rules import check_trust, principals_of, unfilled, usable_signers
from tests.support.keys import make_key, public_key, signer_line

ADA, GRACE, ALAN = "ada@example.test", "grace@example.test", "alan@example.test"


@pytest.fixture
def lines(tmp_path: Path) -> dict[str, str]:
    return {one: signer_line(one, make_key(tmp_path, one.partition("@")[0])) for one in (ADA, GRACE, ALAN)}


def policy(**changes: object) -> Policy:
    given_: dict[str, object] = {
        "roles": {"engineering-lead": {"principals": [ADA]}, "operations-lead": {"principals": [GRACE]}},
        "updates": ["engineering-lead", "operations-lead"],
        **changes,
    }
    return Policy.model_validate(given_)


def trust(lines: dict[str, str], *principals: str, **changes: object) -> Trust:
    return Trust(policy(**changes), "".join(f"{lines[one]}\n" for one in principals))


def test_a_trust_without_oddities(lines: dict[str, str]) -> None:
    assert check_trust(trust(lines, ADA, GRACE)) == ()


def test_a_role_needs_a_key(lines: dict[str, str]) -> None:
    with pytest.raises(PolicyError, match=r"grace@example.test.*operations-lead.*no key"):
        check_trust(trust(lines, ADA))


def test_a_key_without_a_role_is_told(lines: dict[str, str]) -> None:
    assert "alan@example.test" in check_trust(trust(lines, ADA, GRACE, ALAN))[0]


def test_a_policy_that_nobody_could_replace_is_refused(lines: dict[str, str]) -> None:
    roles = {"engineering-lead": {"principals": [ADA]}, "operations-lead": {"principals": [ADA]}}
    with pytest.raises(PolicyError, match="different people"):
        check_trust(trust(lines, ADA, roles=roles))
    assert "one person" in check_trust(trust(lines, ADA, roles=roles, updates=["operations-lead"]))[0]


@pytest.mark.parametrize("address", [GRACE, GRACE.upper(), "a@home.test"])
def test_an_address_leads_to_one_person(lines: dict[str, str], address: str) -> None:
    aliases = {ADA: ["a@home.test", address], GRACE: ["A@home.test"]} if "home" in address else {ADA: [address]}
    with pytest.raises(PolicyError, match="means both"):
        check_trust(trust(lines, ADA, GRACE, aliases=aliases))


def test_aliases_of_nobody_are_refused(lines: dict[str, str]) -> None:
    with pytest.raises(PolicyError, match="aliases"):
        check_trust(trust(lines, ADA, GRACE, aliases={ALAN: ["alan@home.test"]}))


def test_a_revoked_key_leaves_its_principal_without(lines: dict[str, str], tmp_path: Path) -> None:
    revoked = f"{public_key(make_key(tmp_path, 'ada'))}\n".encode()
    it = Trust(policy(updates=["operations-lead"]), f"{lines[ADA]}\n{lines[GRACE]}\n", revoked)
    assert usable_signers(it, ADA) == ()
    assert len(usable_signers(it, GRACE)) == 1
    assert any("revoked" in one for one in check_trust(it))
    with pytest.raises(PolicyError, match="not revoked"):
        check_trust(Trust(policy(), it.allowed_signers, revoked))


def test_one_person_counts_for_one_role_and_moves_to_where_only_they_fit() -> None:
    roles = {"engineering-lead": {"principals": [ADA, GRACE]}, "operations-lead": {"principals": [ADA]}}
    both = policy(roles=roles)
    assert unfilled(both, both.updates, [ADA]) == {"operations-lead": 1}
    assert unfilled(both, both.updates, [GRACE]) == {"operations-lead": 1}
    assert unfilled(both, both.updates, [ADA, GRACE]) == {}


_PEOPLE = "abcd"


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(_PEOPLE), min_size=1), st.integers(1, 4)).map(
            lambda pair: PolicyRole(principals=tuple(sorted(pair[0])), threshold=min(pair[1], len(pair[0])))
        ),
        min_size=1,
        max_size=3,
    ),
    st.sets(st.sampled_from(_PEOPLE)),
)
def test_as_many_places_are_filled_as_can_be(roles: list[PolicyRole], signed: set[str]) -> None:
    named = {f"role-{number}": role for number, role in enumerate(roles)}
    it = Policy(roles=named, updates=("role-0",))
    places = [name for name, role in named.items() for _ in range(role.threshold)]
    # Every way to give each signer one role or none.
    best = 0
    for ways in itertools.product([None, *named], repeat=len(signed)):
        filled = 0
        for name, role in named.items():
            holders = [
                who for who, way in zip(sorted(signed), ways, strict=True) if way == name and who in role.principals
            ]
            filled += min(len(holders), role.threshold)
        best = max(best, filled)
    assert sum(unfilled(it, named, signed).values()) == len(places) - best
    assert set(principals_of(it)) <= set(_PEOPLE)
