"""The pipelines of docs/ci.md, run as the plain shell that they are: what they let through, and what they deploy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli import environment, pointsctl
from tests.support.keys import trust_folder

PAGE = (Path(__file__).resolve().parents[2] / "docs/ci.md").read_text("utf-8")
ERIN, OLGA = "erin@example.test", "olga@example.test"
MIGRATION = "supabase/migrations/20260201000001_coupons_by_status.sql"
CHECKLIST = """
version: 1
title: A checklist of a pipeline
environments:
  production:
    database_url: ${PRODUCTION_DATABASE_URL}
    without: [backup, rehearsal, functions]
backup:
  store: ${BACKUP_STORE:-file:///nonexistent/backups}
approvals:
  roles:
    engineering-lead: {title: Engineering lead}
phases:
  - id: pre-deployment
    title: Before
    sections:
      - id: everything
        title: Everything
        items:
          - {id: database.indexes, title: Every index is valid, kind: sql_audit, with: {audits: [invalid-indexes]}}
          - {id: lead.approved, title: The lead has signed, kind: approval, with: {role: engineering-lead}}
"""


def examples(language: str) -> list[str]:
    return [found[1] for found in re.finditer(rf"(?ms)^```{language}\n(.*?)^```$", PAGE)]


GITHUB, LINT, REHEARSE, DRILL, GITLAB = (yaml.safe_load(text) for text in examples("yaml"))
(SCRIPT,) = examples("sh")


@dataclass
class Runner:
    """A machine of a pipeline with the project checked out; what was deployed is told by `deployed`."""

    folder: Path
    variables: Mapping[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def run(self, shell: str) -> int:
        """The exit code of a script, in a shell that stops at the first command that fails, as pipelines do."""
        output = self.folder / "outputs"
        output.write_text("")
        path = f"{Path(sys.executable).parent}:{environment(self.folder)['PATH']}"
        argv = ["sh", "-e", "-c", shell]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=environment(self.folder, **self.variables, GITHUB_OUTPUT=str(output)) | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.said += done.stdout
        assert "Traceback" not in done.stdout
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[name] = value
        return done.returncode

    @property
    def deployed(self) -> bool:
        """Whether deploy.sh was run."""
        return (self.folder / "deployed").exists()

    def command(self, *arguments: str, key: str = "", expected: int = 0) -> None:
        """What a person does on their own machine."""
        named = ("--key", str(self.folder / "keys" / key)) if key else ()
        done = pointsctl(*arguments, "--env", "production", *named, cwd=self.folder, variables=self.variables)
        assert done.code == expected, done.out + done.err

    def clean(self) -> None:
        """Forget the deployment."""
        (self.folder / "deployed").unlink()
        self.outputs.clear()


@pytest.fixture
def runner(tmp_path: Path, database_url: str) -> Runner:
    """A project with one migration; nothing of it is on record yet."""
    (tmp_path / "checklist.yaml").write_text(CHECKLIST, "utf-8")
    trust_folder(tmp_path, {"engineering-lead": [ERIN], "operator": [OLGA]})
    migration = tmp_path / MIGRATION
    migration.parent.mkdir(parents=True)
    migration.write_text("create index coupons_status_idx on public.coupons (status);\n", "utf-8")
    deploy = tmp_path / "deploy.sh"
    deploy.write_text("#!/bin/sh\ntouch deployed\n", "utf-8")
    deploy.chmod(0o700)
    store = tmp_path / "store"
    store.mkdir()
    return Runner(tmp_path, {"PRODUCTION_DATABASE_URL": database_url, "BACKUP_STORE": store.as_uri()})


def github(runner: Runner) -> int:
    """The job of GitHub Actions: its steps in order, until one fails."""
    for step in GITHUB["jobs"]["deploy"]["steps"]:
        if "pointsctl " not in step.get("run", "") or not wanted(step, runner):
            continue
        code = runner.run(step["run"])
        if code:
            return code
    return 0


def wanted(step: Mapping[str, Any], runner: Runner) -> bool:
    """Whether the step's condition holds; only the one that the example has is known."""
    condition = step.get("if")
    assert condition in (None, "steps.gate.outputs.open == 'true'")
    return condition is None or runner.outputs.get("open") == "true"


def steps_of(workflow: Mapping[str, Any]) -> list[str]:
    """What the only job of a workflow does with pointsctl, step by step."""
    (job,) = workflow["jobs"].values()
    return [step["run"] for step in job["steps"] if "pointsctl " in step.get("run", "")]


def drill_steps() -> list[str]:
    """What the nightly job does."""
    return steps_of(DRILL)


def gitlab(runner: Runner) -> int:
    """The stages of GitLab: a job may end with the codes that it allows, and the next one is started by hand."""
    code = runner.run("\n".join(GITLAB["look"]["script"]))
    if code and code not in GITLAB["look"]["allow_failure"]["exit_codes"]:
        return code
    return runner.run("\n".join(GITLAB["deploy"]["script"]))


def script(runner: Runner) -> int:
    """The script, with a deployment behind it."""
    return runner.run(f"{SCRIPT}\n./deploy.sh")


PIPELINES = (github, gitlab, script)
Pipeline = Callable[[Runner], int]


def test_it_is_deployed_once_the_lead_has_signed_and_no_longer_after_a_change(runner: Runner) -> None:
    runner.command("init")
    runner.command("plan", "create", key="olga")
    assert (github(runner), runner.outputs) == (0, {"open": "false"}), runner.said
    assert (gitlab(runner), script(runner)) == (3, 3), runner.said
    assert not runner.deployed
    runner.command("approve", "--yes", key="erin")
    for pipeline in PIPELINES:
        assert pipeline(runner) == 0, runner.said
        assert runner.deployed
        runner.clean()
    with (runner.folder / MIGRATION).open("a", encoding="utf-8") as file:
        file.write("-- one line more\n")
    assert all(pipeline(runner) == 1 for pipeline in PIPELINES), runner.said
    for steps in (GITHUB["jobs"]["deploy"]["steps"][-1]["run"], "\n".join(GITLAB["deploy"]["script"])):
        assert runner.run(steps) == 5, runner.said
    assert not runner.deployed


def test_a_database_that_cannot_be_asked_is_no_open_gate(runner: Runner) -> None:
    lost = "postgresql://ada@127.0.0.1:1/points"
    blind = Runner(runner.folder, {**runner.variables, "PRODUCTION_DATABASE_URL": lost})
    assert [pipeline(blind) for pipeline in PIPELINES] == [4, 4, 4], blind.said
    assert not blind.deployed
    assert [blind.run(step) for step in drill_steps()] == [4, 4], blind.said


def test_the_nightly_drill_proves_a_backup_and_ends_at_one_that_is_damaged(runner: Runner) -> None:
    runner.command("init")
    assert [runner.run(step) for step in drill_steps()] == [0, 0], runner.said
    proven = json.loads((runner.folder / "drill.json").read_text("utf-8"))
    assert (proven["holds"], proven["record"]) == (True, 5)
    for stored in runner.folder.glob("store/backups/production/*/objects/dump/*.gz"):
        stored.write_bytes(stored.read_bytes()[:-1])
    create, verify = drill_steps()[0].splitlines()
    assert runner.run(verify) == 1, runner.said
    assert runner.run(create) == 0, runner.said


def test_a_pull_request_is_looked_at_without_a_database_and_its_findings_are_kept(runner: Runner) -> None:
    blind = Runner(runner.folder, {})
    (look,) = steps_of(LINT)
    assert blind.run(look) == 1, blind.said
    found = json.loads((runner.folder / "lint.sarif").read_text("utf-8"))
    assert [one["ruleId"] for one in found["runs"][0]["results"]] == ["require-concurrent-index-creation"]
    (runner.folder / "lint.sarif").unlink()
    (runner.folder / MIGRATION).write_text("create index concurrently by_status on public.coupons (status);\n", "utf-8")
    assert blind.run(look) == 0, blind.said


def test_what_is_merged_is_rehearsed_on_a_proven_copy_alone(runner: Runner) -> None:
    (rehearse,) = steps_of(REHEARSE)
    runner.command("init")
    assert runner.run(rehearse) == 4, runner.said
    assert runner.run(drill_steps()[0]) == 0, runner.said
    assert runner.run(rehearse) == 0, runner.said
    rehearsed = json.loads((runner.folder / "rehearsal.json").read_text("utf-8"))
    assert (rehearsed["passed"], rehearsed["record"]) == (True, 6)
    (runner.folder / MIGRATION).write_text("create index by_nothing on public.coupons (nothing);\n", "utf-8")
    assert runner.run(rehearse) == 1, runner.said


def test_every_call_of_the_examples_is_run_here() -> None:
    steps = [step for workflow in (GITHUB, LINT, REHEARSE) for step in steps_of(workflow)]
    run = "\n".join([*steps, *drill_steps(), *GITLAB["look"]["script"], *GITLAB["deploy"]["script"], SCRIPT])
    fenced = "".join(examples("yaml") + examples("sh"))
    calls = re.findall(r"\bpointsctl [a-z].*", fenced)
    assert calls
    assert all(call in run for call in calls)
