"""The API on the embedded PACS: the archive is a process, as in production; the API runs in the test's loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from persistence.store import Store, open_store
from tests.graph.api import Api
from tests.served import served


@pytest.fixture
def settings(archive_socket: Path, tmp_path: Path) -> Settings:
    """Settings with a store of the test's own."""
    return Settings(_env_file=None, data_dir=tmp_path, archive_socket=archive_socket)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """The application, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def api(app: Starlette) -> AsyncIterator[Api]:
    """A client that calls the application without a network between."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=30) as client:
        yield Api(client)


@asynccontextmanager
async def serving(settings: Settings, port: int = 0) -> AsyncIterator[str]:
    """The application behind a real socket, on a free port unless one is given; gives its URL."""
    async with served(create_app(settings), port=port, lifespan="on", ws_per_message_deflate=False) as own_port:
        yield f"http://127.0.0.1:{own_port}"


@pytest.fixture
async def base_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of a server with a real socket, for what needs one: WebSockets, streams, hang-ups."""
    async with serving(settings) as url:
        yield url


@pytest.fixture
async def live(base_url: str) -> AsyncIterator[Api]:
    """A client of that server."""
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as client:
        yield Api(client)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store of the test's own, without a server."""
    store = await open_store(None, tmp_path)
    yield store
    await store.close()
