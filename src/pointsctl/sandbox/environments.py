"""The two environments that exist while the sandbox runs, as values that a command can work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pointsctl.sandbox.databases import OWNER, sandbox_cluster
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.service import tokens
from pointsctl.sandbox.state import DATABASES, PREFIXES, EnvironmentSecrets, SandboxState

# Fixed, so that the same sandbox gives the same keys each time it is asked; real projects' keys run about as long.
KEYS_ISSUED_AT = datetime(2025, 1, 1, tzinfo=UTC)
KEYS_LIFETIME = timedelta(days=3650)


@dataclass(frozen=True)
class SandboxEnvironment:
    """One environment: `functions_url` is without /functions/v1, `functions` the folder in which its functions are
    deployed, `store` a file URL, `variables` what a deployer would set.
    """

    name: str
    database_url: str
    functions_url: str
    functions: Path
    store: str
    variables: Mapping[str, str] = field(repr=False)


def environments(layout: Layout, state: SandboxState, service_address: str) -> tuple[SandboxEnvironment, ...]:
    """Return the environments, the production-like one first; `service_address` is like http://127.0.0.1:4711."""
    cluster = sandbox_cluster(layout)
    return tuple(
        SandboxEnvironment(
            name=name,
            database_url=cluster.url(database, OWNER),
            functions_url=f"{service_address}{PREFIXES[name]}",
            functions=layout.functions(name),
            store=layout.store.as_uri(),
            variables=_variables(state.environments[name], f"{service_address}{PREFIXES[name]}"),
        )
        for name, database in DATABASES.items()
    )


def user_token(secrets: EnvironmentSecrets, user_id: str, *, now: datetime) -> str:
    """Return a token with which a user may call the functions for an hour."""
    return tokens.issue(secrets.jwt_secret, tokens.USER_ROLE, now=now, lifetime=timedelta(hours=1), user_id=user_id)


def _variables(secrets: EnvironmentSecrets, address: str) -> dict[str, str]:
    def key(role: str) -> str:
        return tokens.issue(secrets.jwt_secret, role, now=KEYS_ISSUED_AT, lifetime=KEYS_LIFETIME)

    return {
        "COUPON_SECRET": secrets.coupon_secret,
        "SUPABASE_URL": address,
        "SUPABASE_ANON_KEY": key(tokens.ANON_ROLE),
        "SUPABASE_SERVICE_ROLE_KEY": key(tokens.SERVICE_ROLE),
        "SUPABASE_JWT_SECRET": secrets.jwt_secret,
    }
