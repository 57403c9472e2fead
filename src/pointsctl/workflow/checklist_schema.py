"""Use case: describe a checklist file as a JSON Schema (draft 2020-12), so that editors complete and check it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pydantic

from pointsctl import kinds
from pointsctl.model.checklist import Checklist
from pointsctl.model.duration import PATTERN, format_duration

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{", "description": "a variable: ${NAME} or ${NAME:-default}"}
_NAMES = {"id", "kind", "name", "needs", "gates", "environments"}
"""Properties by which the parts of a checklist refer to each other; the editor should know them, so no variable there."""
_LIMITS = {"enum", "const", "pattern", "format", "minLength", "maxLength"}
_ISO_DURATION = pydantic.TypeAdapter(timedelta)
_NESTED = {"properties", "$defs"}
_LISTED = {"anyOf", "oneOf", "allOf", "prefixItems"}
_SINGLE = {"items", "additionalProperties"}


def checklist_schema() -> Schema:
    """The schema of the whole file. Which keys `with` may hold follows from the item's `kind`, for every kind there is."""
    schema = schema_of(Checklist)
    definitions: Schema = schema["$defs"]
    item = definitions["Item"]
    names = kinds.names("checks")
    item["properties"]["kind"] = {"title": "Kind", "enum": list(names)}
    item["allOf"] = [_parameters_of(kind, definitions) for kind in names]
    return {"$schema": _DIALECT, **_with_variables(schema)}


def schema_of(model: type[pydantic.BaseModel], prefix: str = "") -> Schema:
    """The schema of one model as it is written in a file; references to its parts begin with `prefix`."""
    schema = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}{{model}}")
    for part in (schema, *schema.get("$defs", {}).values()):
        for one in part.get("properties", {}).values():
            # pydantic writes the default of a duration in ISO 8601, which a checklist does not accept.
            if one.get("pattern") == PATTERN and "default" in one:
                one["default"] = format_duration(_ISO_DURATION.validate_python(one["default"]))
    return schema


def _parameters_of(kind: str, definitions: Schema) -> Schema:
    """The rule that ties `with` to this kind; adds what it needs to `definitions`, under names of its own."""
    check: type[pydantic.BaseModel] = kinds.load("checks", kind)
    own = schema_of(check, prefix=f"{kind}.")
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{kind}.{name}"] = definition
    definitions[f"with.{kind}"] = own
    then: Schema = {"properties": {"with": {"$ref": f"#/$defs/with.{kind}"}}}
    if own.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then}


def _with_variables(schema: Schema, name: str = "") -> Schema:
    """The same schema, in which `${NAME}` may stand wherever a value of one kind or form is asked for."""
    result = {key: _inside(key, value, name) for key, value in schema.items()}
    return result if name in _NAMES or not _is_limited(schema) else {"anyOf": [result, _VARIABLE]}


def _inside(key: str, value: Any, name: str) -> Any:
    if key in _NESTED and isinstance(value, dict):
        return {child: _with_variables(one, child) for child, one in value.items()}
    if key in _LISTED and isinstance(value, list):
        return [_with_variables(one, name) for one in value]
    if key in _SINGLE and isinstance(value, dict):
        return _with_variables(value, name)
    return value


def _is_limited(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind in {"integer", "number", "boolean"} or (kind == "string" and bool(_LIMITS & schema.keys()))
