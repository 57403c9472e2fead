"""Settings of functions: what they name must lie among the functions, or it is in no plan."""

from __future__ import annotations

import pytest

from pointsctl.model.function_settings import strange_path

OUTSIDE = {
    "absolute": '[functions.hello]\nentrypoint = "/etc/hostname"\n',
    "above": '[functions.hello]\nimport_map = "../../elsewhere/import_map.json"\n',
    "beside": '[functions.hello]\nentrypoint = "./migrations/index.ts"\n',
    "static": '[functions.hello]\nstatic_files = ["./functions/hello/a.html", "/etc/pass*"]\n',
    "of a remote": '[remotes.live.functions.hello]\nentrypoint = "../index.ts"\n',
    "by a variable": '[functions.hello]\nentrypoint = "env(ENTRY)"\n',
    "no text": "[functions.hello]\nentrypoint = 3\n",
    "no TOML": "[functions.hello\n",
    "no TOML of anybody": "a = " + "[" * 20_000,
}

INSIDE = (
    '[functions.hello]\nentrypoint = "./functions/hello/index.ts"\nimport_map = "functions/../functions/deno.json"\n'
    'static_files = ["./functions/hello/*.html"]\n'
)


@pytest.mark.parametrize("what", OUTSIDE)
def test_what_reaches_outside_is_told(what: str) -> None:
    assert strange_path(OUTSIDE[what].encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        'project_id = "x"\nfunctions = 3\n',
        '[functions.hello]\nverify_jwt = false\nentrypoint = ""\n',
        INSIDE,
    ],
)
def test_what_stays_among_the_functions_is_good(text: str) -> None:
    assert strange_path(text.encode()) == ""


def test_what_is_not_utf_8_is_told() -> None:
    assert strange_path(b"a = '\xff'") == "it is no TOML"
