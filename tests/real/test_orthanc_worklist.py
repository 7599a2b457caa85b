"""The worklist tests of the API, unchanged, with a PACS that has no worklist (Orthanc): the embedded one serves."""

from pathlib import Path

import pytest

from graph.settings import Settings
from tests.graph.conftest import api, app  # noqa: F401  # pytest finds fixtures by name
from tests.graph.schema.test_workitems import *  # noqa: F403  # tests
from tests.real.on_orthanc import pacs  # noqa: F401  # pytest finds fixtures by name
from tests.real.orthanc import Orthanc


@pytest.fixture
def settings(pacs: Orthanc, archive_socket: Path, tmp_path: Path) -> Settings:  # noqa: F811  # pytest fills in the fixture
    """Settings that name Orthanc, and beside it the embedded PACS, as `serve` starts it."""
    return Settings(_env_file=None, data_dir=tmp_path, pacs_url=pacs.pacs_url, archive_socket=archive_socket)
