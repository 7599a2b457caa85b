"""The tests of the viewer, unchanged, with Orthanc as the PACS: it does not render all images."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.settings import Settings
from tests.graph.conftest import api, app, base_url  # noqa: F401  # fixtures
from tests.graph.test_viewer_client import *  # noqa: F403
from tests.graph.test_viewer_dicomweb import *  # noqa: F403
from tests.real.orthanc import Orthanc, orthanc


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for all tests; every test makes patients of its own."""
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def settings(pacs: Orthanc, tmp_path: Path) -> Settings:
    """Settings that name Orthanc."""
    return Settings(_env_file=None, data_dir=tmp_path, pacs_url=pacs.pacs_url)
