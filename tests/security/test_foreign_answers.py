"""A PACS that was taken over: URLs in its answers lead nowhere, its bombs do not go off."""

import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import orjson
import pytest
import websockets

from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.pacs import bombs
from tests.pacs.scripted import Exchange, ScriptedPacs, scripted_pacs
from tests.samples import Exam

_FILE = "/exams/studies/1.2/series/1.3/instance/1.4"


@pytest.fixture
async def victim() -> AsyncIterator[ScriptedPacs]:
    """A server in the same network that nobody should be made to call."""

    async def welcome(exchange: Exchange) -> None:
        await exchange.json([])

    async with scripted_pacs(welcome) as server:
        yield server


def dataset(url: str) -> dict[str, object]:
    """A study, series and instance in one, with URLs wherever DICOM has room for them."""
    return {
        "00080018": {"vr": "UI", "Value": ["1.4"]},
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081190": {"vr": "UR", "Value": [url]},
        "00080054": {"vr": "AE", "Value": [url]},
        "0008010E": {"vr": "UR", "Value": [url]},
        "00100020": {"vr": "LO", "Value": ["A"]},
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "0020000E": {"vr": "UI", "Value": ["1.3"]},
        "7FE00010": {"vr": "OW", "BulkDataURI": url},
        "00420011": {"vr": "OB", "BulkDataURI": "file:///etc/passwd"},
    }


Answer = Callable[[Exchange, str], Awaitable[None]]


async def urls(exchange: Exchange, url: str) -> None:
    await exchange.json([dataset(url)])


async def redirects(exchange: Exchange, url: str) -> None:
    await exchange.raw(f"HTTP/1.1 302 X\r\nLocation: {url}/x\r\nContent-Length: 0\r\n\r\n".encode())


async def refreshes(exchange: Exchange, url: str) -> None:
    head = f"HTTP/1.1 200 X\r\nRefresh: 0;url={url}\r\nLink: <{url}>; rel=preload\r\nContent-Location: {url}\r\n"
    body = orjson.dumps([dataset(url)])
    await exchange.raw(
        f"{head}Content-Type: application/dicom+json\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body
    )


@pytest.mark.attack("requests forged by a PACS's answers (SSRF): URLs, redirects, links")
@pytest.mark.parametrize("answer", [urls, redirects, refreshes], ids=["URLs in datasets", "redirects", "links"])
async def test_urls_in_answers_are_never_followed(settings: Settings, victim: ScriptedPacs, answer: Answer) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.line.startswith("POST"):
            await exchange.body()
        await answer(exchange, victim.url)

    async with scripted_pacs(script) as pacs:
        changes = {"archive_socket": None, "pacs_url": pacs.url}
        async with serving(settings.model_copy(update=changes)) as url, httpx.AsyncClient(base_url=url) as client:
            api = Api(client)
            await api.answer(
                '{ studies(patientID: "A") { nodes { dicom series { dicom instances { dicom thumbnail { url } } } } } }'
            )
            await api.answer("{ workitems { nodes { dicom study { dicom } } } }")
            await api.upload(Exam().image().content)
            for kind in ("application/dicom", "image/jpeg"):
                assert (await client.get(_FILE, params={"fileType": kind})).status_code in (404, 406, 502)
            await client.get("/exams/studies/1.2?fileType=application/zip")
            link = await api.answer('mutation { createViewerToken(input: {studyInstanceUID: "1.2"}) { url } }')
            if link.get("data"):
                await client.get(link["data"]["createViewerToken"]["url"])
                for path in ("", "/1.2/metadata", "/1.2/series", "/1.2/series/1.3/instances/1.4/rendered"):
                    shown = await client.get(f"/viewer/dicomweb/studies{path}")
                    assert victim.url not in shown.text
        assert len(pacs.targets) > 5

    assert (victim.connections, victim.targets) == (0, [])


@pytest.mark.attack("decompression bombs: compressed requests")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "identity, gzip", "x"])
async def test_compressed_requests_are_not_unpacked(api: Api, coding: str) -> None:
    body = gzip.compress(b'{"query": "{ me { subject } }", "x": "' + b" " * 50_000_000 + b'"}')
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    started = time.monotonic()
    graphql = await api.http.post("/graphql", content=body, headers=headers)
    callback = await api.http.post("/new-exam-callback", content=body, headers=headers)
    assert (graphql.status_code, callback.status_code) == (415, 400)
    assert time.monotonic() - started < 2


@pytest.mark.attack("decompression bombs: messages on sockets")
async def test_sockets_do_not_compress(base_url: str) -> None:
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    async with websockets.connect(base_url.replace("http", "ws") + "/graphql", subprotocols=protocols) as socket:
        assert socket.protocol.extensions == []


@pytest.mark.attack("decompression bombs: a PACS's answers")
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_of_the_pacs_is_an_error_in_time(settings: Settings, coding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    bomb = packer.compress(b"[" + b" " * 300_000_000) + packer.flush()

    async def script(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 X\r\nContent-Encoding: {coding}\r\nContent-Type: application/dicom+json\r\n"
        await exchange.raw(f"{head}Content-Length: {len(bomb)}\r\n\r\n".encode(), bomb)

    async with scripted_pacs(script) as pacs:
        changes = {"archive_socket": None, "pacs_url": pacs.url}
        async with (
            serving(settings.model_copy(update=changes)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            started = time.monotonic()
            error = await Api(client).error('{ studies(patientID: "A") { totalCount } }')
            seconds = time.monotonic() - started
    assert len(bomb) < 400_000
    assert error["code"] == "PACS_ERROR"
    assert seconds < 5


@pytest.mark.attack("decompression bombs: a deflated DICOM file")
async def test_a_deflated_bomb_is_stored_or_refused_but_never_unpacked(
    api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = bombs._deflated(tmp_path_factory.mktemp("bomb") / "bomb.dcm")
    started = time.monotonic()
    (result,) = await api.upload(path)
    assert time.monotonic() - started < 10
    if result["instance"]:
        url = result["instance"]["fileURL"].replace("application/dicom", "image/jpeg")
        assert (await api.http.get(url)).status_code in (404, 406)
