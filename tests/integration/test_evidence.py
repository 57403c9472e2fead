"""Evidence: the same content gives the same bytes, what follows from the ledger is whole, and everything else is named."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import PointsctlError, RefusedError, UsageError
from pointsctl.ledger.bundle import Wanted, derive, describe
from pointsctl.model.bundle import CHECKLIST, INDEX, LEDGER, SUMS
from pointsctl.model.canonical import canonical_text
from pointsctl.model.finding import Outcome
from pointsctl.model.ledger import Draft, Head, Kind
from pointsctl.model.run_document import recorded_document
from pointsctl.reports.junit import Junit
from pointsctl.sandbox.databases import OWNER
from tests.support.checklists import checklist, item, load
from tests.support.evidence import (
    MIGRATION,
    NAME,
    VARIABLES,
    Project,
    archived,
    check,
    export,
    named,
    summed,
)
from tests.support.keys import make_key
from tests.support.ledgers import ADA
from tests.support.runs import HOSTILE, make_hostile, make_run
from tests.support.servers import Server
from tests.support.signed_ledgers import NAME as STAGING
from tests.support.signed_ledgers import RECOMPUTE, SignedLedger, unguarded

Files = dict[str, bytes]
CAREFUL = ("README.txt", LEDGER, "statements/7.sig")
"""Files that are changed without SHA256SUMS computed anew, too."""


class Bundle:
    """A bundle that was exported once, its project, and what is in it."""

    def __init__(self, project: Project, path: Path, plan: str) -> None:
        self.project, self.path, self.plan = project, path, plan
        self.data = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}

    @property
    def head(self) -> Head:
        value = json.loads(self.files["head.json"])
        return Head(value["seq"], value["hash"])

    @property
    def policy(self) -> str:
        return str(json.loads(self.files[INDEX])["policies"][0]["digest"])


@pytest.fixture(scope="module")
def bundle(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    folder = tmp_path_factory.mktemp("evidence")
    with server.database() as name:
        project = Project(folder, server.cluster.url(name, OWNER))
        plan = project.story()
        project.export(folder / "evidence.zip")
        yield Bundle(project, folder / "evidence.zip", plan)


@pytest.fixture
def rewritten(bundle: Bundle, tmp_path: Path) -> Callable[[Files], Path]:
    """Writes these files as a bundle."""

    def write(files: Files) -> Path:
        path = tmp_path / "changed.zip"
        path.write_bytes(archived(files))
        return path

    return write


def rebuilt(folder: Path, files: Files) -> Files:
    """Everything that follows from the ledger in `files`, made anew: what somebody does who has this program."""
    ledger = folder / LEDGER
    ledger.write_bytes(files[LEDGER])
    made: Files = {LEDGER: files[LEDGER]}
    derived = derive(ledger, Wanted(None, Junit().render, VARIABLES), made.__setitem__, lambda _: None)
    describe(derived.contents, {}, "0", made.__setitem__)
    return summed(made)


def test_a_whole_bundle(bundle: Bundle) -> None:
    verified = check(bundle.path, bundle.head, policy=bundle.policy)
    assert verified.whole, verified
    assert verified.derived is not None
    contents = verified.derived.contents
    assert (contents.environment, contents.head, contents.root) == (NAME, bundle.head, bundle.policy)
    assert [one.principal for one in contents.statements if one.decision] == [ADA, "grace@example.test"]
    assert {one.plan.digest for one in contents.plans} == {bundle.plan}
    assert stat.S_IMODE(bundle.path.stat().st_mode) == 0o600


def test_the_same_content_gives_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    bundle.project.export(again)
    assert again.read_bytes() == bundle.data
    copied = tmp_path / "elsewhere"
    shutil.copytree(bundle.project.folder, copied)
    (copied / "checklist.yaml").touch()
    project = bundle.project
    moved = Project.__new__(Project)
    moved.__dict__.update({**project.__dict__, "folder": copied})
    moved.export(again)
    assert again.read_bytes() == bundle.data


def test_what_is_in_it(bundle: Bundle) -> None:
    names = {name.partition("/")[0] for name in bundle.files}
    assert names >= {"README.txt", SUMS, CHECKLIST, INDEX, "head.json", LEDGER, "plans", "runs", "statements", "trust"}
    assert {f"migrations/{folder}{MIGRATION}" for folder in ("", "reverse/", "verify/")} <= bundle.files.keys()
    index = json.loads(bundle.files[INDEX])
    assert next(one for one in index["files"] if one["name"] == CHECKLIST)["plans"] == [bundle.plan]
    assert index["missing"] == []
    assert b'<testsuite name="security-audit"' in bundle.files["runs/4.junit.xml"]


def test_each_byte_counts(bundle: Bundle, rewritten: Callable[[Files], Path]) -> None:
    """One byte of each file in turn, without and with SHA256SUMS computed anew."""
    for name, content in bundle.files.items():
        place = len(content) // 2
        changed = {**bundle.files, name: content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]}
        for files in (changed, summed(changed)) if name in CAREFUL else (summed(changed),):
            verified = check(rewritten(changed if name == SUMS else files))
            assert not verified.whole, name
            damaged = verified.derived is not None and bool(verified.derived.damages)
            told = name in named(verified) or (verified.differences if name == SUMS else damaged)
            assert told, name


def test_each_file_counts(bundle: Bundle, rewritten: Callable[[Files], Path]) -> None:
    for name in bundle.files:
        fewer = {one: content for one, content in bundle.files.items() if one != name}
        for files in (fewer, summed(fewer)) if name in CAREFUL else (summed(fewer),):
            verified = check(rewritten(fewer if name == SUMS else files))
            assert not verified.whole, name


@pytest.mark.parametrize(
    "name", ["runs/99.json", "statements/99.json", "plans/" + "0" * 64 + ".json", "migrations/1_x.sql"]
)
def test_a_file_that_the_ledger_knows_nothing_of(bundle: Bundle, rewritten: Callable[[Files], Path], name: str) -> None:
    verified = check(rewritten(summed({**bundle.files, name: b"{}"})))
    assert not verified.whole
    assert name in named(verified)


def test_how_another_version_showed_a_run_is_not_judged_and_what_it_recorded_is(
    bundle: Bundle, rewritten: Callable[[Files], Path]
) -> None:
    index = {**json.loads(bundle.files[INDEX]), "tool": "9.0"}
    newer = {**bundle.files, INDEX: canonical_text(index).encode()}
    run = next(name for name in newer if name.startswith("runs/") and name.endswith(".json"))
    shown = run.replace(".json", ".junit.xml")
    verified = check(rewritten(summed({**newer, shown: b"<testsuites/>"})))
    assert verified.whole
    assert verified.unjudged == "9.0"
    assert run in named(check(rewritten(summed({**newer, run: newer[run] + b" "}))))
    unknown = "runs/99.junit.xml"
    assert unknown in named(check(rewritten(summed({**newer, unknown: b"<testsuites/>"}))))


def test_a_statement_in_the_place_of_another_valid_one(bundle: Bundle, rewritten: Callable[[Files], Path]) -> None:
    names = [f"statements/{seq}.{ending}" for seq in (7, 8) for ending in ("json", "sig")]
    swapped = {
        **bundle.files,
        **dict(zip(names, [bundle.files[name] for name in (*names[2:], *names[:2])], strict=True)),
    }
    verified = check(rewritten(summed(swapped)))
    assert set(named(verified)) >= set(names)


def test_a_policy_with_other_keys(bundle: Bundle, tmp_path: Path, rewritten: Callable[[Files], Path]) -> None:
    name = f"trust/{bundle.policy}/allowed_signers"
    mallory = Path(f"{make_key(tmp_path, 'mallory')}.pub").read_bytes()
    changed = {**bundle.files, name: b"ada@example.test " + mallory}
    assert name in named(check(rewritten(summed(changed))))


def test_a_checklist_that_nobody_planned(bundle: Bundle, rewritten: Callable[[Files], Path]) -> None:
    changed = {**bundle.files, CHECKLIST: bundle.files[CHECKLIST] + b"# but\n"}
    assert CHECKLIST in named(check(rewritten(summed(changed))))


def test_a_truncated_ledger(bundle: Bundle, tmp_path: Path, rewritten: Callable[[Files], Path]) -> None:
    lines = bundle.files[LEDGER].splitlines(keepends=True)
    cut = {**bundle.files, LEDGER: b"".join(lines[:-1])}
    assert "head.json" in named(check(rewritten(summed(cut))))
    # Somebody who makes everything anew is caught by a head that was noted elsewhere, and says nothing false without it.
    path = rewritten(rebuilt(tmp_path, cut))
    assert check(path).whole
    assert check(path).compared == (False, False)
    verified = check(path, bundle.head)
    assert verified.derived is not None
    assert [damage.what.value for damage in verified.derived.damages] == ["truncated"]


def test_a_record_from_the_middle_is_gone(bundle: Bundle, tmp_path: Path, rewritten: Callable[[Files], Path]) -> None:
    lines = bundle.files[LEDGER].splitlines(keepends=True)
    gone = {**bundle.files, LEDGER: b"".join(lines[:4] + lines[5:])}
    verified = check(rewritten(rebuilt(tmp_path, gone)))
    assert not verified.whole


def test_a_bundle_of_somebody_elses_ledger(bundle: Bundle, tmp_path: Path, empty_database_url: str) -> None:
    """Whoever makes a ledger of their own chooses its keys; a policy that is known tells it apart."""
    other = Project(tmp_path, empty_database_url)
    other.attest()
    other.export(tmp_path / "other.zip")
    assert check(tmp_path / "other.zip").whole
    verified = check(tmp_path / "other.zip", policy="ab" * 32)
    assert named(verified) == ["the bundle"]
    assert check(tmp_path / "other.zip", policy=bundle.policy).whole, "the same people with the same keys"
    assert not check(tmp_path / "other.zip", bundle.head).whole


def test_a_ledger_that_a_superuser_rewrote(database_url: str, admin_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.run()
    project.attest()
    with unguarded(admin_url) as connection:
        connection.execute(
            "update public.migration_audit set body = replace(body, 'blocked', 'ready') where kind = 'run.finished'"
        )
        connection.execute(RECOMPUTE)
    with pytest.raises(RefusedError, match="rewritten"):
        project.export(tmp_path / "evidence.zip")
    assert not (tmp_path / "evidence.zip").exists()


def test_only_one_plan(bundle: Bundle, database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    first = project.story()
    (project.migrations / "20300101000002_more.sql").write_text("select 2;\n", encoding="utf-8")
    project.run(run_id="01JQ0000000000000000000001")
    second = project.plan(not_after="48h")
    project.decide("ada")
    done = project.export(tmp_path / "evidence.zip", plan=second[:12])
    verified = check(tmp_path / "evidence.zip")
    assert verified.whole, verified
    assert {one.plan.digest for one in done.contents.plans} == {second}
    assert [one.run_id for one in done.contents.runs] == ["01JQ0000000000000000000001"]
    assert first not in {one.plan for one in done.contents.statements}
    project.export(tmp_path / "all.zip")
    assert check(tmp_path / "all.zip").whole
    with pytest.raises(UsageError):
        project.export(tmp_path / "none.zip", plan="0" * 12)


def test_files_that_are_no_longer_as_planned_are_left_out(database_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, database_url)
    project.plan()
    (project.migrations / MIGRATION).write_text("drop table public.users;\n", encoding="utf-8")
    (project.reverse / MIGRATION).unlink()
    done = project.export(tmp_path / "evidence.zip")
    assert done.missing == (f"migrations/{MIGRATION}", f"migrations/reverse/{MIGRATION}")
    assert check(tmp_path / "evidence.zip").whole
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        assert not {f"migrations/{MIGRATION}"} & set(archive.namelist())
        assert json.loads(archive.read(INDEX))["missing"] == list(done.missing)


def test_a_replaced_policy_and_a_revoked_key(database_url: str, tmp_path: Path) -> None:
    """The policies in force at their times are all there, and what a revoked key signed before stays checkable."""
    ledger = SignedLedger(tmp_path, database_url)
    ledger.attest("grace")
    ledger.replace_policy("ada", revoked=[make_key(tmp_path / "keys", "grace")])
    ledger.attest("ada")
    loaded = load(tmp_path / "checklist.yaml", checklist(item("team.told")))
    done = export(database_url, STAGING, loaded, tmp_path / "evidence.zip")
    assert [(one.since, one.root) for one in done.contents.policies] == [(3, True), (5, False)]
    verified = check(tmp_path / "evidence.zip", policy=done.contents.policies[0].digest)
    assert verified.whole, verified
    assert verified.derived is not None
    assert [one.principal for one in verified.derived.revoked] == ["grace@example.test"]
    assert not check(tmp_path / "evidence.zip", policy=done.contents.policies[1].digest).whole


def test_records_in_which_anything_may_stand(database_url: str, tmp_path: Path) -> None:
    """Runs are not signed: whoever may insert can put anything there, and both sides must make the same of it."""
    project = Project(tmp_path, database_url)
    texts = [text for text in HOSTILE if "\0" not in text]
    documents: list[object] = [
        5,
        {},
        {"run_id": "../../x", "phase": 7, "findings": "none"},
        {"run_id": "x", "findings": [{"evidence": []}]},
        *({"run_id": text, "phase": text, "verdict": text, "checklist_sha256": text} for text in texts),
        *(recorded_document(make_run([make_hostile(text, Outcome.FAIL)])) for text in texts),
    ]
    for document in documents:
        project.append(Draft(Kind.RUN_FINISHED, NAME, ADA, {"run": document}))
    project.append(Draft(Kind.PLAN_CREATED, NAME, ADA, {"plan": {"content": "../x"}}))
    done = project.export(tmp_path / "evidence.zip")
    assert [damage.seq for damage in done.odd] == [done.contents.head.seq]
    verified = check(tmp_path / "evidence.zip")
    assert verified.differences == ()
    assert verified.derived is not None
    assert [damage.what.value for damage in verified.derived.damages] == ["signature"], (
        "it is told, as `ledger verify` tells it"
    )


@given(st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(1, 255)), min_size=1, max_size=3))
def test_any_other_byte_is_noticed(
    bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    changed = bytearray(bundle.data)
    for place, bits in flips:
        changed[place % len(changed)] ^= bits
    path = tmp_path_factory.mktemp("flipped") / "evidence.zip"
    path.write_bytes(changed)
    try:
        assert check(path).whole == (bytes(changed) == bundle.data)
    except PointsctlError:
        assert bytes(changed) != bundle.data
