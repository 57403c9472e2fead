"""What format 1 of the ledger's table is made of, as the server's catalogue describes it."""

from __future__ import annotations

from pointsctl.postgres.ledger_catalogue import function_digests

_NOT_NULL = ("recorded_at", "kind", "role", "body", "previous_hash", "hash")
_TEXTS = (
    "kind",
    "environment",
    "migration_name",
    "applied_by",
    "notes",
    "plan",
    "run",
    "item",
    "role",
    "body",
    "previous_hash",
    "hash",
    "signature",
)
_TYPES = {
    "seq": "bigint not null",
    "recorded_at": "timestamp with time zone not null",
    "backup_taken": "boolean",
    **{name: "text not null" if name in _NOT_NULL else "text" for name in _TEXTS},
}
_LONGEST = {
    "environment": 60,
    "migration_name": 255,
    "applied_by": 200,
    "notes": 10_000,
    "plan": 200,
    "run": 200,
    "item": 200,
}
_CONSTRAINTS = {
    "pkey": "PRIMARY KEY (seq)",
    "previous_hash_key": "UNIQUE (previous_hash)",
    "hash_key": "UNIQUE (hash)",
    "seq_check": "CHECK ((seq > 0))",
    "kind_check": "CHECK (((length(kind) <= 60) AND (kind ~ '^[a-z]+([.-][a-z]+)*$'::text)))",
    "body_check": "CHECK ((octet_length(body) <= 33554432))",
    "previous_hash_check": "CHECK (((length(previous_hash) = 64) AND (previous_hash ~ '^[0-9a-f]+$'::text)))",
    "hash_check": "CHECK (((length(hash) = 64) AND (hash ~ '^[0-9a-f]+$'::text)))",
    "signature_check": "CHECK ((octet_length(signature) <= 65536))",
    **{f"{name}_check": f"CHECK ((length({name}) <= {longest}))" for name, longest in _LONGEST.items()},
}
_BOUND = "plpgsql {} search_path=pg_catalog, pg_temp {}"


def expected_parts() -> dict[str, str]:
    """Every part by name, in the words of `pointsctl.postgres.ledger_catalogue.parts`."""
    digests = function_digests("0001_migration_audit")
    return {
        "relation": "permanent table",
        **{f"column {name}": definition for name, definition in _TYPES.items()},
        **{f"constraint migration_audit_{name}": definition for name, definition in _CONSTRAINTS.items()},
        "trigger migration_audit_append": "BEFORE INSERT ON public.migration_audit FOR EACH ROW"
        " EXECUTE FUNCTION public.migration_audit_append() always",
        "trigger migration_audit_refuse": "BEFORE DELETE OR UPDATE OR TRUNCATE ON public.migration_audit FOR EACH STATEMENT"
        " EXECUTE FUNCTION public.migration_audit_refuse() always",
        "function migration_audit_append": _BOUND.format("definer", digests["migration_audit_append"]),
        "function migration_audit_refuse": _BOUND.format("invoker", digests["migration_audit_refuse"]),
        "row level security": "on, forced",
        "policy migration_audit_read": "permissive select using true",
        "policy migration_audit_append": "permissive insert check true",
    }
