"""The worklist tests of the API, unchanged, with a PACS that has no worklist (Orthanc): the embedded one serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.settings import Settings
from tests.graph.conftest import api, app, archive_socket  # noqa: F401  # fixtures
from tests.graph.schema.test_workitems import *  # noqa: F403
from tests.real.orthanc import Orthanc, orthanc


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for all tests; every test makes patients of its own."""
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def settings(pacs: Orthanc, archive_socket: Path, tmp_path: Path) -> Settings:  # noqa: F811  # the fixture
    """Settings that name Orthanc, and beside it the embedded PACS, as `serve` starts it."""
    return Settings(_env_file=None, data_dir=tmp_path, pacs_url=pacs.pacs_url, archive_socket=archive_socket)
