from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pacs.archive.options import ArchiveOptions
from pacs.archive.worklist import Worklist
from tests.pacs.archive.serving import Archive, running
from tests.pacs.archive.ups_server import Client, serving


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An empty archive, served on a free port."""
    async with running(ArchiveOptions(data_dir=tmp_path / "data")) as found:
        yield found


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data folder of `archive`."""
    return tmp_path / "data"


@pytest.fixture
async def worklist(tmp_path: Path) -> AsyncIterator[Worklist]:
    """An empty worklist."""
    made = Worklist(tmp_path / "worklist.sqlite")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an empty worklist over HTTP."""
    async with serving(tmp_path / "worklist.sqlite") as url, Client(base_url=url, trust_env=False) as client:
        yield client
