"""The file in which a decision travels that was signed on a machine without access to the database."""

from __future__ import annotations

import pydantic
from pydantic import ConfigDict

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text
from pointsctl.model.problems import shown
from pointsctl.model.statement import ApprovalStatement, StatementError, read_statement
from pointsctl.model.strict_json import JsonError, parse

SCHEMA = "pointsctl/approval-file/v1"


class ApprovalFileError(PointsctlError):
    """A file holds no signed decision as pointsctl writes it."""

    code = "approval-file"


class _File(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    statement: str
    signature: str


def approval_file(statement: ApprovalStatement, signature: str) -> str:
    """The text of the file: the exact text that was signed, and the armored signature over it."""
    return canonical_text({"schema": SCHEMA, "statement": statement.text(), "signature": signature}) + "\n"


def read_approval_file(data: bytes, name: str) -> tuple[ApprovalStatement, str]:
    """The statement and the armored signature of a file called `name`. Nothing is believed yet. Raises ApprovalFileError."""
    hint = "make it anew with `pointsctl approve --offline`"
    try:
        value = parse(data)
        if not isinstance(value, dict) or value.pop("schema", None) != SCHEMA:
            raise ApprovalFileError(f"{shown(name)} is no file of {SCHEMA}", hint=hint)
        file = _File.model_validate(value)
        statement = read_statement(file.statement)
    except (JsonError, StatementError) as error:
        raise ApprovalFileError(f"{shown(name)} cannot be used: {error.message}", hint=error.hint) from None
    except pydantic.ValidationError:
        raise ApprovalFileError(f"{shown(name)} holds other fields than statement and signature", hint=hint) from None
    if not isinstance(statement, ApprovalStatement):
        raise ApprovalFileError(f"{shown(name)} holds a signed statement that decides about no plan", hint=hint)
    return statement, file.signature
