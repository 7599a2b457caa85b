"""What a second worker process is worth: queries a second, asked by several clients at once."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
import orjson
import pytest

from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS
from tests.graph.api import Api
from tests.real.mongo import fresh_database, some_server
from tests.real.server import ServerProcess
from tests.samples import Exam

_CLIENTS = 16
_SECONDS = 1.5
_IMAGES = 100
_QUERY = """query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID series { seriesInstanceUID
  instances { sopInstanceUID instanceNumber rows columns } } } } }"""


def workers(folder: Path) -> Iterator[Figure]:
    """On the embedded PACS, which is a process of its own, and a database that several workers can share."""
    try:
        with some_server() as url:
            yield from _measured(folder, url)
    except pytest.skip.Exception as error:  # no database to share
        sys.stderr.write(f"workers are left out: {error}\n")


def _measured(folder: Path, url: str) -> Iterator[Figure]:
    with ExitStack() as stack:
        servers = [stack.enter_context(_serving(folder / str(count), url, count)) for count in (1, 2)]
        patients = [asyncio.run(_fill(server)) for server in servers]
        rates: tuple[list[float], ...] = ([], [])
        for number in range(ROUNDS + 1):
            for server, patient, reached in zip(servers, patients, rates, strict=True):
                queries = asyncio.run(_queries_a_second(server, patient))
                if number:
                    reached.append(queries)
    alone, together = map(median, rates)
    yield Figure(f"queries of {_IMAGES} instances, 1 worker", alone, "/s")
    yield Figure(f"queries of {_IMAGES} instances, 2 workers", together, "/s", together / alone, yardstick=alone)


@contextmanager
def _serving(folder: Path, url: str, workers: int) -> Iterator[ServerProcess]:
    folder.mkdir()
    arguments = () if workers == 1 else ("--workers", str(workers))
    server = ServerProcess(folder, *arguments, DATABASE_URL=fresh_database(url), LOG_LEVEL="error")
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def _fill(server: ServerProcess) -> str:
    """Stores a series; its patient."""
    exam = Exam()
    first = exam.image(InstanceNumber=1)
    images = [first, *(exam.image(first.series, InstanceNumber=number) for number in range(2, _IMAGES + 1))]
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        await Api(client).upload(*(image.content for image in images))
    return exam.patient_id


async def _queries_a_second(server: ServerProcess, patient_id: str) -> float:
    body = orjson.dumps({"query": _QUERY, "variables": {"p": patient_id}})
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    deadline = time.perf_counter() + _SECONDS
    answered = 0

    async def ask() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < deadline:
            writer.write(head.encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert said.startswith(b"http/1.1 200"), said
            await reader.readexactly(int(said.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            answered += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(_CLIENTS)))
    return answered / _SECONDS
