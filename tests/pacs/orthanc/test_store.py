"""All but small objects into Orthanc by its own REST API, and by STOW-RS wherever that does not take them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from pacs import multipart
from pacs.adapter import Pacs
from pacs.attributes import JSONDataset, tag
from pacs.errors import Conflict, PacsTimeout, Refused
from tests.pacs.orthanc.storing import behind, paths, stored
from tests.pacs.scripted import Exchange, ScriptedPacs, scripted_pacs
from tests.samples import Exam, Sample

LARGE = Exam().image(Rows=2048, Columns=1024, PixelData=bytes(4 << 20))
MIDDLING = Exam().image(Rows=512, Columns=512, PixelData=bytes(1 << 19))
SMALL = Exam().image()
SYSTEM, INSTANCES, STOW, QIDO = "/system", "/instances", "/dicom-web/studies", "/dicom-web/instances"
WADO = f"/dicom-web/studies/{LARGE.study}/series/{LARGE.series}/instances/{LARGE.instance}"
RELATED = 'multipart/related; type="application/dicom"; boundary=b'
Answers = dict[str, tuple[int, bytes]]


def json(**values: str | list[JSONDataset]) -> JSONDataset:
    return {
        tag(name): {"vr": "UN", "Value": value if isinstance(value, list) else [value]}
        for name, value in values.items()
    }


def wado(content: bytes) -> bytes:
    return multipart.opening("b", "application/dicom") + content + multipart.closing("b")


STORED = json(ReferencedSOPSequence=[json(ReferencedSOPInstanceUID=one.instance) for one in (LARGE, SMALL)])
REFUSED = json(FailedSOPSequence=[json(ReferencedSOPInstanceUID=LARGE.instance, FailureReason="290")])
PLACE = json(StudyInstanceUID=LARGE.study, SeriesInstanceUID=LARGE.series, SOPInstanceUID=LARGE.instance)
OTHER_CONTENT = LARGE.content[:-1] + b"\1"
ORTHANC: Answers = {
    SYSTEM: (200, b'{"DicomAet": "ORTHANC", "Version": "1.10.1"}'),
    INSTANCES: (200, b'{"Status": "Success"}'),
    STOW: (200, orjson.dumps(STORED)),
}


@asynccontextmanager
async def orthanc(
    answers: Answers, found: Callable[[int], list[JSONDataset]] = lambda _: []
) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    """`found` is what the searches, by their number, find."""
    searches = 0

    async def script(exchange: Exchange) -> None:
        nonlocal searches
        body = await exchange.body()
        path = exchange.target.partition("?")[0]
        if path == QIDO:
            searches += 1
            await exchange.json(found(searches))
            return
        if path == INSTANCES:
            assert body in (LARGE.content, MIDDLING.content, SMALL.content)
            assert exchange.headers["content-length"] == str(len(body))
        status, content = answers.get(path, (404, b""))
        if not status:
            raise ConnectionError
        await exchange.answer(status, content, RELATED if path == WADO else "application/json")

    async with behind(script) as both:
        yield both


async def test_objects_go_as_they_are_and_small_ones_beside_them_by_stow() -> None:
    async with orthanc(ORTHANC) as (pacs, server):
        assert await stored(pacs, LARGE, MIDDLING, SMALL) == [None] * 3
        assert paths(server) == [QIDO, SYSTEM, "/tools/bulk-content", INSTANCES, INSTANCES, STOW]


@pytest.mark.parametrize(
    ("changed", "asked", "asked_again"),
    [
        pytest.param({SYSTEM: (404, b"")}, [SYSTEM], [], id="no Orthanc"),
        pytest.param({SYSTEM: (503, b"")}, [SYSTEM], [SYSTEM], id="a gateway that lacks the path"),
        pytest.param({INSTANCES: (401, b"")}, [SYSTEM, INSTANCES], [], id="other credentials there"),
        pytest.param({INSTANCES: (403, b"")}, [SYSTEM, INSTANCES], [], id="no storing there"),
        pytest.param({INSTANCES: (404, b"")}, [SYSTEM, INSTANCES], [], id="no such path there"),
        pytest.param({INSTANCES: (405, b"")}, [SYSTEM, INSTANCES], [], id="nothing but reading there"),
        pytest.param({INSTANCES: (413, b"")}, [SYSTEM, INSTANCES], [INSTANCES], id="too large there"),
        pytest.param({INSTANCES: (400, b"{}")}, [SYSTEM, INSTANCES], [INSTANCES], id="refused"),
        pytest.param({INSTANCES: (500, b"")}, [SYSTEM, INSTANCES], [INSTANCES], id="a fault"),
        pytest.param({INSTANCES: (507, b"")}, [SYSTEM, INSTANCES], [INSTANCES], id="no space"),
        pytest.param({INSTANCES: (0, b"")}, [SYSTEM, INSTANCES], [INSTANCES], id="breaks off"),
        pytest.param({INSTANCES: (200, b"<html>")}, [SYSTEM, INSTANCES], [INSTANCES], id="a web page"),
        pytest.param({INSTANCES: (200, b"[]")}, [SYSTEM, INSTANCES], [INSTANCES], id="a list"),
        pytest.param({INSTANCES: (200, b"{}")}, [SYSTEM, INSTANCES], [INSTANCES], id="says nothing"),
        pytest.param({INSTANCES: (200, b'{"Status": []}')}, [SYSTEM, INSTANCES], [INSTANCES], id="no status"),
    ],
)
async def test_stow_is_asked_where_orthanc_does_not_take_it(
    changed: Answers, asked: list[str], asked_again: list[str]
) -> None:
    async with orthanc(ORTHANC | changed) as (pacs, server):
        assert await stored(pacs, LARGE) == [None]
        assert await stored(pacs, LARGE) == [None]
        assert paths(server) == [QIDO, *asked, STOW, QIDO, *asked_again, STOW]


@pytest.mark.parametrize("one", [LARGE, SMALL])
async def test_what_a_script_keeps_out_is_refused_though_stow_would_say_that_it_is_stored(one: Sample) -> None:
    async with orthanc(ORTHANC | {INSTANCES: (200, b'{"Status": "FilteredOut"}')}) as (pacs, server):
        (error,) = await stored(pacs, one)
        assert isinstance(error, Refused)
        assert STOW not in paths(server)


async def test_why_it_is_refused_is_what_stow_says() -> None:
    async with orthanc(ORTHANC | {INSTANCES: (400, b"{}"), STOW: (409, orjson.dumps(REFUSED))}) as (pacs, _):
        (error,) = await stored(pacs, LARGE)
    assert isinstance(error, Refused)
    assert error.reason == 0x0122


@pytest.mark.parametrize(
    ("content", "outcome"), [(LARGE.content, type(None)), (OTHER_CONTENT, Conflict)], ids=["the same", "other content"]
)
async def test_what_came_by_another_way_meanwhile_is_compared(content: bytes, outcome: type[object]) -> None:
    known = ORTHANC | {INSTANCES: (200, b'{"Status": "AlreadyStored"}'), WADO: (200, wado(content))}
    async with orthanc(known, lambda number: [PLACE] if number > 1 else []) as (pacs, server):
        (said,) = await stored(pacs, LARGE)
        assert isinstance(said, outcome)
        assert paths(server)[:4] == [QIDO, SYSTEM, INSTANCES, QIDO]
        assert STOW not in paths(server)


async def test_a_known_object_is_not_sent() -> None:
    async with orthanc(ORTHANC | {WADO: (200, wado(OTHER_CONTENT))}, lambda _: [PLACE]) as (pacs, server):
        (said,) = await stored(pacs, LARGE)
        assert isinstance(said, Conflict)
        assert not {INSTANCES, STOW} & set(paths(server))


async def test_eight_batches_are_stored_at_once_however_many_ask() -> None:
    at_once: list[int] = [0]

    async def script(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target.startswith(QIDO):
            await exchange.json([])
        elif exchange.target == STOW:
            at_once.append(at_once[-1] + 1)
            await asyncio.sleep(0.02)
            at_once.append(at_once[-1] - 1)
            await exchange.answer(200, b"{}", "application/dicom+json")
        else:
            await exchange.answer(404, b"", "")

    async with scripted_pacs(script) as server:
        pacs = Pacs(server.address())
        await asyncio.gather(*(stored(pacs, Exam().image()) for _ in range(20)))
        await pacs.aclose()
    assert max(at_once) == 8


async def test_an_orthanc_that_falls_silent_is_waited_for_once() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target == INSTANCES:
            await exchange.reader.read()
        elif exchange.target == SYSTEM:
            await exchange.answer(*ORTHANC[SYSTEM])
        else:
            await exchange.json([])

    async with scripted_pacs(script) as server:
        pacs = Pacs(server.address(timeout_seconds=0.3))
        (error,) = await stored(pacs, LARGE)
        assert isinstance(error, PacsTimeout)
        assert paths(server) == [QIDO, SYSTEM, INSTANCES]
        await pacs.aclose()
