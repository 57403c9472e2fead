"""A checklist with a ledger, a policy and people with keys, as commands and workflows meet them."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from ulid import ULID

from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.gate_decision import GateDecision
from pointsctl.model.ledger import Record
from pointsctl.model.run import Run
from pointsctl.model.selection import select
from pointsctl.workflow import attest as attest_items
from pointsctl.workflow import waive as waive_item
from pointsctl.workflow.check_environment import Surroundings, check_environment
from pointsctl.workflow.decide_gate import Request, decide_gate
from pointsctl.workflow.load_checklist import Loaded, load_checklist
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.record_run import ledger_of_run, record_run
from pointsctl.workflow.sign import SigningMeans
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.keys import make_key, trust_folder
from tests.support.ledgers import install

ADA, GRACE, EVE = "ada@example.test", "grace@example.test", "eve@example.test"
NAME = "here"
VARIABLES = {"PATH": os.environ["PATH"], "FLAG": "on"}
FLAG = "- {id: flag.on, title: The flag is on, kind: env, with: {variables: {FLAG: {one_of: ['on']}}}, valid_for: 1h}"


class People:
    """The environment `here`: ada leads engineering and signs waivers, grace leads operations, eve holds no such role."""

    def __init__(self, folder: Path, url: str, items: str, *, ledger: bool = True) -> None:
        self.folder, self.url = folder, url
        roles = {"engineering-lead": [ADA], "operations-lead": [GRACE], "support": [EVE]}
        self.trust = trust_folder(folder, roles, waivers=["engineering-lead"])
        self.write(items)
        if ledger:
            install(url, NAME, trust=self.trust)

    def write(self, items: str) -> None:
        """Replace the checklist's items."""
        write_checklist(self.folder, items)

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run the program in the folder."""
        return pointsctl(*arguments, cwd=self.folder, variables={"DATABASE_URL": self.url, "FLAG": "on", **variables})

    def signed(self, person: str, *arguments: str) -> Result:
        """Run a command that signs, as a person."""
        return self.run(*arguments, "--key", str(make_key(self.folder / "keys", person)))

    def means(self, person: str) -> SigningMeans:
        """What a person signs with."""
        key = make_key(self.folder / "keys", person)
        return SigningMeans(key, self.folder, VARIABLES, terminal=False, new_nonce=lambda: uuid.uuid4().hex)

    @property
    def loaded(self) -> Loaded:
        """The checklist as it is now."""
        return load_checklist(self.folder / "checklist.yaml", {**VARIABLES, "DATABASE_URL": self.url})

    @property
    def environment(self) -> Environment:
        """The environment as the checklist gives it."""
        return self.loaded.environment(NAME)

    def surroundings(self, **variables: str) -> Surroundings:
        """Clocks and variables of a run."""
        return Surroundings(
            variables={**VARIABLES, **variables},
            clock=lambda: datetime.now(UTC),
            monotonic=monotonic,
            new_id=lambda: str(ULID()),
        )

    def look(self, *, record: bool = True, **variables: str) -> Run:
        """Look at everything, and record it."""
        loaded, surroundings = self.loaded, self.surroundings(**variables)
        selection = select(loaded.checklist, loaded.references, phase="pre-deployment")
        with ledger_of_run(loaded, NAME, self.environment, surroundings.variables) as kept:
            run = check_environment(loaded, selection, NAME, surroundings, None, kept.known)
            if record and kept.ledger:
                record_run(kept.ledger, run, ADA)
        return run

    def gate(self, plan: str | None = None) -> GateDecision:
        """What the gate says."""
        loaded = self.loaded
        selection = select(loaded.checklist, loaded.references, phase="pre-deployment")
        with open_ledger(NAME, self.environment) as ledger:
            return decide_gate(loaded, ledger, Request(selection, NAME, self.environment, plan), self.surroundings())

    def attest(self, person: str, *ids: str, **fields: str) -> Record:
        """Attest items."""
        request = attest_items.Request(NAME, ids, fields, "", (), None, self.means(person))
        with open_ledger(NAME, self.environment) as ledger:
            return attest_items.attest(self.loaded, ledger, request, lambda _saying: None).record

    def waive(self, person: str, item: str, until: str = "24h") -> Record:
        """Waive an item."""
        request = waive_item.Request(NAME, item, "measured by hand today", until, self.means(person))
        with open_ledger(NAME, self.environment) as ledger:
            return waive_item.waive(self.loaded, ledger, request, lambda _going: None).record

    def ledger(self) -> Ledger:
        """The ledger, unchecked."""
        return Ledger(self.url)
