"""A project whose plans are real: files in a git repository, a trust folder, a ledger, an operator with a key."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.workflow.create_plan import Created, Proposal, Request, create_plan
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.load_checklist import Loaded, load_checklist
from pointsctl.workflow.sign import SigningMeans
from tests.support.keys import make_key, trust_folder
from tests.support.ledgers import install
from tests.support.repositories import commit, repository

ADA, GRACE, OLGA, LINUS = (f"{name}@example.test" for name in ("ada", "grace", "olga", "linus"))
ROLES = {
    "engineering-lead": [ADA],
    "operations-lead": [GRACE],
    "security": ["barbara@example.test"],
    "operator": [OLGA],
}
NAME = "here"
FIRST, SECOND = "20250101000000_first.sql", "20250102000000_second.sql"
VARIABLES = {"PATH": os.environ["PATH"]}


class PlanProject:
    """A checklist with two migrations, one function and what belongs to them, committed by linus; olga makes the plans."""

    def __init__(self, folder: Path, url: str, *, protected: bool = False) -> None:
        self.folder, self.url = repository(folder), url
        self.trust = trust_folder(folder, ROLES)
        self.protected = protected
        self.settings: dict[str, Any] = {
            "approvals": {"roles": {"engineering-lead": {"title": "E"}, "operations-lead": {"title": "O"}}},
            "functions": {"names": ["hello"]},
        }
        self.write(f"supabase/migrations/{FIRST}", "create table public.a (id bigint);\n")
        self.write(f"supabase/migrations/{SECOND}", "create table public.b (id bigint);\n")
        for name in (FIRST, SECOND):
            self.write(f"supabase/reverse/{name}", f"drop table public.x; -- {name}\n")
            self.write(f"supabase/reverse/{name.removesuffix('.sql')}.verify.sql", f"select '{name}';\n")
        self.write("supabase/functions/hello/index.ts", "serve(() => new Response())\n")
        self.write("supabase/functions/_shared/cors.ts", "export const cors = {}\n")
        self.write_checklist()
        (folder / ".gitignore").write_text("/keys/\n", encoding="utf-8")
        commit(folder, LINUS)
        install(url, NAME, trust=self.trust, protected=protected)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return place

    def write_checklist(self, **environment: Any) -> None:
        """Write the checklist with the project's settings."""
        here = {"database_url": "${DATABASE_URL}", "protected": self.protected, **environment}
        item = {"id": "team.told", "title": "Everybody knows", "kind": "attestation"}
        section = {"id": "section", "title": "A section", "items": [item]}
        phase = {"id": "pre-deployment", "title": "Before", "sections": [section]}
        document = {"version": 1, "title": "A test", "environments": {NAME: here}, **self.settings, "phases": [phase]}
        self.write("checklist.yaml", yaml.safe_dump(document, sort_keys=False))

    def loaded(self) -> Loaded:
        """The checklist as it is now."""
        return load_checklist(self.folder / "checklist.yaml", {"DATABASE_URL": self.url})

    def environment(self) -> Environment:
        """The environment as it is now."""
        return self.loaded().environment(NAME)

    def means(self, person: str = "olga") -> SigningMeans:
        """What a person signs with."""
        key = make_key(self.folder / "keys", person)
        return SigningMeans(key, self.folder, VARIABLES, terminal=False, new_nonce=lambda: uuid.uuid4().hex)

    def create(
        self, person: str = "olga", consent: Callable[[Proposal], None] = lambda _proposal: None, **changed: Any
    ) -> Created:
        """Make a plan; `changed` is about the request."""
        return self.create_from(self.loaded(), person, consent, **changed)

    def create_from(
        self,
        loaded: Loaded,
        person: str = "olga",
        consent: Callable[[Proposal], None] = lambda _proposal: None,
        **changed: Any,
    ) -> Created:
        """Make a plan with a checklist that was read before."""
        request = Request(NAME, loaded.environment(NAME), self.means(person), "1.0")
        with Ledger(self.url) as ledger:
            return create_plan(ledger, loaded, replace(request, **changed), consent)

    def deployment(self, loaded: Loaded | None = None) -> Deployment:
        """The deployment as it is now."""
        known = loaded or self.loaded()
        with Ledger(self.url) as ledger:
            return read_deployment(known, NAME, known.environment(NAME), ledger, VARIABLES)

    def changes(self) -> list[str]:
        """What differs from the newest plan, by name."""
        return [one.what for one in self.deployment().changes]
