"""Objects by Orthanc's own REST API where it is one, and by DICOMweb wherever that does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from pacs import multipart
from pacs.adapter import Pacs
from pacs.errors import PacsFault, PacsUnavailable
from tests.pacs.scripted import Exchange, ScriptedPacs, pacs_that
from tests.samples import Exam

IMAGE = Exam().image()
ANOTHER = Exam().image()
ID = "f1d10eea-b34b9c4b-4e194364-53c6768e-823068fa"
SYSTEM, FIND, FILE = "/system", "/tools/find", f"/instances/{ID}/file"
WADO = f"/dicom-web/studies/{IMAGE.study}/series/{IMAGE.series}/instances/{IMAGE.instance}"
RELATED = 'multipart/related; type="application/dicom"; boundary=b'
Answers = dict[str, tuple[int, bytes]]
ORTHANC: Answers = {
    SYSTEM: (200, b'{"DicomAet": "ORTHANC", "Version": "1.10.1"}'),
    FIND: (200, orjson.dumps([ID])),
    FILE: (200, IMAGE.content),
    WADO: (200, multipart.opening("b", "application/dicom") + IMAGE.content + multipart.closing("b")),
}


@asynccontextmanager
async def orthanc(answers: Answers) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    async def script(exchange: Exchange) -> None:
        await exchange.body()
        status, body = answers.get(exchange.target, (404, b""))
        if not status:
            raise ConnectionError
        await exchange.answer(status, body, RELATED if exchange.target == WADO else "application/dicom")

    async with pacs_that(script) as found:
        yield found


async def retrieved(pacs: Pacs) -> bytes:
    async with pacs.retrieve(IMAGE.study, IMAGE.series, IMAGE.instance) as file:
        return b"".join([chunk async for chunk in file.chunks])


async def test_a_file_is_found_by_its_three_uids_and_taken_from_orthancs_storage() -> None:
    async with orthanc(ORTHANC) as (pacs, server):
        assert [await retrieved(pacs), await retrieved(pacs)] == [IMAGE.content] * 2
        assert server.targets == [SYSTEM, FIND, FILE, FIND, FILE]
        async with pacs.retrieve(IMAGE.study, IMAGE.series, IMAGE.instance) as file:
            assert file.length == len(IMAGE.content)


@pytest.mark.parametrize(
    ("changed", "asked", "asked_again"),
    [
        pytest.param({SYSTEM: (404, b"")}, [SYSTEM, WADO], [WADO], id="no Orthanc"),
        pytest.param({SYSTEM: (200, b"<html>")}, [SYSTEM, WADO], [WADO], id="a web page"),
        pytest.param({SYSTEM: (500, b"")}, [SYSTEM, WADO], [WADO], id="a fault"),
        pytest.param({SYSTEM: (503, b"")}, [SYSTEM, WADO], [SYSTEM, WADO], id="a gateway that lacks the path"),
        pytest.param({SYSTEM: (0, b"")}, [SYSTEM, SYSTEM, WADO], [SYSTEM, SYSTEM, WADO], id="a gateway that hangs up"),
        pytest.param({FIND: (403, b"")}, [SYSTEM, FIND, WADO], [WADO], id="no searching there"),
        pytest.param({FIND: (405, b"")}, [SYSTEM, FIND, WADO], [FIND, WADO], id="nothing but reading there"),
        pytest.param({FIND: (503, b"")}, [SYSTEM, FIND, WADO], [FIND, WADO], id="too busy to search"),
        pytest.param({FIND: (200, b"[]")}, [SYSTEM, FIND, WADO], [FIND, WADO], id="it has none"),
        pytest.param({FIND: (200, b'["../system"]')}, [SYSTEM, FIND, WADO], [FIND, WADO], id="no identifier"),
        pytest.param({FIND: (200, b"{")}, [SYSTEM, FIND, WADO], [FIND, WADO], id="no JSON"),
        pytest.param(
            {FIND: (200, orjson.dumps([ID, ID[::-1]]))}, [SYSTEM, FIND, WADO], [FIND, WADO], id="two patients have it"
        ),
    ],
)
async def test_dicomweb_is_asked_where_orthanc_does_not_tell(
    changed: Answers, asked: list[str], asked_again: list[str]
) -> None:
    async with orthanc(ORTHANC | changed) as (pacs, server):
        assert [await retrieved(pacs), await retrieved(pacs)] == [IMAGE.content] * 2
        assert server.targets == asked + asked_again


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param((200, ANOTHER.content), PacsFault, id="another object"),
        pytest.param((500, b""), PacsFault, id="a fault"),
        pytest.param((0, b""), PacsUnavailable, id="breaks off"),
    ],
)
async def test_a_file_that_does_not_come_whole_is_an_error(answer: tuple[int, bytes], error: type[Exception]) -> None:
    async with orthanc(ORTHANC | {FILE: answer}) as (pacs, _):
        with pytest.raises(error):
            await retrieved(pacs)


async def test_a_pacs_that_is_off_is_told_once_and_orthanc_is_looked_for_again() -> None:
    answers = dict(ORTHANC | {SYSTEM: (502, b""), WADO: (502, b"")})
    async with orthanc(answers) as (pacs, server):
        with pytest.raises(PacsUnavailable):
            await retrieved(pacs)
        answers |= ORTHANC
        assert await retrieved(pacs) == IMAGE.content
        assert server.targets == [SYSTEM, WADO, SYSTEM, FIND, FILE]
