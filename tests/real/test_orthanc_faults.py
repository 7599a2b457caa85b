"""Orthanc dies or falls silent in the middle of things: one error in time, no half object, and then all goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from graph.settings import Settings
from tests.fault_table import FaultTable
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.leftovers import leftovers
from tests.real.orthanc import Orthanc
from tests.real.relay import Relay, relay
from tests.samples import Exam, Sample

pytestmark = pytest.mark.xdist_group("orthanc")

TIMEOUT_SECONDS = 2.0
WITHIN_SECONDS = 2 * TIMEOUT_SECONDS + 1
PIXELS = 30_000_000
MIDWAY = 5_000_000
STUDIES = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID } } }"


@pytest.fixture(scope="module")
def table() -> Iterator[FaultTable]:
    table = FaultTable()
    yield table
    print(table)


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    running = Orthanc(tmp_path, {})
    try:
        running.start()
        yield running
    finally:
        running.stop()


@asynccontextmanager
async def served(tmp_path: Path, pacs: Orthanc) -> AsyncIterator[tuple[Api, Relay]]:
    async with relay(pacs.http_port) as between:
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path / "data",
            pacs_url=between.http_url,
            pacs_timeout_seconds=TIMEOUT_SECONDS,
            pacs_connect_timeout_seconds=TIMEOUT_SECONDS,
        )
        async with serving(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
            yield Api(client), between


def large_image() -> Sample:
    return Exam().image(Rows=5000, Columns=PIXELS // 10_000, PixelData=bytes(PIXELS))


async def no_connection_is_left(between: Relay) -> None:
    async with asyncio.timeout(3):
        while between.open:
            await asyncio.sleep(0.05)


async def test_killed_in_the_middle_of_an_upload(tmp_path: Path, pacs: Orthanc, table: FaultTable) -> None:
    image = large_image()
    async with served(tmp_path, pacs) as (api, between):
        between.stop_after = MIDWAY
        uploading = asyncio.create_task(api.upload_outcome(image.content))
        await between.stopped.wait()
        with table.measured("killed (-9) midway", "upload") as row:
            pacs.kill()
            row.outcome = await uploading
        left = leftovers(tmp_path / "data")
        await no_connection_is_left(between)

        between.stop_after = None
        await asyncio.to_thread(pacs.start)
        nodes = (await api.ask(STUDIES, p=image.patient_id))["studies"]["nodes"]
        again = await api.upload_outcome(image.content)
        whole = await api.retrieve_outcome(image)

    assert row.outcome == "PACS_UNAVAILABLE"
    assert row.seconds < WITHIN_SECONDS
    assert left == []
    assert nodes == []  # nothing of it is there
    assert (again, whole) == ("stored", "whole")


async def test_killed_in_the_middle_of_a_retrieve(tmp_path: Path, pacs: Orthanc, table: FaultTable) -> None:
    image = large_image()
    async with served(tmp_path, pacs) as (api, between):
        assert await api.upload_outcome(image.content) == "stored"
        between.stop_after = MIDWAY
        retrieving = asyncio.create_task(api.retrieve_outcome(image))
        await between.stopped.wait()
        with table.measured("killed (-9) midway", "retrieve") as row:
            pacs.kill()
            row.outcome = await retrieving
        left = leftovers(tmp_path / "data")
        await no_connection_is_left(between)

        between.stop_after = None
        gone = await api.retrieve_outcome(image)
        await asyncio.to_thread(pacs.start)
        whole = await api.retrieve_outcome(image)

    assert row.outcome == "broken off"
    assert row.seconds < WITHIN_SECONDS
    assert left == []
    assert (gone, whole) == ("PACS_UNAVAILABLE", "whole")


async def test_taking_connections_and_never_answering(tmp_path: Path, pacs: Orthanc, table: FaultTable) -> None:
    image = Exam().image()
    async with served(tmp_path, pacs) as (api, between):
        assert await api.upload_outcome(image.content) == "stored"
        with pacs.silent():
            with table.measured("stopped, takes connections", "query") as query:
                query.outcome = str((await api.error(STUDIES, p=image.patient_id))["code"])
            with table.measured("stopped, takes connections", "upload") as storing:
                storing.outcome = await api.upload_outcome(Exam().image().content)
            with table.measured("stopped, takes connections", "retrieve") as retrieving:
                retrieving.outcome = await api.retrieve_outcome(image)
            left = leftovers(tmp_path / "data")
            await no_connection_is_left(between)
        whole = await api.retrieve_outcome(image)

    for row in (query, storing, retrieving):
        assert row.outcome == "PACS_TIMEOUT"
        assert row.seconds < WITHIN_SECONDS
    assert left == []
    assert whole == "whole"
