"""Loading a checklist: it is loaded, or every mistake in it is named at once, each with its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pointsctl.errors import ChecklistError, UsageError
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.checklists import HEAD, SECRETS, checklist, item, load, problems


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checklist.yaml"


# --- what can be loaded


def test_a_small_checklist_is_loaded(path: Path) -> None:
    text = checklist(
        item("a.one"),
        item("a.all", "with: {items: ['a.*']}", "gate"),
        item("b.own", "items: [{id: b.sub, title: Sub, kind: attestation}]", "gate"),
    )
    loaded = load(path, text)
    assert list(loaded.checks) == ["a.one", "a.all", "b.own", "b.sub"]
    assert loaded.references["a.all"] == ("a.one",)
    assert loaded.references["b.own"] == ("b.sub",)
    assert loaded.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert loaded.directory == path.parent


@pytest.mark.parametrize("written", ["no", "off", "false", "False"])
def test_a_negation_in_any_spelling_is_one_where_it_is_asked_for(path: Path, written: str) -> None:
    loaded = load(path, checklist(item("a.one", f"waivable: {written}")))
    assert [one.waivable for one in loaded.checklist.walk()] == [False]


@pytest.mark.parametrize("written", ["on", "no", "1_000", "12:30", "2024-01-01", "0x10", "~x"])
def test_what_old_yaml_takes_for_something_else_stays_text(path: Path, written: str) -> None:
    loaded = load(path, f"{HEAD}revision: {written}\nphases: []\n")
    assert loaded.checklist.revision == written


def test_variables_are_replaced_once(path: Path) -> None:
    text = checklist(item("a.one"), head="revision: ${PLAIN} ${NONE:-default} $${PLAIN}\n")
    assert load(path, text, SECRETS).checklist.revision == "shown default ${PLAIN}"
    assert load(path, text, {"PLAIN": "${HOME}"}).checklist.revision == "${HOME} default ${PLAIN}"


# --- one mistake each: line, column, found, expected, nearest


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "phasess: []\n", ("3:1: unknown key 'phasess'; expected one of version, title, revision, environments, backup, approvals, migrations, "
         "functions, deployment, rollout, metrics, triggers, phases (did you mean 'phases'?)")),
        (HEAD + "phases: []\nbackup: {retension: 7d}\n",
         "4:10: unknown key 'retension'; expected one of store, retention, fresh_for, restore_into, engine, jobs, scratch, encrypt_to, leave_out, prelude (did you mean 'retention'?)"),
        (HEAD + "phases: []\nbackup: {retention: 7}\n",
         "4:21: wrong value for 'retention'; found 7; expected a duration such as 90s, 30m, 24h or 7d"),
        (HEAD + "phases: 5\n", "3:9: wrong value for 'phases'; found 5; expected a list"),
        ("version: 1\ntitle: 2024\nphases: []\n",
         "2:8: wrong value for 'title'; found 2024; expected text (in quotes, if it looks like something else)"),
        ("title: A checklist\nphases: []\n", "1:1: the key 'version' is missing"),
        ("version: true\ntitle: A checklist\nphases: []\n", "1:10: unknown checklist format; found 'True'; expected 1"),
        ("version: 1.0\ntitle: A checklist\nphases: []\n", "1:10: unknown checklist format; found '1.0'; expected 1"),
        ("version: '1'\ntitle: A checklist\nphases: []\n", "1:10: unknown checklist format; found '1'; expected 1"),
        (checklist(item("a.one", "severity: critcal")),
         "10:64: wrong value for 'severity'; found 'critcal'; expected 'critical', 'major' or 'minor'"),
        (checklist(item("a.one", "needs: [a.two, b.one]"), item("a.tow")),
         "10:62: no item of this id; found 'a.two'; expected the id of an item (did you mean 'a.tow'?)"),
        (checklist(item("a.one"), item("a.one")), "11:12: the id 'a.one' is used twice; found the first at line 10; expected each id once"),
        (checklist(item("a.all", "with: {items: ['b.*']}", "gate")),
         "10:62: no item of this id; found 'b.*'; expected an id, or a glob that matches ids"),
        (checklist(item("a.all", "", "gate")), "10:7: 'a.all' stands for its sub-items and has none; expected `items` in `with`, or sub-items"),
        (checklist(item("a.all", "with: {itms: [a.b]}", "gate")), "10:54: unknown key 'itms'; expected one of items (did you mean 'items'?)"),
        (checklist(item("a.one", "environments: [stagin]"), head="environments: {staging: {database_url: x}}\n"),
         "11:69: no environment of this name; found 'stagin'; expected a declared environment (did you mean 'staging'?)"),
        (checklist(item("a.one", "at: prodution"), head="environments: {production: {database_url: x}}\n"),
         "11:58: no environment of this name; found 'prodution'; expected a declared environment (did you mean 'production'?)"),
        (HEAD + "phases: []\nenvironments: {a: {database_url: x, at: {b: zz}}}\n",
         "4:45: no environment of this name; found 'zz'; expected a declared environment"),
        (HEAD + "phases: []\nenvironments: {Staging: {database_url: x}}\n",
         "4:16: wrong name; found 'Staging'; expected text that matches '^[a-z0-9]+(-[a-z0-9]+)*$'"),
        (HEAD + "phases: []\nmetrics: {rate: {title: Rate}}\ntriggers: {x: {title: X, metric: rte, above: 1}}\n",
         "5:34: no metric of this name; found 'rte'; expected one of `metrics` (did you mean 'rate'?)"),
        (HEAD + "phases: []\nbackup: {store: '${STORE}'}\n", "4:17: the variable STORE is not set; expected a value in the environment"),
        (HEAD + "phases: []\nbackup: {store: '${PLAN}'}\n",
         "4:17: the variable PLAN is not set; expected a value in the environment (did you mean 'PLAIN'?)"),
        (HEAD + "phases: []\nbackup: {store: '${PLAIN'}\n",
         "4:17: a variable that cannot be read; found '${PLAIN'; expected ${NAME}, ${NAME:-default}, or $${ for a literal ${"),
        (HEAD + "title: Again\nphases: []\n", "3:1: the key 'title' is written twice; expected each key once"),
        (HEAD + "phases: !!python/object/apply:os.system [ls]\n",
         "3:9: tags are not allowed; expected a plain value, and quotes around a text that begins with !"),
        (HEAD + "phases: [\n", "4:1: not valid YAML: while parsing a flow node, did not find expected node content"),
        ("- version\n", "1:1: not a checklist; expected a mapping with `version`, `title` and `phases`"),
        ("", "1:1: not a checklist; expected a mapping with `version`, `title` and `phases`"),
        ("version: 2\nnew: [1]\n", "1:10: this checklist has format 2, newer than this program reads; found 2; expected 1: upgrade pointsctl"),
        ("version: 1\nüb: \0\n", "2:5: a character that YAML does not allow; found U+0000"),
        (b"version: 1\n\xc3\xbcb: \xff\n", "2:5: not UTF-8 text; found byte 0xff; expected a YAML file in UTF-8"),
        ("version: 1".encode("utf-16"), "1:1: not UTF-8 text; found byte 0xff; expected a YAML file in UTF-8"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0", "1:1: a character that YAML does not allow; found U+007F"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(path: Path, text: str | bytes, line: str) -> None:
    assert line in problems(path, text, SECRETS)


@pytest.mark.parametrize(("protected", "retention", "wrong"), [(1, "6d23h", 1), (1, "7d", 0), (0, "1h", 0)])
def test_backups_of_what_is_protected_are_kept_for_seven_days(
    path: Path, protected: int, retention: str, wrong: int
) -> None:
    environment = f"environments: {{here: {{database_url: x, protected: {bool(protected)}}}}}\n"
    text = checklist(item("a.one"), head=f"{environment}backup: {{retention: {retention}}}\n")
    if not wrong:
        assert load(path, text).checklist.backup.retention
        return
    (line,) = problems(path, text)
    assert line == (
        "4:21: backups are kept too short for the protected environment 'here'; found '6d23h'; expected 7d or longer"
    )


def test_an_unknown_kind_names_the_nearest_and_all(path: Path) -> None:
    (line,) = problems(path, checklist(item("a.one", kind="atestation")))
    assert line.startswith(
        "10:41: unknown kind; found 'atestation'; expected one of approval, attestation, backup, command, "
    )
    assert line.endswith("(did you mean 'attestation'?)")


def test_a_newer_format_gives_one_line_only(path: Path) -> None:
    assert len(problems(path, "version: 7\nphases: 5\nnew: ${UNSET}\n")) == 1


def test_all_problems_come_at_once_in_the_order_of_the_file(path: Path) -> None:
    text = checklist(
        item("a.one", "needs: [a.none], severity: bad"),
        item("a.one", "waivable: maybe, environments: [nowhere]"),
        item("Bad Id", "fields: [{name: x, type: human, title: A human}]"),
        item("a.gate", "with: {items: [zzz]}, at: elsewhere", "gate"),
        item("a.four", kind="unheard_of"),
        head="backup: {stroe: x, store: '${UNSET}'}\n",
    )
    found = problems(path, text)
    assert [line.split(" ", 1)[1].split(";")[0] for line in found] == [
        "unknown key 'stroe'",
        "the variable UNSET is not set",
        "no item of this id",
        "wrong value for 'severity'",
        "the id 'a.one' is used twice",
        "wrong value for 'waivable'",
        "no environment of this name",
        "wrong value for 'id'",
        "wrong value for 'type'",
        "no item of this id",
        "no environment of this name",
        "unknown kind",
    ]
    assert found == sorted(found, key=lambda line: [int(part) for part in line.split(":")[:2]])


def test_items_without_an_id_are_not_called_doubled(path: Path) -> None:
    found = problems(path, checklist("    - {title: One, kind: attestation}\n    - {title: Two, kind: attestation}\n"))
    assert [line.split(" ", 1)[1] for line in found] == ["the key 'id' is missing in phases.sections.items"] * 2


def test_a_file_of_another_kind_gives_a_bounded_list(path: Path) -> None:
    path.write_text("".join(f"key{number}: x\n" for number in range(5_000)))
    with pytest.raises(ChecklistError, match="5,003 problems, the first 100 of them above") as caught:
        load_checklist(path, {})
    assert len(caught.value.problems) == 100


# --- cycles


@pytest.mark.parametrize(
    ("items", "ring"),
    [
        ((item("a.one", "needs: [a.one]"),), "a.one -> a.one"),
        ((item("a.one", "needs: [a.two]"), item("a.two", "needs: [a.one]")), "a.one -> a.two -> a.one"),
        ((item("a.all", "with: {items: [b.one]}", "gate"), item("b.one", "needs: [a.all]")), "a.all -> b.one -> a.all"),
        ((item("a.all", "with: {items: [a.all]}", "gate"),), "a.all -> a.all"),
        ((item("a.all", "with: {items: ['b.*']}", "gate"), item("b.all", "with: {items: ['a.*']}", "gate")),
         "a.all -> b.all -> a.all"),
        ((item("a.all", "items: [{id: b.sub, title: Sub, kind: attestation, needs: [a.all]}]", "gate"),),
         "a.all -> b.sub -> a.all"),
    ],
)  # fmt: skip
def test_a_cycle_is_spelled_out(path: Path, items: tuple[str, ...], ring: str) -> None:
    assert problems(path, checklist(*items)) == [
        f"10:12: items wait for each other: {ring}; expected no cycle in `needs` and gates"
    ]


def test_every_cycle_is_named(path: Path) -> None:
    items = [
        item(f"{name}.one", f"needs: [{name}.two]") + item(f"{name}.two", f"needs: [{name}.one]") for name in "abc"
    ]
    assert len(problems(path, checklist(*items))) == 3


def test_a_glob_does_not_mean_the_gate_that_it_stands_in(path: Path) -> None:
    loaded = load(path, checklist(item("a.all", "with: {items: ['a.*']}", "gate"), item("a.one")))
    assert loaded.references["a.all"] == ("a.one",)


def test_gates_of_phases_and_sections_are_items(path: Path) -> None:
    text = checklist(item("a.one")).replace("  title: Before\n", "  title: Before\n  gates: [a.on]\n")
    assert problems(path, text) == [
        "6:11: no item of this id; found 'a.on'; expected the id of a gate (did you mean 'a.one'?)"
    ]


# --- variables and environments

ENVIRONMENTS = (
    "environments:\n  staging: {database_url: '${STAGING_URL}'}\n  production: {database_url: '${PRODUCTION_URL}'}\n"
)


def test_an_unset_variable_of_another_environment_does_not_matter(path: Path) -> None:
    loaded = load(path, checklist(item("a.one"), head=ENVIRONMENTS), {"PRODUCTION_URL": "postgresql://h/d"})
    assert loaded.environment("production").database_url == "postgresql://h/d"


def test_an_unset_variable_of_the_environment_in_use_is_named(path: Path) -> None:
    loaded = load(path, checklist(item("a.one"), head=ENVIRONMENTS), {"STAGIN_URL": "postgresql://h/d"})
    with pytest.raises(ChecklistError) as caught:
        loaded.environment("staging")
    assert caught.value.problems == (
        f"{path}:4:27: the variable STAGING_URL is not set; expected a value in the environment (did you mean 'STAGIN_URL'?)",
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [("stagin", "did you mean 'staging'?"), ("xyz", "declared in checklist.yaml: production, staging")],
)
def test_an_unknown_environment_is_refused_with_the_nearest(path: Path, name: str, hint: str) -> None:
    loaded = load(path, checklist(item("a.one"), head=ENVIRONMENTS))
    with pytest.raises(UsageError) as caught:
        loaded.environment(name)
    assert caught.value.hint == hint


def test_an_item_may_look_where_an_environment_says_that_it_means_itself(path: Path) -> None:
    head = "environments: {production: {database_url: x, at: {staging: production}}}\n"
    assert load(path, checklist(item("a.one", "at: staging"), head=head)).checklist.find("a.one")


# --- secrets


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ("database_url: 'postgresql://me:hunter22@h/d'", "a password in database_url"),
        ("database_url: 'host=h password=hunter22'", "a password in database_url"),
        ("database_url: '${URL:-postgresql://me:hunter22@h/d}'", "a password in database_url"),
        ("database_url: 'postgresql://me@h/d?password=hunter22'", "a password in database_url"),
        ("database_url: x, functions_url: 'https://me:hunter22@h'", "a password in functions_url"),
        ("database_url: x, variables: {COUPON_SECRET: hunter22}", "the value of 'COUPON_SECRET'"),
        ("database_url: x, variables: {COUPON_SECRET: '${X:-hunter22}'}", "the value of 'COUPON_SECRET'"),
        (
            "database_url: x, variables: {SUPABASE_SERVICE_ROLE_KEY: 'hunter22'}",
            "the value of 'SUPABASE_SERVICE_ROLE_KEY'",
        ),
        ("database_url: x, variables: {OTHER_URL: 'redis://:hunter22@h'}", "the value of 'OTHER_URL'"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(path: Path, environment: str, what: str) -> None:
    text = f"{HEAD}phases: []\nenvironments:\n  one: {{{environment}}}\n"
    (line,) = problems(path, text)
    assert f"{what} stands in the file; expected secrets from the environment only" in line
    assert "hunter22" not in line


@pytest.mark.parametrize(
    "environment",
    ["database_url: '${URL:-postgresql://me@h/d}'", "database_url: 'postgresql://me:${PASSWORD:-}@h/d'",
     "database_url: x, variables: {COUPON_SECRET: '${COUPON_SECRET:-}', SUPABASE_URL: 'https://x.example', SUPABASE_ANON_KEY: abc}"],
)  # fmt: skip
def test_what_is_no_secret_may_stand_in_the_file(path: Path, environment: str) -> None:
    loaded = load(path, f"{HEAD}phases: []\nenvironments:\n  one: {{{environment}}}\n")
    assert list(loaded.checklist.environments) == ["one"]


@pytest.mark.parametrize(
    "place",
    ["at: '${COUPON_SECRET}'", "needs: ['${COUPON_SECRET}']", "environments: ['${COUPON_SECRET}']", "severity: '${COUPON_SECRET}'",
     "with: {role: ['${COUPON_SECRET}']}", "with: '${COUPON_SECRET}'", "fields: ['${COUPON_SECRET}']", "timeout: '${COUPON_SECRET}'",
     "items: [{id: '${COUPON_SECRET}', title: x, kind: '${COUPON_SECRET}'}, {id: '${COUPON_SECRET}', title: abc, kind: attestation}]"],
)  # fmt: skip
def test_a_secret_variable_in_the_wrong_place_is_not_shown(path: Path, place: str) -> None:
    path.write_text(checklist(item("a.one", place)))
    with pytest.raises(ChecklistError) as caught:
        load_checklist(path, SECRETS)
    assert SECRETS["COUPON_SECRET"] not in "\n".join((*caught.value.problems, caught.value.message, caught.value.hint))


def test_a_message_that_repeats_an_expanded_value_shows_no_secret(path: Path) -> None:
    found = problems(path, checklist(item("'${COUPON_SECRET}'", kind="gate")), SECRETS)
    assert any("'[redacted]' stands for its sub-items and has none" in line for line in found)


@pytest.mark.parametrize("place", ["needs: ['${PLAIN}']", "at: '${PLAIN}'", "with: {items: ['${PLAIN}']}"])
def test_what_was_found_is_quoted_as_it_is_written(path: Path, place: str) -> None:
    (line,) = [
        line
        for line in problems(path, checklist(item("a.all", place, "gate")), SECRETS)
        if "no " in line and "stands" not in line
    ]
    assert "found '${PLAIN}'" in line
