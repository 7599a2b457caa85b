from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.pacs.archive.dimse.network import Network, on_network


@pytest.fixture
async def network(data_dir: Path) -> AsyncIterator[Network]:
    """An empty archive on both networks."""
    async with on_network(data_dir) as found:
        yield found
