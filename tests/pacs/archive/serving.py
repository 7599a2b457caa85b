"""An archive served on a real socket, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from pacs import multipart
from pacs.archive.app import create_archive
from pacs.archive.options import ArchiveOptions
from tests.served import served


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The URL of an application that listens on a free port of the loopback interface."""
    async with served(app, http="httptools", lifespan="on", access_log=False, ws="none") as port:
        yield f"http://127.0.0.1:{port}"


class Archive:
    """A client of a served archive."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = f"{url}/dicom-web"
        self.client = client

    async def store(self, *files: bytes, study: str = "") -> httpx.Response:
        """Stores files in one request."""
        content_type, body = stow_body(*files)
        path = f"/studies/{study}" if study else "/studies"
        return await self.client.post(self.url + path, content=body, headers={"content-type": content_type})

    async def get(self, path: str, accept: str | None = None, **parameters: Any) -> httpx.Response:
        """Gets a resource below the DICOMweb root."""
        headers = {"accept": accept} if accept else {}
        return await self.client.get(self.url + path, params=parameters or None, headers=headers)

    async def search(self, path: str, **parameters: Any) -> list[Any]:
        """What a search finds."""
        answer = await self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()
        return found


@asynccontextmanager
async def running(options: ArchiveOptions) -> AsyncIterator[Archive]:
    """An archive that runs on a free port, and a client of it."""
    async with serving(create_archive(options)) as url, httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield Archive(url, client)


def stow_body(*files: bytes) -> tuple[str, bytes]:
    """The Content-Type and body of a STOW-RS request."""
    boundary = multipart.new_boundary()
    parts = [
        multipart.opening(boundary, "application/dicom", first=number == 0) + file for number, file in enumerate(files)
    ]
    content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return content_type, b"".join(parts) + multipart.closing(boundary)


async def parts_of(answer: httpx.Response) -> list[bytes]:
    """The parts of a multipart answer."""

    async def whole() -> AsyncIterator[bytes]:
        yield answer.content

    boundary = multipart.boundary_of(answer.headers["content-type"])
    return [b"".join([piece async for piece in part.body]) async for part in multipart.read_parts(boundary, whole())]
