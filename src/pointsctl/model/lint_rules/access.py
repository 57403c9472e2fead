"""Statements that open data to clients: grants, row level security, policies, functions with their owner's rights, roles."""

from __future__ import annotations

from collections.abc import Iterator

from pointsctl.model.lint import Found, Level, Rule
from pointsctl.model.lint_rules.rows import told
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.sql_clauses import Clause
from pointsctl.model.sql_tokens import TokenKind

CLIENTS = ("anon", "authenticated", "public")
"""Roles that are in the hands of clients: everybody, signed in or not."""

_SERVERS = frozenset({"service_role", "postgres", "supabase_admin"})

CLIENT_GRANT = Rule(
    "client-grant",
    Level.ERROR,
    "grant to a client role",
    "whoever has the project's public key, or signs up, may use it",
    "grant it to service_role and write a function for clients; where it is meant, waive it with the reason",
)
CLIENT_DEFAULT_PRIVILEGES = Rule(
    "client-default-privileges",
    Level.ERROR,
    "default privileges for a client role",
    "every object that is made later is open to clients from its first moment",
    "grant on each object by name",
)
DISABLED_RLS = Rule(
    "disabled-row-level-security",
    Level.ERROR,
    "row level security is switched off",
    "every row of the table is open to whoever has a privilege on it",
    "keep it on, and write a policy for who needs more",
)
NO_FORCE_RLS = Rule(
    "no-force-row-level-security",
    Level.ERROR,
    "row level security no longer binds the owner",
    "functions that run as the owner see and change every row",
    "keep FORCE, and give the one role that needs more BYPASSRLS on purpose",
)
DROPPED_POLICY = Rule(
    "dropped-policy",
    Level.WARNING,
    "a policy is dropped",
    "a restrictive one that goes opens rows, a permissive one that goes hides them from clients",
    "use ALTER POLICY, or create the new one in the same transaction, and test both with the probes",
)
OPEN_POLICY = Rule(
    "open-policy",
    Level.ERROR,
    "a policy that lets every row pass",
    "row level security is on and protects nothing",
    "name the rows, such as `user_id = (select auth.uid())`",
)
SEARCH_PATH = Rule(
    "security-definer-search-path",
    Level.ERROR,
    "SECURITY DEFINER without a search_path of its own",
    "the caller decides which objects the function finds, and it finds them with its owner's rights",
    "add `set search_path = ''` and write every name with its schema",
)
ROLE_POWER = Rule(
    "role-power",
    Level.ERROR,
    "a role gets rights over everything",
    "SUPERUSER, BYPASSRLS, CREATEROLE and REPLICATION step around every policy and grant",
    "give the one privilege that is needed",
)
DISABLED_TRIGGER = Rule(
    "disabled-trigger",
    Level.ERROR,
    "triggers are switched off",
    "what they check, book or protect is not done any more, and the foreign keys' own triggers may be among them",
    "keep them on; where a change has to pass them by, drop and create the one trigger in the same transaction",
)
DROP_OWNED = Rule(
    "drop-owned",
    Level.ERROR,
    "everything that a role owns is dropped",
    "which objects that are is decided in production, and their rows go with them",
    "REASSIGN OWNED first, or drop each object by its name",
)
RULES = (
    DROP_OWNED,
    CLIENT_GRANT,
    CLIENT_DEFAULT_PRIVILEGES,
    DISABLED_RLS,
    NO_FORCE_RLS,
    DROPPED_POLICY,
    OPEN_POLICY,
    SEARCH_PATH,
    ROLE_POWER,
    DISABLED_TRIGGER,
)

_LONGEST = 60
_POWERS = "superuser|bypassrls|createrole|replication"


def found(clause: Clause, _seen: Seen) -> Iterator[Found]:
    """The findings of this theme in one clause."""
    yield from _grants(clause)
    if clause.begins("alter"):
        yield from _altered_table(clause)
        yield from _owner(clause)
    if clause.begins("drop", "owned"):
        yield Found(DROP_OWNED, clause.line, _with_place("", clause).strip())
    yield from _policies(clause)
    yield from _functions(clause)
    if clause.begins("create|alter", "role|user|group") and clause.has(_POWERS):
        yield Found(ROLE_POWER, clause.line, _with_place(_named(clause, 2), clause))
    if clause.begins("set") and clause.has("session_replication_role") and clause.has("replica|local"):
        yield Found(DISABLED_TRIGGER, clause.line, _with_place("session_replication_role", clause))


def _grants(clause: Clause) -> Iterator[Found]:
    for start in clause.places("grant"):
        defaults = clause.begins("alter", "default", "privileges")
        if start and not defaults:
            continue
        clients = [name for name in _grantees(clause, start) if name in CLIENTS]
        if clients:
            rule = CLIENT_DEFAULT_PRIVILEGES if defaults else CLIENT_GRANT
            yield Found(rule, clause.tokens[start].line, _with_place(_granted(clause, start, clients), clause))


def _granted(clause: Clause, start: int, clients: list[str]) -> str:
    end = max(number for number in clause.places("to"))
    what = " ".join(token.value for token in clause.tokens[start + 1 : end])
    for spaced, joined in ((" . ", "."), (" ,", ","), ("( ", "("), (" )", ")")):
        what = what.replace(spaced, joined)
    return f"{what[:_LONGEST]}{'...' * (len(what) > _LONGEST)} to {', '.join(clients)}"


def _grantees(clause: Clause, start: int) -> list[str]:
    tos = [number for number in clause.places("to") if number > start]
    names: list[str] = []
    for token in clause.tokens[tos[-1] + 1 :] if tos else ():
        if token.word("with", "granted"):
            break
        if token.identifier and not token.word("group"):
            names.append(token.value)
    return names


def _altered_table(clause: Clause) -> Iterator[Found]:
    for words, rule in (
        (("disable", "row", "level", "security"), DISABLED_RLS),
        (("no", "force", "row", "level", "security"), NO_FORCE_RLS),
        (("disable", "trigger"), DISABLED_TRIGGER),
    ):
        for start in clause.places(*words):
            yield Found(rule, clause.tokens[start].line, _with_place(_named(clause, 2), clause))


def _owner(clause: Clause) -> Iterator[Found]:
    for start in clause.places("owner", "to"):
        behind = clause.tokens[start + 2 : start + 3]
        if behind and behind[0].value in CLIENTS:
            detail = _with_place(f"{_named(clause, 2)} is owned by {behind[0].value}", clause)
            yield Found(CLIENT_GRANT, clause.tokens[start].line, detail)


def _policies(clause: Clause) -> Iterator[Found]:
    if clause.begins("drop", "policy"):
        yield Found(DROPPED_POLICY, clause.line, _with_place(_named(clause, 2), clause))
    if not clause.begins("create|alter", "policy") or _only_for_servers(clause):
        return
    for words in (("using",), ("with", "check")):
        for start in clause.places(*words):
            opening = start + len(words)
            if opening < len(clause.tokens) and _always(clause, opening):
                yield Found(OPEN_POLICY, clause.tokens[start].line, _with_place(_named(clause, 2), clause))


def _only_for_servers(clause: Clause) -> bool:
    for start in clause.places("to"):
        names: set[str] = set()
        for token in clause.tokens[start + 1 :]:
            if token.word("using", "with"):
                break
            names |= {token.value} if token.identifier else set()
        return bool(names) and names <= _SERVERS
    return False


def _always(clause: Clause, opening: int) -> bool:
    kept = [
        token
        for token in clause.tokens[opening : clause.group_end(opening + 1)]
        if not (token.sign("(") or token.sign(")"))
    ]
    values = [token.value for token in kept]
    if values in (["true"], ["not", "false"], ["select", "true"]):
        return True
    constant = bool(kept) and kept[0].kind in (TokenKind.NUMBER, TokenKind.TEXT, TokenKind.WORD, TokenKind.NAME)
    return constant and [*values[:1], "=", *values[:1]] == values


def _functions(clause: Clause) -> Iterator[Found]:
    kinds = "function|procedure|routine"
    makes = clause.begins("create", kinds) or clause.begins("create", "or", "replace", kinds)
    alters = clause.begins("alter", kinds)
    if not makes and not alters:
        return
    named = _named(clause, 4 if clause.has_at(1, "or") else 2)
    own = clause.has("set", "search_path")
    for start in clause.places("security", "definer"):
        if not own:
            yield Found(SEARCH_PATH, clause.tokens[start].line, _with_place(named, clause))
    for start in clause.places("reset", "search_path|all"):
        if alters:
            yield Found(SEARCH_PATH, clause.tokens[start].line, _with_place(named, clause))


def _named(clause: Clause, start: int) -> str:
    named = clause.name_at(start)
    return told(named[0], Clause(())) if named else "it"


def _with_place(what: str, clause: Clause) -> str:
    return f"{what} in {clause.inside}" if clause.inside else what
