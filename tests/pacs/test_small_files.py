"""Small objects of Orthanc's: from its storage by an identifier that is calculated, and pictures made of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import orjson
import pytest
from PIL import Image as pillow

from pacs.adapter import Pacs
from pacs.errors import NotFound, PacsFault
from pacs.orthanc.api import api_address
from pacs.orthanc.ids import orthanc_id
from pacs.small_files import SmallFiles
from tests.pacs.scripted import Exchange, ScriptedPacs, scripted_pacs
from tests.samples import Exam

IMAGE = Exam().image()
ANOTHER = Exam(IMAGE.patient_id, IMAGE.study).image(IMAGE.series)
SYSTEM, FIND = "/system", "/tools/find"
FILE = f"/instances/{orthanc_id(IMAGE.patient_id, IMAGE.study, IMAGE.series, IMAGE.instance)}/file"
PLACE = f"/dicom-web/studies/{IMAGE.study}/series/{IMAGE.series}/instances/{IMAGE.instance}"
ASKED_FOR_A_PICTURE = [f"{PLACE}/thumbnail?viewport=8,8", f"{PLACE}/rendered?viewport=8,8"]
Answers = dict[str, tuple[int, bytes]]


def study(**changed: Any) -> dict[str, Any]:
    row = {"ID": orthanc_id(IMAGE.patient_id, IMAGE.study), "PatientMainDicomTags": {"PatientID": IMAGE.patient_id}}
    return row | changed


def rows(*found: Any) -> tuple[int, bytes]:
    return 200, orjson.dumps(found)


def black() -> bytes:
    target = BytesIO()
    pillow.new("L", (8, 8)).save(target, "JPEG")
    return target.getvalue()


BLACK = black()
ORTHANC: Answers = {
    SYSTEM: (200, b'{"DicomAet": "ORTHANC", "Version": "1.10.1"}'),
    FIND: rows(study()),
    FILE: (200, IMAGE.content),
    ASKED_FOR_A_PICTURE[1]: (200, BLACK),
}


@asynccontextmanager
async def orthanc(answers: Answers) -> AsyncIterator[tuple[Callable[[], Any], ScriptedPacs]]:
    """What makes a picture of `IMAGE`, by an Orthanc that answers so."""

    async def script(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.answer(*answers.get(exchange.target, (404, b"")))

    async with scripted_pacs(script) as server:
        pacs = Pacs(server.address())

        async def picture() -> bytes:
            return (await pacs.pictures.thumbnail(IMAGE.study, IMAGE.series, IMAGE.instance, 8)).body

        try:
            yield picture, server
        finally:
            await pacs.aclose()


async def test_a_picture_is_made_from_the_file_of_whoever_has_the_study_now() -> None:
    async with orthanc(ORTHANC) as (picture, server):
        assert await picture() == await picture() != BLACK
        assert server.targets == [SYSTEM, FIND, FILE, FIND, FILE]


async def test_whose_a_study_is_is_asked_once_where_somebody_vouches_for_its_series() -> None:
    async def is_there() -> bool:
        return True

    async with orthanc(ORTHANC) as (_, server):
        address = api_address(server.address())
        assert address is not None
        files = SmallFiles(address, is_there)
        for _ in range(2):
            assert await files.read(IMAGE.study, IMAGE.series, IMAGE.instance) == IMAGE.content
        await files.aclose()
        assert server.targets == [FIND, FILE, FILE]


@pytest.mark.parametrize(
    ("changed", "asked", "asked_again"),
    [
        pytest.param({SYSTEM: (404, b"")}, [SYSTEM], [], id="no Orthanc"),
        pytest.param({FIND: (403, b"")}, [SYSTEM, FIND], [FIND], id="no searching there"),
        pytest.param({FIND: (200, b"{")}, [SYSTEM, FIND], [FIND], id="no JSON"),
        pytest.param({FIND: rows()}, [SYSTEM, FIND], [FIND], id="it has no such study"),
        pytest.param({FIND: rows(study(), study())}, [SYSTEM, FIND], [FIND], id="two patients have it"),
        pytest.param({FIND: rows("row")}, [SYSTEM, FIND], [FIND], id="no row"),
        pytest.param({FIND: rows(study(PatientMainDicomTags=1))}, [SYSTEM, FIND], [FIND], id="no tags"),
        pytest.param({FIND: rows(study(ID="x"))}, [SYSTEM, FIND], [FIND], id="identifiers are made otherwise"),
        pytest.param({FILE: (404, b"")}, [SYSTEM, FIND, FILE], [FIND, FILE], id="it has no such instance"),
        pytest.param({FILE: (403, b"")}, [SYSTEM, FIND, FILE], [], id="no files for us"),
        pytest.param({FILE: (200, IMAGE.content + bytes(2 << 20))}, [SYSTEM, FIND, FILE], [], id="large"),
        pytest.param({FILE: (200, IMAGE.content[:1200])}, [SYSTEM, FIND, FILE], [], id="no picture that we could make"),
    ],
)
async def test_the_pacs_is_asked_for_a_picture_where_there_is_no_small_file(
    changed: Answers, asked: list[str], asked_again: list[str]
) -> None:
    async with orthanc(ORTHANC | changed) as (picture, server):
        assert [await picture(), await picture()] == [BLACK] * 2
        assert server.targets == [*asked, *ASKED_FOR_A_PICTURE, *asked_again, ASKED_FOR_A_PICTURE[1]]


async def test_another_object_than_that_is_not_shown() -> None:
    async with orthanc(ORTHANC | {FILE: (200, ANOTHER.content)}) as (picture, _):
        with pytest.raises(PacsFault):
            await picture()


async def test_an_instance_that_is_gone_has_no_picture() -> None:
    async with orthanc({SYSTEM: ORTHANC[SYSTEM], FIND: ORTHANC[FIND]}) as (picture, _):
        with pytest.raises(NotFound):
            await picture()
