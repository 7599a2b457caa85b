"""Fixtures with which the tests of the API run on Orthanc, unchanged."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from graph.settings import Settings
from pacs.adapter import Pacs
from pacs.errors import NotFound
from tests.real.orthanc import Orthanc, orthanc


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for all tests of a module; every test makes patients of its own."""
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def settings(pacs: Orthanc, tmp_path: Path) -> Settings:
    """Settings that name Orthanc."""
    return Settings(_env_file=None, data_dir=tmp_path, pacs_url=pacs.pacs_url)


async def introduce(pacs: Pacs) -> None:
    """Returns when it knows that it is an Orthanc, which it else finds out while it searches."""
    with suppress(NotFound):
        async with pacs.retrieve("1.2", "1.2.3", "1.2.3.4"):
            pass
