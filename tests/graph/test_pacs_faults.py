"""Every fault of a PACS is the contract's error, within the configured time, and leaves nothing behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
import structlog

from graph.settings import Settings
from pacs import multipart
from pacs.attributes import JSONDataset, tag
from tests.fault_table import FaultTable
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.leftovers import leftovers
from tests.pace import slowness
from tests.pacs.scripted import Exchange, Script, ScriptedPacs, scripted_pacs
from tests.real.server import free_port
from tests.samples import Exam

TIMEOUT_SECONDS, PATIENCE_SECONDS = 0.3, 10.0
"""For a PACS that falls silent, and for one that answers, though it be on a busy machine."""
WITHIN_SECONDS = 3.0  # a search and then an upload, each with its time, on a busy machine
IMAGE = Exam().image(Rows=1000, Columns=1500, PixelData=bytes(3_000_000))
OTHER = Exam().image()
FILE = f"/exams/studies/{IMAGE.study}/series/{IMAGE.series}/instance/{IMAGE.instance}"
STUDIES = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID } } }"
RELATED = 'multipart/related; type="application/dicom"; boundary=b'
OPEN, CLOSE = multipart.opening("b", "application/dicom"), multipart.closing("b")


@pytest.fixture(scope="module")
def table() -> Iterator[FaultTable]:
    table = FaultTable()
    yield table
    print(table)


@asynccontextmanager
async def served(
    tmp_path: Path, script: Script | None, seconds: float
) -> AsyncIterator[tuple[Api, ScriptedPacs | None]]:
    """The API before a PACS that does as the script says; without one nobody listens there."""
    if script is None:
        async with _api(tmp_path, f"http://127.0.0.1:{free_port()}/dicom-web", seconds) as api:
            yield api, None
        return
    if script is deaf:
        with full_queue() as port:
            async with _api(tmp_path, f"http://127.0.0.1:{port}/dicom-web", seconds) as api:
                yield api, None
        return
    async with scripted_pacs(script) as pacs:
        async with _api(tmp_path, pacs.url, seconds) as api:
            yield api, pacs
        await pacs.until_closed()


@asynccontextmanager
async def _api(tmp_path: Path, pacs_url: str, seconds: float) -> AsyncIterator[Api]:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        pacs_url=pacs_url,
        pacs_timeout_seconds=seconds,
        pacs_connect_timeout_seconds=seconds,
    )
    async with serving(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Api(client)


async def query(api: Api) -> str:
    """What is told of a search: a code, or how many studies."""
    answer = await api.answer(STUDIES, p=IMAGE.patient_id)
    if errors := answer.get("errors"):
        return str(errors[0]["extensions"]["code"])
    return f"{len(answer['data']['studies']['nodes'])} studies"


async def upload(api: Api) -> str:
    """What is told of a file: the request's code, or the file's own."""
    return await api.upload_outcome(IMAGE.content)


async def retrieve(api: Api) -> str:
    """What is told of a retrieve."""
    return await api.retrieve_outcome(IMAGE)


async def thumbnail(api: Api) -> str:
    """What is told of a picture."""
    answer = await api.http.get(FILE, params={"fileType": "image/jpeg"})
    return "picture" if answer.status_code == 200 else str(answer.json()["code"])


Operation = Callable[[Api], Awaitable[str]]
ALL: tuple[Operation, ...] = (query, upload, retrieve, thumbnail)


def answers(status: int, body: bytes = b"", content_type: str = "application/dicom+json") -> Script:
    return lambda exchange: exchange.answer(status, body, content_type)


async def never(exchange: Exchange) -> None:
    await asyncio.sleep(TIMEOUT_SECONDS * 2)
    raise ConnectionError


async def deaf(exchange: Exchange) -> None:
    """Stands for a host that does not even take connections, as one that is switched off."""


@contextmanager
def full_queue() -> Iterator[int]:
    """A port whose queue of connections is full: the system leaves the next one unanswered."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def hangs_up(exchange: Exchange) -> None:
    raise ConnectionError


def on_post(answer: Script) -> Script:
    """Has nothing, and does something else when it is to store."""

    async def script(exchange: Exchange) -> None:
        await (answer(exchange) if exchange.line.startswith("POST") else exchange.json([]))

    return script


def having_read(answer: Script) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.body()
        await answer(exchange)

    return script


async def dies_halfway(exchange: Exchange) -> None:
    await exchange.reader.readexactly(1_000_000)
    raise ConnectionError


def sends(*pieces: bytes, content_type: str = RELATED, dies: bool = True) -> Script:
    async def script(exchange: Exchange) -> None:
        if exchange.target == "/system":  # this is not Orthanc
            await exchange.answer(404)
            return
        await exchange.endless(content_type)
        await exchange.raw(*pieces)
        if not dies:
            await never(exchange)
        raise ConnectionError

    return script


def study(patient: str) -> JSONDataset:
    values = {"StudyInstanceUID": "1.2.3", "PatientID": patient}
    return {tag(keyword): {"vr": "UN", "Value": [value]} for keyword, value in values.items()}


STORED_NOTHING = b'{"00081199": {"vr": "SQ"}}'
HALF = IMAGE.content[:1_500_000]
FAULTS: list[tuple[str, Operation, Script | None, str]] = [
    *(("refuses connections", operation, None, "PACS_UNAVAILABLE") for operation in ALL),
    *(("is switched off", operation, deaf, "PACS_TIMEOUT") for operation in ALL),
    *(("never answers", operation, never, "PACS_TIMEOUT") for operation in ALL),
    *(("hangs up", operation, hangs_up, "PACS_UNAVAILABLE") for operation in ALL),
    *(("401", operation, answers(401), "PACS_UNAUTHORIZED") for operation in ALL),
    *(("503", operation, answers(503), "PACS_UNAVAILABLE") for operation in ALL),
    ("500", query, answers(500, b"boom"), "PACS_ERROR"),
    ("500", upload, on_post(having_read(answers(500))), "file: REFUSED_BY_PACS"),
    ("500", retrieve, answers(500), "PACS_ERROR"),
    ("500", thumbnail, answers(500), "PACS_ERROR"),
    ("HTML", query, answers(200, b"<html>", "text/html"), "PACS_ERROR"),
    ("HTML", upload, on_post(having_read(answers(200, b"<html>", "text/html"))), "file: REFUSED_BY_PACS"),
    ("HTML", retrieve, answers(200, b"<html>", "text/html"), "PACS_ERROR"),
    ("HTML that says it is DICOM", retrieve, answers(200, b"<html>", "application/dicom"), "PACS_ERROR"),
    ("HTML", thumbnail, answers(200, b"<html>", "text/html"), "PACS_ERROR"),
    ("truncated JSON", query, answers(200, b'[{"0020000D": {"vr"'), "PACS_ERROR"),
    ("truncated JSON", upload, on_post(having_read(answers(200, b'{"00081199": {"vr'))), "file: REFUSED_BY_PACS"),
    ("200 that stored nothing", upload, on_post(having_read(answers(200, STORED_NOTHING))), "file: REFUSED_BY_PACS"),
    ("does not read the upload", upload, on_post(never), "PACS_TIMEOUT"),
    ("reads it and is silent", upload, on_post(having_read(never)), "PACS_TIMEOUT"),
    ("dies halfway", upload, on_post(dies_halfway), "PACS_UNAVAILABLE"),
    ("dies halfway", retrieve, sends(OPEN, HALF), "broken off"),
    ("is silent halfway", retrieve, sends(OPEN, HALF, dies=False), "broken off"),
    ("dies halfway", thumbnail, sends(OPEN, HALF), "PACS_ERROR"),
    ("wrong boundary", retrieve, sends(OPEN.replace(b"--b", b"--c"), HALF), "PACS_ERROR"),
    ("no closing boundary", retrieve, sends(OPEN, IMAGE.content), "broken off"),
    ("another object", retrieve, sends(OPEN, OTHER.content, CLOSE), "PACS_ERROR"),
    ("another patient's study", query, answers(200, orjson.dumps([study("OTHER")])), "0 studies"),
]


@pytest.mark.parametrize(
    ("fault", "operation", "script", "told"),
    [pytest.param(*row, id=f"{row[0]}, {row[1].__name__}") for row in FAULTS],
)
async def test_a_fault_is_told_in_time_and_leaves_nothing(
    tmp_path: Path, table: FaultTable, fault: str, operation: Operation, script: Script | None, told: str
) -> None:
    is_silent = told == "PACS_TIMEOUT" or fault == "is silent halfway"
    async with served(tmp_path, script, TIMEOUT_SECONDS if is_silent else PATIENCE_SECONDS) as (api, _):
        with table.measured(fault, operation.__name__) as row, structlog.testing.capture_logs() as logs:
            row.outcome = await operation(api)
        left = leftovers(tmp_path)

    assert row.outcome == told
    assert row.seconds < WITHIN_SECONDS * slowness()
    assert left == []
    assert not [entry for entry in logs if entry["event"] == "unexpected failure"]
