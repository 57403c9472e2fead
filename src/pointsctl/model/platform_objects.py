"""What in a database is the platform's, the ledger's or the history's own, so that no migration of the project makes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pointsctl.model.catalogue import Catalogue, CatalogueObject

PLATFORM_SCHEMAS = frozenset(
    {
        "_analytics",
        "_realtime",
        "_supavisor",
        "auth",
        "cron",
        "dbdev",
        "extensions",
        "graphql",
        "graphql_public",
        "net",
        "pgbouncer",
        "pgmq",
        "pgsodium",
        "pgsodium_masks",
        "pgtle",
        "realtime",
        "repack",
        "storage",
        "tiger",
        "tiger_data",
        "topology",
        "vault",
    }
)
"""Schemas that Supabase or its extensions make; with them those whose names begin with `supabase_`."""

_PLATFORM_PREFIX = "supabase_"
# What belongs to no schema: the publication of Supabase's realtime server, its event triggers, and what the ledger is made of.
_NAMES = frozenset(
    {
        "publication supabase_realtime",
        "publication supabase_realtime_messages_publication",
        "table public.migration_audit",
        "function public.migration_audit_append()",
        "function public.migration_audit_refuse()",
        "function public.migration_audit_guard()",
        "event trigger migration_audit_guard_change",
        "event trigger migration_audit_guard_drop",
        "event trigger issue_graphql_placeholder",
        "event trigger issue_pg_cron_access",
        "event trigger issue_pg_graphql_access",
        "event trigger issue_pg_net_access",
        "event trigger pgrst_ddl_watch",
        "event trigger pgrst_drop_watch",
    }
)
_LEDGERS_OWN = re.compile(r"index public\.migration_audit_(?:kind_seq_idx|pkey|hash_key|previous_hash_key)")
_PUBLISHED = " of publication supabase_realtime"


def is_platform_schema(name: str) -> bool:
    """Whether the platform makes the schema."""
    return name in PLATFORM_SCHEMAS or name.startswith(_PLATFORM_PREFIX)


def migrations_own(catalogue: Catalogue, not_theirs: Iterable[str]) -> dict[str, CatalogueObject]:
    """The objects that migrations have to account for: without the platform's, the ledger's, and those named in `not_theirs`
    (as the catalogue names them), each with what is part of it.
    """
    names = _NAMES | set(not_theirs)
    return {name: one for name, one in catalogue.items() if not _belongs(one, names, catalogue)}


def _belongs(one: CatalogueObject, names: frozenset[str] | set[str], catalogue: Mapping[str, CatalogueObject]) -> bool:
    seen: set[str] = set()
    found: CatalogueObject | None = one
    while found is not None and found.name not in seen:
        if found.name in names or _LEDGERS_OWN.fullmatch(found.name) or found.name.endswith(_PUBLISHED):
            return True
        seen.add(found.name)
        if found.part_of in names:
            return True
        found = catalogue.get(found.part_of)
    # What platforms give away by default, and what is said of their schemas, is there before the first migration.
    return one.kind == "DEFAULT ACL" or one.kind == "EXTENSION" or _of_extension(one)


def _of_extension(one: CatalogueObject) -> bool:
    return one.name.startswith("comment on extension ")
