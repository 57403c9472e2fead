"""Use case: find what is dangerous in migrations before anything is applied: squawk's findings and our own, without what is waived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pointsctl import kinds
from pointsctl.errors import UsageError
from pointsctl.migration_histories.interface import History
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Environment, Lint, Migrations
from pointsctl.model.lint import Found, Level, LintFinding, LintResult, Role, Rule, SourceFile, finding, judged
from pointsctl.model.lint_rules.every import find, statement_at
from pointsctl.model.lint_rules.seen import Seen
from pointsctl.model.lint_rules.text import without_blankets
from pointsctl.model.lint_rules.transactions import outside_transactions
from pointsctl.model.project_files import Project
from pointsctl.model.sql_statements import SqlScript, split
from pointsctl.model.table_facts import Limits, TableFacts, Tables
from pointsctl.postgres.database import Database
from pointsctl.postgres.table_sizes import table_sizes
from pointsctl.squawk import OLDEST_SERVER, Squawk, SquawkFile, SquawkFinding
from pointsctl.workflow.lint_files import Places, named_files, project_files

REVERSE_BESIDE = Rule(
    "reverse-beside",
    Level.ERROR,
    "a reverse script lies beside the migrations",
    "a push applies it forwards, as one more migration",
    "move it into `migrations.reverse_directory`, named as the migration that it undoes",
)

_MAJOR = 10_000
_RULES_PAGE = "https://squawkhq.com/docs/"
_NO_SIZES = "sizes of tables were not judged: no database was looked at; name one with --env"
_SYNTAX = "syntax-error"


@dataclass(frozen=True)
class LintRequest:
    """What is to be linted: the files named, or of the project's migrations those that are pending in `target`, or all.

    `directory` is the checklist's folder, `search_path` has the form of PATH, `today` decides which waivers count.
    """

    directory: Path
    settings: Migrations
    search_path: str
    today: date
    target: Environment | None = None
    files: tuple[Path, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class _Look:
    """What a database says: its major version, the versions that were applied, its tables; None for what was not asked."""

    server: int = OLDEST_SERVER
    applied: frozenset[str] = frozenset()
    tables: tuple[TableFacts, ...] | None = None


def lint_migrations(request: LintRequest, cancellation: Cancellation) -> LintResult:
    """Look at the files and part what counts from what the checklist waives.

    Raises UsageError (nothing to look at, a rule or file that is not there), ToolMissingError (no squawk), CouldNotLookError
    and its kinds, RefusedError (a link among the migrations).
    """
    squawk = Squawk(request.search_path, cancellation)
    places = Places(request.directory, request.settings)
    history: History = kinds.load("migration_histories", request.settings.history).open(
        request.directory, request.settings
    )
    # What one file is may depend on the others, so the project is read although only a file was named.
    project = Project(()) if request.files else history.project()
    look = _look(request.target, history, cancellation) if request.target else _Look()
    files, notes = _files(request, places, project, look)
    found = [*_beside(project), *_found(request.settings.lint, files, look, squawk)]
    return judged(
        found,
        tuple(file.name for file in files),
        request.settings.lint.waived,
        request.today,
        notes=notes,
        everything=not request.files and (request.everything or request.target is None),
        sizes_judged=look.tables is not None,
    )


def _look(target: Environment, history: History, cancellation: Cancellation) -> _Look:
    with closing(Database(target.database_url)) as database:
        version = database.identity().server_version
        with database.reader(cancellation) as connection:
            applied = frozenset(row.version for row in history.applied(connection))
            return _Look(version // _MAJOR, applied, table_sizes(connection))


def _files(
    request: LintRequest, places: Places, project: Project, look: _Look
) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    """The files to look at, and what is to be said about the choice."""
    notes = () if request.target else (_NO_SIZES,)
    if request.files:
        return named_files(places, request.files), notes
    written = [file for file in project.files if file.place.endswith(".sql")]
    if not written:
        folder = request.settings.directory
        raise UsageError(f"no migration in SQL in {folder!r}", hint="correct `migrations.directory`, or name the files")
    chosen = [file for file in written if request.everything or file.version not in look.applied]
    if len(chosen) < len(written):
        notes = (
            *notes,
            f"not looked at because they are applied: {len(written) - len(chosen):,}; --all looks at them too",
        )
    return project_files(places, [file.place for file in chosen]), notes


def _beside(project: Project) -> Iterator[LintFinding]:
    for file in project.reverse:
        yield finding(Found(REVERSE_BESIDE, 1), file.place, "")


def _found(settings: Lint, files: Sequence[SourceFile], look: _Look, squawk: Squawk) -> Iterator[LintFinding]:
    scripts = [split(file.content) for file in files]
    limits = Limits(settings.large_rows, settings.large_bytes)
    seen = Seen(None if look.tables is None else Tables(look.tables, limits))
    for file, script in zip(files, scripts, strict=True):
        yield from find(file, script, seen)
    numbers = [number for number, file in enumerate(files) if file.role is Role.MIGRATION and _is_text(file.content)]
    asked = [
        SquawkFile(without_blankets(files[number].content), outside_transactions(scripts[number])) for number in numbers
    ]
    for one in squawk.look(asked, server=look.server, excluded=settings.excluded_rules):
        number = numbers[one.file]
        yield _told(one, files[number].name, scripts[number])


def _is_text(content: bytes) -> bool:
    """Whether squawk can read it; what is not UTF-8 is told as unusable."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _told(one: SquawkFinding, file: str, script: SqlScript) -> LintFinding:
    page = _RULES_PAGE + one.rule
    rule = Rule(
        id=one.rule,
        level=Level.ERROR if one.rule == _SYNTAX else Level.WARNING,
        title=one.rule.replace("-", " "),
        why="squawk reads nothing else of a file with one" if one.rule == _SYNTAX else "",
        instead=one.help or f"see {page}",
        help=page,
    )
    return finding(Found(rule, one.line, one.message), file, statement_at(script, one.line), one.column)
