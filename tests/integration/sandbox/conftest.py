"""A running sandbox that the tests of one worker share; a test that changes it for good makes its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.sandbox import lifecycle
from tests.support.servers import open_directory


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Path]:
    """The directory of a running sandbox."""
    with open_directory() as directory:
        root = directory / "sandbox"
        try:
            lifecycle.up(root)
            yield root
        finally:
            lifecycle.down(root, purge=True)
