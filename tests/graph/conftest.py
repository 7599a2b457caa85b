"""The API on the embedded PACS: the archive is a process, as in production; the API runs in the test's loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from graph.app import create_app
from graph.archive_process import running_archive
from graph.settings import Settings
from persistence.store import Store, open_store
from tests.graph.api import Api


@pytest.fixture(scope="session")
def archive_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An embedded PACS for all tests of this process; every test makes patients of its own."""
    arguments = ["--data-dir", str(tmp_path_factory.mktemp("archive"))]
    with running_archive(arguments, dict(os.environ)) as path:
        yield path


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
    config = uvicorn.Config(
        create_app(settings), port=port, lifespan="on", log_config=None, ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


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
