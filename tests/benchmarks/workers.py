"""What a second worker process is worth: queries a second, asked by several clients at once."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from tests.benchmarks.figure import Figure
from tests.graph.api import Api
from tests.real.mongo import fresh_database, some_server
from tests.real.server import ServerProcess
from tests.samples import Exam

_CLIENTS = 16
_SECONDS = 4.0
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
    alone = 0.0
    for count in (1, 2):
        (folder / str(count)).mkdir()
        arguments = () if count == 1 else ("--workers", str(count))
        server = ServerProcess(folder / str(count), *arguments, DATABASE_URL=fresh_database(url), LOG_LEVEL="error")
        server.start()
        try:
            reached = asyncio.run(_queries_a_second(server))
        finally:
            server.stop()
        alone = alone or reached
        name = f"queries of {_IMAGES} instances, {count} worker{'s' if count > 1 else ''}"
        yield Figure(name, reached, "/s", reached / alone)


async def _queries_a_second(server: ServerProcess) -> float:
    exam = Exam()
    first = exam.image(InstanceNumber=1)
    images = [first, *(exam.image(first.series, InstanceNumber=number) for number in range(2, _IMAGES + 1))]
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        await Api(client).upload(*(image.content for image in images))
        await Api(client).ask(_QUERY, p=exam.patient_id)
    body = orjson.dumps({"query": _QUERY, "variables": {"p": exam.patient_id}})
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
