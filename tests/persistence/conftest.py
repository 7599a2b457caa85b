"""A SQLite store in a fresh folder."""

from pathlib import Path

import pytest

from tests.persistence.conformance.fixtures import reopen, store, stores

__all__ = ["reopen", "store", "stores"]


@pytest.fixture
def place(tmp_path: Path) -> tuple[None, Path]:
    return None, tmp_path
