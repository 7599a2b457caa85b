"""The HTTP client of a PACS against servers that misbehave: a fault is one error, in time, and leaves nothing open."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb, pieces
from pacs.errors import NotAcceptable, NotFound, PacsFault, PacsTimeout, PacsUnauthorized, PacsUnavailable
from tests.pace import slowness
from tests.pacs.scripted import Exchange, Script, ScriptedPacs, scripted_pacs

ONE = {"00100020": {"vr": "LO", "Value": ["P1"]}}


@asynccontextmanager
async def connected(script: Script, **options: object) -> AsyncIterator[tuple[DicomWeb, ScriptedPacs]]:
    async with scripted_pacs(script) as pacs:
        web = DicomWeb(pacs.address(**{"timeout_seconds": 0.5, "connect_timeout_seconds": 0.5, **options}))
        try:
            yield web, pacs
        finally:
            await web.aclose()
            await pacs.until_closed()


def answering(status: int, body: bytes = b"", content_type: str = "application/dicom+json") -> Script:
    return lambda exchange: exchange.answer(status, body, content_type)


_SILENCE_SECONDS = 1.2  # longer than the client waits


async def never(exchange: Exchange) -> None:
    await asyncio.sleep(_SILENCE_SECONDS)
    raise ConnectionError


async def hangs_up(exchange: Exchange) -> None:
    raise ConnectionError


async def breaks_off(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{")
    raise ConnectionError


async def trickles(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await exchange.raw(b" ")
        await asyncio.sleep(0.1)


def _patience(error: type[Exception]) -> float:
    """A time-out that is waited for is short; another is not to come first on a busy machine."""
    return 0.5 if error is PacsTimeout else 10


async def pours(exchange: Exchange) -> None:
    await exchange.endless("application/dicom+json")
    while True:
        await exchange.raw(b" " * 65536)


async def babbles(exchange: Exchange) -> None:
    await exchange.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    raise ConnectionError


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(answering(401), PacsUnauthorized, id="401"),
        pytest.param(answering(403), PacsUnauthorized, id="403"),
        pytest.param(answering(404), NotFound, id="404"),
        pytest.param(answering(406), NotAcceptable, id="406"),
        pytest.param(answering(500, b"boom"), PacsFault, id="500"),
        pytest.param(answering(302), PacsFault, id="redirect"),
        pytest.param(answering(503), PacsUnavailable, id="503"),
        pytest.param(answering(504), PacsTimeout, id="504"),
        pytest.param(answering(200, b"<html>login</html>", "text/html"), PacsFault, id="HTML"),
        pytest.param(answering(200, b'[{"00100020": {"vr"'), PacsFault, id="truncated JSON"),
        pytest.param(answering(200, b'"text"'), PacsFault, id="other JSON"),
        pytest.param(answering(200, b"[1, 2]"), PacsFault, id="no datasets"),
        pytest.param(never, PacsTimeout, id="never answers"),
        pytest.param(trickles, PacsTimeout, id="trickles for ever"),
        pytest.param(pours, PacsFault, id="endless body"),
        pytest.param(hangs_up, PacsUnavailable, id="hangs up"),
        pytest.param(breaks_off, PacsUnavailable, id="breaks off"),
        pytest.param(babbles, PacsUnavailable, id="no HTTP"),
    ],
)
async def test_a_fault_of_a_search_is_one_error_in_time(script: Script, error: type[Exception]) -> None:
    async with connected(script, max_answer_bytes=1_000_000, timeout_seconds=_patience(error)) as (web, _):
        started = time.monotonic()
        with pytest.raises(error) as raised:
            await web.search("studies", "PatientID=SECRET")
        assert time.monotonic() - started < 1.0 * slowness()
        assert "SECRET" not in str(raised.value)
        assert "127.0.0.1" not in str(raised.value)


async def test_nobody_listens() -> None:
    async with scripted_pacs(never) as pacs:
        address = pacs.address()
    web = DicomWeb(address)
    with pytest.raises(PacsUnavailable):
        await web.search("studies")
    await web.aclose()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b"[]", []),
        (200, b"", []),
        (204, b"", []),
        (206, b'[{"00100020":{"vr":"LO","Value":["P1"]}}]', [ONE]),
        (200, b'{"00100020":{"vr":"LO","Value":["P1"]}}', [ONE]),
    ],
)
async def test_every_way_to_answer_a_search_is_understood(status: int, body: bytes, found: list[object]) -> None:
    async with connected(answering(status, body, "text/plain")) as (web, _):
        assert await web.search("studies") == found


async def test_what_changes_nothing_is_tried_once_more_on_a_connection_that_was_closed_meanwhile() -> None:
    async def every_second_time(exchange: Exchange) -> None:
        if len(pacs.exchanges) % 2:
            raise ConnectionError
        await exchange.json([ONE])

    async with connected(every_second_time) as (web, pacs):
        assert await web.search("studies") == [ONE]
        assert (await web.ask("tools/find", b"{}")).json() == [ONE]
        assert (await web.ask("tools/{find}", b"{}")).json() == [ONE]  # which is left to httpx to encode
        assert len(pacs.exchanges) == 6


async def test_a_post_is_never_sent_twice() -> None:
    async with connected(hangs_up) as (web, pacs):
        with pytest.raises(PacsUnavailable):
            await web.request("POST", "studies", content=b"x")
        assert len(pacs.exchanges) == 1


async def test_connections_are_kept_for_less_than_a_second() -> None:
    async with connected(lambda exchange: exchange.json([])) as (web, pacs):
        await web.search("studies")
        await web.search("studies")
        assert pacs.connections == 1
        await asyncio.sleep(1.0)
        await web.search("studies")
        assert pacs.connections == 2


async def test_a_query_goes_out_as_it_was_built() -> None:
    async with connected(lambda exchange: exchange.json([])) as (web, pacs):
        await web.search("studies", "PatientName=Doe^P*&StudyInstanceUID=1.2,1.3&x=%20")
        assert pacs.targets == ["/dicom-web/studies?PatientName=Doe^P*&StudyInstanceUID=1.2,1.3&x=%20"]
        assert pacs.exchanges[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"token": "t0ken"}, "Bearer t0ken"),
        ({}, None),
    ],
)
async def test_credentials_are_presented(options: dict[str, str], sent: str | None) -> None:
    async with connected(lambda exchange: exchange.json([]), **options) as (web, pacs):
        await web.search("studies")
        assert pacs.exchanges[0].headers.get("authorization") == sent


async def test_an_upload_takes_as_long_as_the_server_takes_its_bytes() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(8):
            await asyncio.sleep(0.1)
            yield b"x"

    async def takes(exchange: Exchange) -> None:
        await exchange.reader.readuntil(b"0\r\n\r\n")
        await exchange.json({})

    async with connected(takes) as (web, _):  # 0.8 s, with a time-out of 0.5 s
        assert (await web.request("POST", "studies", content=slowly())).status == 200


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000_000


async def swallows_and_is_silent(exchange: Exchange) -> None:
    await exchange.reader.readuntil(b"0\r\n\r\n")
    await never(exchange)


async def dies_in_the_middle(exchange: Exchange) -> None:
    await exchange.reader.readexactly(100_000)
    raise ConnectionError


@pytest.mark.parametrize(
    ("script", "megabytes", "error"),
    [
        pytest.param(never, 50, PacsTimeout, id="does not read"),
        pytest.param(swallows_and_is_silent, 0, PacsTimeout, id="reads and says nothing"),
        pytest.param(dies_in_the_middle, 50, PacsUnavailable, id="dies"),
    ],
)
async def test_a_fault_of_an_upload_is_one_error_in_time(
    script: Script, megabytes: int, error: type[Exception]
) -> None:
    async with connected(script, timeout_seconds=_patience(error)) as (web, _):
        started = time.monotonic()
        with pytest.raises(error):
            await web.request("POST", "studies", content=chunks(megabytes))
        assert time.monotonic() - started < 1.5 * slowness()


async def test_who_gives_up_leaves_no_connection() -> None:
    async with connected(never, max_connections=1, timeout_seconds=30) as (web, pacs):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(web.search("studies"), 0.1)
        assert pacs.connections == 3  # one that was kept would have been in the way: there is room for one


async def test_a_stream_that_is_left_early_leaves_no_connection() -> None:
    async with connected(pours, max_connections=1) as (web, pacs):
        for _ in range(3):
            async with web.stream("studies") as response, aclosing(pieces(response)) as body:  # type: ignore[type-var] # a generator
                await anext(body)
        await pacs.until_closed()


@pytest.mark.parametrize(("script", "error"), [(breaks_off, PacsUnavailable), (never, PacsTimeout)])
async def test_a_stream_that_fails_says_so(script: Script, error: type[Exception]) -> None:
    async with connected(script) as (web, _):
        with pytest.raises(error):
            await read_all(web)


async def read_all(web: DicomWeb) -> bytes:
    async with web.stream("studies") as response:
        return b"".join([piece async for piece in pieces(response)])


async def test_a_unix_socket_is_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "pacs.sock"

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Exchange((await reader.readuntil(b"\r\n\r\n")).decode(), {}, reader, writer).json([ONE])
        writer.close()

    server = await asyncio.start_unix_server(accepted, path)
    web = DicomWeb(PacsAddress("http://embedded/dicom-web", socket=path))
    assert await web.search("studies") == [ONE]
    await web.aclose()
    server.close()
    await server.wait_closed()


async def test_a_server_that_compresses_unasked_is_understood() -> None:
    async def compresses(exchange: Exchange) -> None:
        body = gzip.compress(b"[]")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        await exchange.raw(head.encode(), body)

    async with scripted_pacs(compresses) as pacs:
        web = DicomWeb(pacs.address())
        assert await web.search("studies") == []
        assert (await web.request("POST", "studies", content=b"once")).json() == []
        assert pacs.targets == ["/dicom-web/studies"] * 2
        await web.aclose()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        pytest.param(200, b"[]", [], id="none"),
        pytest.param(204, b"", [], id="no content"),
        pytest.param(
            200, b'[{"00100020": {"vr": "LO"}, "00080060": {"vr": "CS"}}]', [{"00100020": {"vr": "LO"}}], id="one"
        ),
        pytest.param(200, b'{"00100020": {"vr": "LO"}}', [{"00100020": {"vr": "LO"}}], id="one, bare"),
    ],
)
async def test_metadata_have_the_attributes_that_are_wanted(status: int, body: bytes, found: list[object]) -> None:
    async with connected(answering(status, body)) as (web, _):
        assert await web.metadata("studies/1.2/series/1.3/metadata", frozenset({"00100020"})) == (found, len(body))


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"1"])
async def test_metadata_that_are_none_are_a_fault(body: bytes) -> None:
    async with connected(answering(200, body)) as (web, _):
        with pytest.raises(PacsFault):
            await web.metadata("studies/1.2/series/1.3/metadata", frozenset({"00100020"}))
