"""Objects into a real Orthanc: past its DICOMweb plugin where that is allowed, and never over anything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.leftovers import leftovers
from tests.real.orthanc import Orthanc
from tests.real.relay import relay
from tests.samples import Exam, Sample

pytestmark = pytest.mark.xdist_group("orthanc")

Started = Callable[..., Orthanc]
PIXELS = 6_000_000
MIDWAY = 2_000_000
CLOSED = """function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)
  return method ~= 'POST' or uri ~= '/instances'
end
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """Starts an Orthanc with these options."""
    running: list[Orthanc] = []

    def started(**options: Any) -> Orthanc:
        one = Orthanc(tmp_path, options)
        running.append(one)
        one.start()
        return one

    yield started
    for one in running:
        one.stop()


@asynccontextmanager
async def served(tmp_path: Path, pacs_url: str, **more: Any) -> AsyncIterator[Api]:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", pacs_url=pacs_url, **more)
    async with serving(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Api(client)


def large(exam: Exam | None = None, **attributes: Any) -> Sample:
    return (exam or Exam()).image(Rows=3000, Columns=1000, **{"PixelData": bytes(PIXELS), **attributes})


def ways(pacs: Orthanc) -> list[str]:
    """By which of Orthanc's doors each of its objects came."""
    ids = httpx.get(f"{pacs.root}/instances").raise_for_status().json()
    return [httpx.get(f"{pacs.root}/instances/{one}/metadata/Origin").text for one in ids]


@pytest.mark.parametrize("overwrites", [False, True])
async def test_stored_known_and_in_conflict(tmp_path: Path, start: Started, overwrites: bool) -> None:
    pacs = start(OverwriteInstances=overwrites)
    image, small = large(), Exam().image()
    other = Sample(image.content[:-1] + b"\1", image.patient_id, image.study, image.series, image.instance)
    async with served(tmp_path, pacs.pacs_url) as api:
        results = await api.upload(image.content, small.content)
        again = await api.upload_outcome(image.content)
        twice = await asyncio.gather(*(api.upload_outcome(one.content) for one in (other, image, other)))
        kept = await api.retrieve_outcome(image)

    assert [result["error"] for result in results] == [None, None]
    assert (again, twice, kept) == ("stored", ["file: CONFLICT", "stored", "file: CONFLICT"], "whole")
    assert await asyncio.to_thread(ways, pacs) == ["RestApi", "RestApi"]


async def test_several_go_together_whoever_is_on_them(tmp_path: Path, start: Started) -> None:
    pacs = start()
    exams = (Exam(), Exam("Müller"), Exam("P1 P2"), Exam(""))
    images = [
        image
        for exam in exams
        for image in (exam.image(SpecificCharacterSet="ISO_IR 192"), large(exam, SpecificCharacterSet="ISO_IR 192"))
    ]
    async with served(tmp_path, pacs.pacs_url) as api:
        told = [await api.upload(*(image.content for image in images)) for _ in range(2)]
        kept = [await api.retrieve_outcome(image) for image in images]

    assert [result["error"] for results in told for result in results] == [None] * 16
    assert kept == ["whole"] * 8
    by_stow = 1  # one that would be alone in its form
    assert sorted(await asyncio.to_thread(ways, pacs)) == ["Plugins"] * by_stow + ["RestApi"] * (8 - by_stow)


async def test_those_that_a_script_keeps_out_are_refused_and_the_others_stored(tmp_path: Path, start: Started) -> None:
    script = tmp_path / "filter.lua"
    script.write_text("function ReceivedInstanceFilter(dicom, origin) return dicom.PatientID ~= 'NOBODY' end")
    pacs = start(LuaScripts=[str(script)])
    nobody = Exam("NOBODY")
    images = [large(), large(nobody), nobody.image(), Exam().image()]
    async with served(tmp_path, pacs.pacs_url) as api:
        results = await api.upload(*(image.content for image in images))
        (alone,) = await api.upload(nobody.image().content)

    codes = [result["error"] and result["error"]["code"] for result in (*results, alone)]
    assert codes == [None, "REFUSED_BY_PACS", "REFUSED_BY_PACS", None, "REFUSED_BY_PACS"]
    assert await asyncio.to_thread(ways, pacs) == ["RestApi", "RestApi"]


async def test_what_orthanc_transcodes_is_stored(tmp_path: Path, start: Started) -> None:
    pacs = start(IngestTranscoding="1.2.840.10008.1.2.4.70")
    images = [large(), large()]
    async with served(tmp_path, pacs.pacs_url) as api:
        results = await api.upload(*(image.content for image in images))

    assert [result["error"] for result in results] == [None, None]
    assert await asyncio.to_thread(ways, pacs) == ["RestApi", "RestApi"]


async def test_of_two_at_once_with_one_uid_the_first_stays(tmp_path: Path, start: Started) -> None:
    pacs = start(OverwriteInstances=True)
    image = large()
    other = Sample(image.content[:-1] + b"\1", image.patient_id, image.study, image.series, image.instance)
    async with served(tmp_path, pacs.pacs_url) as api:
        told = await asyncio.gather(*(api.upload_outcome(one.content) for one in (image, other)))
        kept = await api.retrieve_outcome(image if told[0] == "stored" else other)

    assert sorted(told) == ["file: CONFLICT", "stored"]
    assert kept == "whole"


async def test_a_closed_door_leaves_stow(tmp_path: Path, start: Started) -> None:
    script = tmp_path / "closed.lua"
    script.write_text(CLOSED)
    pacs = start(LuaScripts=[str(script)])
    async with served(tmp_path, pacs.pacs_url) as api:
        told = [await api.upload_outcome(large().content) for _ in range(2)]

    assert told == ["stored", "stored"]
    assert await asyncio.to_thread(ways, pacs) == ["Plugins", "Plugins"]


async def test_what_a_script_keeps_out_is_refused(tmp_path: Path, start: Started) -> None:
    script = tmp_path / "filter.lua"
    script.write_text("function ReceivedInstanceFilter(dicom, origin) return false end")
    pacs = start(LuaScripts=[str(script)])
    async with served(tmp_path, pacs.pacs_url) as api:
        told = await api.upload_outcome(large().content)

    assert told == "file: REFUSED_BY_PACS"
    assert await asyncio.to_thread(ways, pacs) == []


async def test_an_upload_that_is_cut_midway_is_stored_nowhere(tmp_path: Path, start: Started) -> None:
    pacs = start()
    image = large()
    async with (
        relay(pacs.http_port) as between,
        served(tmp_path, between.http_url, pacs_timeout_seconds=0.5) as api,
    ):
        between.stop_after = MIDWAY
        told = await api.upload_outcome(image.content)
        left = leftovers(tmp_path / "data")
        between.stop_after = None
        before = await asyncio.to_thread(ways, pacs)
        again = await api.upload_outcome(image.content)
        kept = await api.retrieve_outcome(image)

    assert (told, left, before) == ("PACS_TIMEOUT", [], [])
    assert (again, kept) == ("stored", "whole")
