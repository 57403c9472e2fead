"""Turns values into the admin page and into JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_ADMIN = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Points: {{ environment }}</title>
<style>body { font: 1rem sans-serif; margin: 2rem } td { padding: .2rem 1rem; text-align: right } th { text-align: left }</style>
</head>
<body>
<h1>Points: {{ environment }}</h1>
<table>
{%- for name, value in totals.items() %}
<tr><th scope="row">{{ name.replace("_", " ") }}</th><td>{{ value }}</td></tr>
{%- endfor %}
</table>
</body>
</html>
""")


def admin(environment: str, totals: Mapping[str, Any]) -> str:
    """Return the admin page of an environment: a table of named totals."""
    return _ADMIN.render(environment=environment, totals=totals)


def json_text(value: Mapping[str, Any]) -> str:
    """Return a value as JSON text for a jsonb parameter."""
    return json.dumps(value, ensure_ascii=True)
