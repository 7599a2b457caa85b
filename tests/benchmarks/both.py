"""Orthanc, the service in front of it, and a client that can do the same work with either."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.graph.api import UPLOAD
from tests.pacs.archive.serving import stow_body
from tests.real.orthanc import Orthanc, orthanc
from tests.real.relay import relay
from tests.real.server import ServerProcess
from tests.samples import Sample

JSON = {"Accept": "application/dicom+json"}
_PLAIN = {"Accept-Encoding": "identity"}  # Orthanc compresses what it can, which costs more than it saves
_REQUEST = re.compile(rb"^(?:GET|POST) (/\S*) HTTP/1\.1\r$", re.MULTILINE)
_BOUNDARY = "------------------------81c36f0a2d5b4e97f0"
"""As curl makes them, and no shorter than browsers do: a short one takes three times as long to search for."""
_FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_BATCH = 50
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Observed:
    """What a query makes the service ask for: paths below the root of Orthanc, or of its DICOMweb services."""

    paths: list[str]
    milliseconds: float
    """Which it took."""
    milliseconds_of_requests: float
    """Which they took, each for itself: many are made at the same time."""


@dataclass
class Both:
    """`api` talks to the service, `direct` to Orthanc's DICOMweb services."""

    folder: Path
    pacs: Orthanc
    server: ServerProcess
    api: httpx.Client
    direct: httpx.Client

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """GraphQL: the data."""
        return ask(self.api, query, **variables)

    def search(self, path: str) -> list[Any]:
        """QIDO-RS; it must find something."""
        found: list[Any] = self.direct.get(path, headers=JSON).raise_for_status().json()
        assert found, path
        return found

    def fill(self, images: list[Sample]) -> None:
        """Stores images in Orthanc."""
        for start in range(0, len(images), _BATCH):
            self.store(stow_body(*(image.content for image in images[start : start + _BATCH])))

    def store(self, prepared: tuple[str, bytes]) -> None:
        """STOW-RS."""
        content_type, body = prepared
        headers = {"Content-Type": content_type, **_length(body)} | JSON
        answer = self.direct.post("studies", content=_blocks(body), headers=headers)
        assert answer.status_code == 200, answer.text

    def upload(self, prepared: bytes) -> None:
        """`uploadExams`; see `form`."""
        headers = {"Content-Type": _FORM_TYPE, "GraphQL-Require-Preflight": "1", **_length(prepared)}
        answer = self.api.post("/graphql", content=_blocks(prepared), headers=headers).json()
        assert all(result["error"] is None for result in answer["data"]["uploadExams"]["results"]), answer

    def settle(self) -> None:
        """Returns when Orthanc takes every study for complete, as most are that are asked for."""
        for _ in range(600):
            if all(one["IsStable"] for one in self.direct.get(f"{self.pacs.root}/studies?expand").json()):
                return
            time.sleep(0.1)
        raise TimeoutError("Orthanc still waits for more")

    def forget(self, study: str) -> None:
        """Deletes a study behind the service's back."""
        found = self.direct.post(f"{self.pacs.root}/tools/lookup", content=study).json()
        for one in found:
            if one["Type"] == "Study":
                self.direct.delete(f"{self.pacs.root}{one['Path']}").raise_for_status()

    def observed(self, *queries: tuple[str, dict[str, Any]]) -> "Observed":
        """What the last of these queries makes the service do."""
        return asyncio.run(self._observed(queries))

    async def _observed(self, queries: tuple[tuple[str, dict[str, Any]], ...]) -> "Observed":
        folder = self.folder / "observed"
        folder.mkdir(exist_ok=True)
        async with relay(self.pacs.http_port) as between:
            server = _server(folder, between.http_url)
            await asyncio.to_thread(server.start)
            try:
                async with httpx.AsyncClient(base_url=server.url, timeout=300) as client:
                    for query, variables in queries:
                        between.sent.clear()
                        between.exchange_seconds = 0.0
                        body = {"query": query, "variables": variables}
                        started = time.perf_counter()
                        answer = await client.post("/graphql", json=body)
                        taken = time.perf_counter() - started
                        assert "errors" not in answer.json()
                paths = [path.decode() for path in _REQUEST.findall(bytes(between.sent))]
            finally:
                await asyncio.to_thread(server.stop)
        return Observed(paths, 1000 * taken, 1000 * between.exchange_seconds)


@contextmanager
def beside_orthanc(folder: Path, **options: Any) -> Iterator[Both]:
    """Both, with nothing stored yet; `options` are Orthanc's."""
    with orthanc(folder, **options) as pacs:
        server = _server(folder, pacs.pacs_url)
        server.start()
        try:
            with (
                httpx.Client(base_url=server.url, headers=_PLAIN, timeout=300) as api,
                httpx.Client(base_url=f"{pacs.pacs_url}/", headers=_PLAIN, timeout=300) as direct,
            ):
                yield Both(folder, pacs, server, api, direct)
        finally:
            server.stop()


def _server(folder: Path, pacs_url: str) -> ServerProcess:
    return ServerProcess(folder, PACS_URL=pacs_url, RATE_PER_SECOND="0", LOG_LEVEL="error")


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    """GraphQL: the data of an answer without errors."""
    answer = orjson.loads(client.post("/graphql", json={"query": query, "variables": variables}).content)
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def _length(body: bytes) -> dict[str, str]:
    return {"Content-Length": str(len(body))}


def _blocks(body: bytes) -> Iterator[bytes]:
    """As curl and browsers send it. Of one large piece httpx copies the rest after each part that the socket takes:

    of 100 MB that was 160 ms of the client's processor time by STOW-RS and 320 ms by the API (measured).
    """
    for start in range(0, len(body), _BLOCK_BYTES):
        yield body[start : start + _BLOCK_BYTES]


def form(*contents: bytes) -> bytes:
    """The body of an upload, ready to be sent."""
    operations = orjson.dumps({"query": UPLOAD, "variables": {"files": [None] * len(contents)}})
    places = orjson.dumps({str(number): [f"variables.files.{number}"] for number in range(len(contents))})
    parts = [_part("operations", operations), _part("map", places)]
    parts += [
        _part(str(number), content, f'; filename="{number}.dcm"\r\nContent-Type: application/dicom')
        for number, content in enumerate(contents)
    ]
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def _part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return b"".join((head.encode(), content, b"\r\n"))


def renewed(image: Sample, uid: Callable[[], str]) -> Sample:
    """The object under another UID of the same length, so that it need not be written anew."""
    own = uid()[: len(image.instance)].rstrip(".").ljust(len(image.instance), "7")
    content = image.content.replace(image.instance.encode(), own.encode())
    return Sample(content, image.patient_id, image.study, image.series, own)
