"""The documentation names everything that exists, its links and commands work, and its examples load."""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pages.exit_codes import every_error
from screens.blocks import blocks, excerpt, filled
from screens.normal import folded, normal
from screens.preparations import FILES
from screens.requests import answer
from screens.stage import Stage
from screens.stand_ins import StandIns
from screens.story import STORY, Run, StoryError

from pointsctl import errors, kinds
from pointsctl.cli.root import app
from pointsctl.errors import ChecklistError
from pointsctl.ledger.damage import What
from pointsctl.model.backup_history import BackupState
from pointsctl.model.configuration import (
    Backup,
    DeploymentSettings,
    FunctionCommands,
    Functions,
    LeftOut,
    Lint,
    Migrations,
)
from pointsctl.model.ledger import Kind
from pointsctl.model.lint_rules.every import RULES
from pointsctl.model.markdown import Markdown
from pointsctl.model.migration_status import MigrationState
from pointsctl.model.policy import Policy
from pointsctl.model.procedure import StepState
from pointsctl.model.proof import Differs
from pointsctl.model.standing import State
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.blockers import MigrationBlockedError
from pointsctl.s3.address import Address
from pointsctl.sandbox.faults import faults
from pointsctl.workflow import deploy
from pointsctl.workflow.load_checklist import Loaded, load_checklist
from tests.support.web_server import serve

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
}
TEXT = "\n".join(PAGES.values())
COMMAND: Any = typer.main.get_command(app)
_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
STEPS = deploy._IDS
_SHELL = ("console", "sh", "yaml")


def fences(language: str) -> list[tuple[str, str]]:
    return [(page, found[2]) for page, text in PAGES.items() for found in _FENCE.finditer(text) if found[1] == language]


# ---------------------------------------------------------------------------------------------------------------------
# Everything that exists is named


def command_paths(command: Any, path: str) -> Iterator[str]:
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from command_paths(child, f"{path} {name}")


def json_schemas() -> set[str]:
    sources = (path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    found = {name for source in sources for name in re.findall(r"pointsctl/[a-z-]+/v\d+", source)}
    return found - {"pointsctl/sandbox-state/v1"}  # a file of the sandbox's own, printed by nothing


@pytest.mark.parametrize("path", list(command_paths(COMMAND, "pointsctl")))
def test_every_command_has_its_help_in_the_documentation(path: str) -> None:
    assert re.search(rf"(?m)^#+ {path}$", PAGES["docs/cli.md"])


@pytest.mark.parametrize("kind", kinds.names("checks"))
def test_every_kind_has_its_place(kind: str) -> None:
    assert re.search(rf"(?m)^## {kind}$", PAGES["docs/kinds.md"])
    assert f"kind: {kind}" in PAGES["docs/quick-start.md"] + PAGES["docs/kinds.md"]


@pytest.mark.parametrize("name", [*sqlfiles.names("audits"), *sqlfiles.names("probes")])
def test_every_audit_and_probe_has_its_place(name: str) -> None:
    assert re.search(rf"(?m)^## {name}$", PAGES["docs/audits.md"])


@pytest.mark.parametrize("name", kinds.names("reports"))
def test_every_report_format_is_shown_in_use_or_named(name: str) -> None:
    assert f"--format {name}" in PAGES["docs/ci.md"]


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_json_document_is_listed(name: str) -> None:
    assert f"`{name}`" in PAGES["docs/json.md"]


def test_every_fault_is_listed_with_what_it_does() -> None:
    assert faults()
    for fault in faults().values():
        assert f"| `{fault.name}` | {fault.title} |" in PAGES["docs/sandbox.md"]


@pytest.mark.parametrize("code", list(errors.ExitCode))
def test_every_exit_code_is_explained(code: errors.ExitCode) -> None:
    assert re.search(rf"(?m)^\| {code.value} \| .+ \|$", PAGES["docs/exit-codes.md"])


def test_every_error_code_is_explained() -> None:
    codes = {one.code for one in every_error()}
    assert {errors.RefusedError.code, MigrationBlockedError.code} < codes
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \| \d+ \|", PAGES["docs/exit-codes.md"])) == codes


@pytest.mark.parametrize(
    ("page", "at_least"),
    [("docs/approvals.md", 30), ("docs/backups.md", 20), ("docs/migrations.md", 25), ("docs/deploy.md", 25)],
)
def test_every_attack_names_a_test_that_exists(page: str, at_least: int) -> None:
    named = set(re.findall(r"(?m)^\| .+ \| .+ \| `(test_\w+)` \|$", PAGES[page]))
    sources = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    existing = {name for source in sources for name in re.findall(r"(?m)^def (test_\w+)", source)}
    assert len(named) > at_least
    assert named <= existing


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_record_has_its_place(kind: Kind) -> None:
    assert f"| `{kind.value}` |" in PAGES["docs/ledger.md"]


@pytest.mark.parametrize("state", list(State))
def test_every_standing_of_an_approval_is_explained(state: State) -> None:
    assert f"| `{state.value}` |" in PAGES["docs/approvals.md"]


@pytest.mark.parametrize("state", [*BackupState, "damaged", "missing", "unrecorded", "unknown"])
def test_every_state_of_a_backup_is_explained(state: str) -> None:
    assert f"| `{state}` |" in PAGES["docs/backups.md"]
    assert f"`{state}`" in PAGES["docs/json.md"]


@pytest.mark.parametrize("differs", list(Differs))
def test_every_way_in_which_a_copy_differs_is_explained(differs: Differs) -> None:
    assert re.search(rf"(?m)^\| .*`{differs.value}`.* \| .+ \|$", PAGES["docs/backups.md"])
    assert f"`{differs.value}`" in PAGES["docs/json.md"]


@pytest.mark.parametrize("key", [*Backup.model_fields, *LeftOut.model_fields])
def test_every_setting_of_backups_is_explained(key: str) -> None:
    assert f"`{key}`" in PAGES["docs/backups.md"]


@pytest.mark.parametrize("key", [*Migrations.model_fields, *Lint.model_fields])
def test_every_setting_of_migrations_is_explained(key: str) -> None:
    assert f"`{key}`" in PAGES["docs/migrations.md"]


@pytest.mark.parametrize(
    "key", [*Functions.model_fields, *FunctionCommands.model_fields, *DeploymentSettings.model_fields]
)
def test_every_setting_of_functions_and_deployments_is_explained(key: str) -> None:
    assert re.search(rf"(?m)`{key}`|^ +{key}: ", PAGES["docs/deploy.md"])


@pytest.mark.parametrize("state", list(MigrationState))
def test_every_state_of_a_migration_is_explained(state: MigrationState) -> None:
    assert f"| `{state.value}` |" in PAGES["docs/migrations.md"]
    assert f"`{state.value}`" in PAGES["docs/json.md"]


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_every_rule_of_the_linter_is_named(rule: str) -> None:
    assert f"`{rule}`" in PAGES["docs/migrations.md"]


@pytest.mark.parametrize("room", ["migration_histories", "migration_engines", "function_platforms"])
def test_every_engine_history_and_platform_is_named(room: str) -> None:
    for name in kinds.names(room):
        assert f"`{name}`" in PAGES["docs/migrations.md"] + PAGES["docs/deploy.md"]


def test_every_step_of_a_deployment_is_in_the_table_in_order() -> None:
    assert tuple(re.findall(r"(?m)^\| `([a-z-]+)` \|(?:[^|]*\|){3}$", PAGES["docs/deploy.md"])) == STEPS


@pytest.mark.parametrize("state", list(StepState))
def test_every_state_of_a_step_is_listed(state: StepState) -> None:
    assert f"`{state.value}`" in PAGES["docs/json.md"]


@pytest.mark.parametrize("field", [field.name for field in fields(Address) if field.default == ""])
def test_every_setting_of_a_bucket_is_explained(field: str) -> None:
    assert re.search(rf"(?m)^\| .*`{field}`.* \| .+ \|$", PAGES["docs/backups.md"])


@pytest.mark.parametrize("what", list(What))
def test_every_damage_is_explained(what: What) -> None:
    assert f"`{what.value}`" in PAGES["docs/ledger.md"]
    assert f"`{what.value}`" in PAGES["docs/json.md"]


@pytest.mark.parametrize("key", list(Policy.model_fields))
def test_every_key_of_the_policy_is_explained(key: str) -> None:
    assert f"| `{key}` |" in PAGES["docs/approvals.md"]


# ---------------------------------------------------------------------------------------------------------------------
# Links


@pytest.mark.parametrize("page", list(PAGES))
def test_every_link_leads_somewhere(page: str) -> None:
    for link in Markdown(PAGES[page]).links:
        target, _, anchor = link.target.partition("#")
        if "://" in target:
            continue
        path = os.path.normpath((ROOT / page).parent / target) if target else str(ROOT / page)
        assert Path(path).is_file(), f"{page}:{link.line}: {link.target}"
        assert not anchor or anchor in Markdown(Path(path).read_text("utf-8")).anchors, (
            f"{page}:{link.line}: {link.target}"
        )


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {os.path.normpath(link.target.partition("#")[0]) for link in Markdown(PAGES["README.md"]).links}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked


# ---------------------------------------------------------------------------------------------------------------------
# Commands


def shown_commands() -> list[tuple[str, str]]:
    """Every line with a call of pointsctl: in shells, in pipelines, and between backticks in the text."""
    found = []
    for page, text in PAGES.items():
        for fence in _FENCE.finditer(text):
            if fence[1] in _SHELL:
                # In YAML a line of a script is indented; on a screen that is what the program says.
                before = r" *(?:- (?:run: )?)?" if fence[1] == "yaml" else r"(?:\$ )?"
                found += [(page, line) for line in re.findall(rf"(?m)^{before}(pointsctl [a-z][^\n]*)$", fence[2])]
        found += [(page, line) for line in re.findall(r"`(pointsctl [^`\n]*)`", _FENCE.sub("", text))]
    return found


def parse(line: str) -> None:
    """Raise what the program would raise for a call that it cannot parse; the command itself is not run."""
    words = shlex.split(re.split(r" (?:\||>|\|\||&&|2>) ", line)[0], comments=True)[1:]
    command, context = COMMAND, None
    name = "pointsctl"
    while getattr(command, "commands", None):
        if words[:1] in (["--help"], ["--version"]):
            return
        context = command.make_context(name, words, parent=context)
        remaining = [*context._protected_args, *context.args]
        name, command, words = command.resolve_command(context, remaining)
    command.make_context(name, words, parent=context)


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_every_shown_command_can_be_parsed(page: str, line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", ["pointsctl preflght", "pointsctl preflight --envv x", "pointsctl check show"])
def test_a_command_that_does_not_exist_would_be_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such|missing"):
        parse(line)


def test_enough_commands_are_looked_at() -> None:
    assert len({line for _, line in shown_commands()}) > 30


# ---------------------------------------------------------------------------------------------------------------------
# Examples

_AROUND: dict[str, Any] = {
    "version": 1,
    "title": "A checklist around an example",
    "environments": {"staging": {"database_url": "${STAGING_DATABASE_URL}"}},
}


def item_examples() -> list[tuple[str, str]]:
    return [(page, text) for page, text in fences("yaml") if text.startswith("- id:") or "\nphases:" in text]


def as_checklist(example: str) -> dict[str, Any]:
    """An example as a whole file; the items that it only refers to are added."""
    data = yaml.safe_load(example)
    if isinstance(data, dict):
        return data
    wanted = {name for one in data for name in (*one.get("needs", ()), *_gated(one))}
    stubs = [
        {"id": name.replace("*", "example"), "title": "An item elsewhere", "kind": "attestation"}
        for name in sorted(wanted - {one["id"] for one in data})
        if "*" not in name or not any(one["id"].startswith(name.rstrip("*")) for one in data)
    ]
    section = {"id": "examples", "title": "Examples", "items": [*data, *stubs]}
    return {**_AROUND, "phases": [{"id": "pre-deployment", "title": "Before", "sections": [section]}]}


def _gated(item: dict[str, Any]) -> list[str]:
    return list(item.get("with", {}).get("items", ())) if item["kind"] == "gate" else []


def loaded(folder: Path, example: str) -> Loaded:
    path = folder / "checklist.yaml"
    path.write_text(yaml.safe_dump(as_checklist(example), sort_keys=False), "utf-8")
    return load_checklist(path, {})


@pytest.mark.parametrize(("page", "example"), item_examples())
def test_every_example_of_items_loads(tmp_path: Path, page: str, example: str) -> None:
    assert list(loaded(tmp_path, example).checklist.walk())


def test_the_examples_cover_every_kind(tmp_path: Path) -> None:
    shown = {
        item.kind
        for page, text in item_examples()
        if page == "docs/quick-start.md"
        for item in loaded(tmp_path, text).checklist.walk()
    }
    assert shown == set(kinds.names("checks"))


def test_every_yaml_in_the_documentation_is_yaml() -> None:
    assert all(yaml.safe_load(text) for _, text in fences("yaml"))


def test_the_checklist_with_mistakes_has_them() -> None:
    with pytest.raises(ChecklistError) as caught:
        load_checklist(FILES / "mistakes.yaml", {})
    shown = PAGES["docs/quick-start.md"]
    assert len(caught.value.problems) == 5
    assert all(problem.removeprefix(f"{FILES}/") in shown for problem in caught.value.problems)


# ---------------------------------------------------------------------------------------------------------------------
# Screens


def test_every_screen_is_shown_and_every_marked_block_exists() -> None:
    asked = {name for text in PAGES.values() for sort, name in blocks(text) if sort == "screen"}
    assert asked == {name for name in STORY if not name.startswith("-")}


def test_no_marker_is_left_alone_or_empty() -> None:
    for page, text in PAGES.items():
        assert len(re.findall(r"(?m)^<!-- (?:screen|file|table):", text)) == len(blocks(text)), page
        assert not re.search(r"(?m)^<!-- (?:screen|file|table): .* -->\n<!-- /", text), page


def test_an_excerpt_marks_what_it_leaves_out() -> None:
    text = "one\ntwo\nthree\nfour\nfive\nsix"
    assert excerpt(text, ()) == text
    assert excerpt(text, [("^two", "^three")]) == "...\ntwo\nthree\n..."
    assert excerpt(text, [("^one", "^two"), ("^five", r"\Z")]) == "one\ntwo\n...\nfive\nsix"


@pytest.mark.parametrize("part", [("seven", "eight"), ("five", "one")])
def test_an_excerpt_of_lines_that_are_gone_is_an_error(part: tuple[str, str]) -> None:
    with pytest.raises(StoryError, match="matches"):
        excerpt("one\nfive\nsix", [part])


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if blocks(text)])
def test_the_shown_files_and_tables_are_up_to_date(page: str) -> None:
    shown = re.findall(r"(?ms)^<!-- (?:file|table): .*?^<!-- /(?:file|table) -->$", PAGES[page])
    assert [filled(block) for block in shown] == shown


@pytest.mark.parametrize("sort", ["screen", "file", "table"])
def test_a_block_that_does_not_exist_is_an_error(sort: str) -> None:
    with pytest.raises(StoryError, match="'nothing'"):
        filled(f"<!-- {sort}: nothing -->\n<!-- /{sort} -->")


def test_a_command_that_ends_otherwise_than_told_is_an_error(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.output(Run("pointsctl --version", 0)).startswith("pointsctl ")
    with pytest.raises(StoryError, match="ended with 0, not 1"):
        stage.output(Run("pointsctl --version", 1))


def item_line(summary: str, time: str) -> str:
    """A line of the report as the program cuts it at 80 columns."""
    head = "  ✓ pass    target.balances  "
    room = 80 - len(head) - (len(time) + 2 if time else 0)
    cut = summary if len(summary) <= room else f"{summary[: room - 1]}…"
    return f"{head}{cut:<{room}}  {time}".rstrip()


def test_a_value_has_one_stand_in_through_the_whole_story_and_so_has_its_beginning() -> None:
    stand_ins = StandIns(datetime(2026, 1, 31, 8, 30, 59, tzinfo=UTC))
    digest, other = "0123456789ab" + "cd" * 26, "f" * 64
    one = stand_ins.put(f"plan {digest[:12]}, head 7:{digest}, {other}")
    assert one == stand_ins.put(f"plan {digest[:12]}, head 7:{digest}, {other}")
    short, whole, third = re.findall(r"\b[0-9a-f]{12,}", one)
    assert whole.startswith(short)
    assert whole != third
    assert stand_ins.put("c0ffee00-0000-4000-8000-000000000010, 000000000008-") == (
        "c0ffee00-0000-4000-8000-000000000010, 000000000008-"
    )


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-01-31T08:31:12Z", "2030-01-31T08:00:00Z"),
        ("2026-01-31T08:39:59.123Z", "2030-01-31T08:00:00.000Z"),
        ("2026-02-03T08:31:12.999Z", "2030-02-03T08:00:00.000Z"),
        ("2026-02-03 08:31Z", "2030-02-03 08:00Z"),
        ("2025-01-25T08:00:00Z", "2025-01-25T08:00:00Z"),
    ],
)
def test_times_of_the_story_become_the_same_ones_in_every_run(time: str, shown: str) -> None:
    assert StandIns(datetime(2026, 1, 31, 8, 30, 59, tzinfo=UTC)).put(f"at {time}.") == f"at {shown}."


@pytest.mark.parametrize("length", [10, *range(38, 50), 60])
def test_the_time_that_an_item_took_changes_nothing(length: int) -> None:
    summary = ("all that was looked at is as it should be; " * 3)[:length]
    seen = {normal(item_line(summary, time)) for time in ("", "0 ms", "12 ms", "999 ms", "1.2 s", "12.3 s")}
    assert len(seen) == 1
    assert " ms" not in seen.pop()


def drill(took: str, rate: str) -> str:
    return (
        f"restored in {took}: backup 20300131T080000Z-000001 of sandbox is proven, the copy is the source\n"
        f"compared: 1 row\nstage  time  amount  rate\ndownload  {took}  947 kB  {rate}\ncatalogue  {took}\n"
        f"audits  {took}  19  {rate}\nrecorded"
    )


def test_the_time_that_a_drill_took_changes_nothing() -> None:
    seen = {
        normal(drill(took, rate)) for took in ("9 ms", "661 ms", "12.3 s", "3 min 4 s") for rate in ("1/s", "9.9 MB/s")
    }
    assert len(seen) == 1
    assert re.search(r"(?m)^download +0\.4 s +960 kB\ncatalogue +0\.4 s\naudits +0\.4 s +19\nrecorded$", seen.pop())


def rehearsal(took: str, log: str) -> str:
    """A report as the program folds it at 80 columns."""
    lines = (
        (f"rehearsed: 1 migration on backup 20300131T080000Z-000001 of sandbox, applied in {took}", ""),
        (f"20260201000001_coupons_by_status.sql: {took}", ""),
        (f"  line 1 create index coupons_status_idx on public.coupons (status); {took}; log {log}", " " * 4),
        (f"  writes on public.coupons for {took} (ShareLock, 20260201000001_coupons_by_status.sql)", " " * 4),
        ("what clients write after the migration, and a reverse script drops, would be lost as well", ""),
        ("recorded in record 7", ""),
    )
    shown = "\n".join(textwrap.fill(line, 80, subsequent_indent=indent) for line, indent in lines)
    return f"{shown}\nstage  time  amount  rate\nmigrations  {took}  1  9.9/s\n"


def test_the_times_of_a_rehearsal_change_nothing() -> None:
    seen = {
        normal(rehearsal(took, log)) for took in ("0 ms", "61 ms", "12.3 s") for log in ("0 B", "123.4 kB", "1.1 MB")
    }
    assert len(seen) == 1
    shown = seen.pop()
    assert "applied in\n4 ms\n20260201000001_coupons_by_status.sql: 4 ms\n  line 1" in shown
    assert "would be\nlost as well\nrecorded in record 7\nstage" in shown


@pytest.mark.parametrize("took", ["9 ms", "661 ms", "12.3 s"])
def test_long_lines_are_folded_once_their_times_are_fixed(took: str) -> None:
    line = f" 4. backup: done ({took}): " + "word " * 20
    assert folded(line) == folded(" 4. backup: done (1 ms): " + "word " * 20)
    assert folded(line).splitlines()[1].startswith("  word")
    assert folded(f"name   time{' ' * len(took)}result\nfirst  {took}  ok") == "name   time  result\nfirst  4 ms  ok"


@pytest.mark.parametrize("said", ["in 3.4s, less than a\n           minute ago", "in 12.5s, 3m ago"])
def test_the_age_of_a_rehearsal_changes_nothing(said: str) -> None:
    text = normal(f"rehearsal  2 migrations on backup 20300131T080000Z-000001 {said}\nsecurity   none")
    assert text.endswith("in 3.4s, less than a\n           minute ago\nsecurity   none")


def test_a_backup_has_one_stand_in_through_the_whole_story() -> None:
    stand_ins = StandIns(datetime(2026, 1, 31, 8, 30, 59, tzinfo=UTC))
    one, other = "20260131T083112Z-0ctyk2", "20260131T083112Z-ytazfd"
    first, second, again = stand_ins.put(f"{one} {other} {one}").split()
    assert first == again != second
    assert len(first) == len(one)


def test_made_up_ids_become_the_same_ones_in_every_run_and_stay_different() -> None:
    one = "a 71df4c74-c61c-480f-92a4-d0fc5d7d97c4 b 11df4c74-c61c-480f-92a4-d0fc5d7d97c4 a 71df4c74-c61c-480f-92a4-d0fc5d7d97c4"
    other = one.replace("71d", "ab3").replace("11d", "0ff")
    assert normal(one) == normal(other)
    first, second, again = re.findall(r"[0-9a-f-]{36}", normal(one))
    assert first == again != second
    kept = "00000000-0000-4000-8000-000000000001"
    assert normal(kept) == kept


def test_a_shown_curl_line_is_sent_as_curl_would() -> None:
    line = 'curl -s $URL/echo -X POST \\\n    -H "Authorization: Bearer $KEY" -d \'{"a": 1}\''
    with serve() as server:
        server.answer("/echo", body=b"heard")
        assert answer(line, {"URL": server.url, "KEY": "k"}) == "heard"
    ((request, headers, body),) = server.seen
    assert (request, headers["Authorization"], body) == ("POST /echo", "Bearer k", b'{"a": 1}')
