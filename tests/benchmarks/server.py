"""The whole server on the embedded PACS: transfers, queries, callbacks, events."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import httpx
import orjson

from pacs.uids import new_uid
from tests.benchmarks.figure import Figure, percentile
from tests.graph.api import Api, subscribe
from tests.real.server import ServerProcess, rss_bytes
from tests.real.test_serve import big_file, curl_upload
from tests.samples import Exam

_MIB = 1024**2
_ROUNDS = 15
_AT_ONCE = 32
_CALLBACKS = 3_200
_TREE = """query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID series { seriesInstanceUID modality
  instances { sopInstanceUID instanceNumber rows columns sopClassName fileURL } } } } }"""


def rows(folder: Path) -> Iterator[Figure]:
    """All figures of one server in `folder`."""
    server = ServerProcess(folder, LOG_LEVEL="error", STABLE_AGE_SECONDS="3600")
    starts = [server.start()]
    for _ in range(4):
        server.stop()
        starts.append(server.start())
    yield Figure("start to ready", median(starts), "s", target="≤ 2 s")
    try:
        yield from _transfers(server, folder)
        yield from asyncio.run(_queries(server))
        yield from asyncio.run(_callbacks(server, folder))
        for subscribers in (1, 100, 500):
            yield from asyncio.run(_events(server, subscribers))
    finally:
        server.stop()


def _transfers(server: ServerProcess, folder: Path) -> Iterator[Figure]:
    """1 GiB in and out; a copy of the same file is the yardstick."""
    big = big_file(folder / "big.dcm", 1024 * _MIB)
    size = big.stat().st_size / _MIB
    copying = _seconds(lambda: shutil.copyfile(big, folder / "copy.dcm"))
    before = rss_bytes(server.pid)
    started = time.perf_counter()
    result = curl_upload(server.url, big)
    seconds = time.perf_counter() - started
    assert result["error"] is None, result
    yield Figure("upload of 1 GiB", size / seconds, "MiB/s", copying / seconds, "≥ 250 MB/s; × a file copy")
    yield Figure("memory added by it", (rss_bytes(server.pid) - before) / _MIB, "MiB", target="≤ 64 MiB")
    small = asyncio.run(_small_files(server))
    yield Figure("upload of 500 × 0.5 MiB, 50 a request", small, "MiB/s")


async def _small_files(server: ServerProcess) -> float:
    exam = Exam()
    padding = b"\0" * (_MIB // 2)
    files = [exam.image(ImageComments="", PixelData=padding, Rows=512, Columns=512).content for _ in range(500)]
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        started = time.perf_counter()
        for first in range(0, len(files), 50):
            results = await Api(client).upload(*files[first : first + 50])
            assert all(result["error"] is None for result in results)
        return 250 / (time.perf_counter() - started)


async def _queries(server: ServerProcess) -> list[Figure]:
    """One study of 5 series of 100 instances, in one request."""
    exam = Exam()
    series = [exam.image(SeriesNumber=number + 1).series for number in range(5)]
    images = [
        exam.image(one, SeriesNumber=n + 1, InstanceNumber=m + 1).content
        for n, one in enumerate(series)
        for m in range(100)
    ]
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        api = Api(client)
        for first in range(0, len(images), 100):
            await api.upload(*images[first : first + 100])
        tree, one = [], []
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            await api.ask(_TREE, p=exam.patient_id)
            tree.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            await api.ask("query ($p: String!) { studies(patientID: $p) { totalCount } }", p=exam.patient_id)
            one.append((time.perf_counter() - started) * 1000)
        (study,) = (await api.ask(_TREE, p=exam.patient_id))["studies"]["nodes"]
        url = study["series"][0]["instances"][0]["fileURL"]
        files = [await _milliseconds(client, url) for _ in range(_ROUNDS)]
    return [
        Figure("studies of a patient, p50", median(one), "ms"),
        Figure("1 study → 5 series → 500 instances, p50", median(tree), "ms"),
        Figure("a small DICOM file, p50", median(files), "ms"),
    ]


async def _callbacks(server: ServerProcess, folder: Path) -> list[Figure]:
    """Callbacks, 32 at once; the yardstick inserts the same bodies into SQLite, one durable insert after another."""
    bodies = [orjson.dumps({"StudyInstanceUID": new_uid(), "PatientID": f"P{n}"}) for n in range(_CALLBACKS)]
    queue = iter(bodies)
    times: list[float] = []

    async def post() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for body in queue:
            started = time.perf_counter()
            head = f"POST /new-exam-callback HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            times.append((time.perf_counter() - started) * 1000)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(post() for _ in range(_AT_ONCE)))
    rate = _CALLBACKS / (time.perf_counter() - started)
    raw = _CALLBACKS / _seconds(lambda: _insert(folder / "raw.sqlite", bodies))
    return [
        Figure("callbacks, 32 at once", rate, "/s", rate / raw, "≥ 1,000/s; × raw SQLite"),
        Figure("a callback among 32, p99", percentile(times, 99), "ms"),
    ]


def _insert(path: Path, bodies: list[bytes]) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (b BLOB)")
    for body in bodies:
        database.execute("INSERT INTO t VALUES (?)", (body,))
    database.close()


async def _events(server: ServerProcess, subscribers: int) -> list[Figure]:
    """From the 204 of a callback until each subscriber has the event."""
    delays: list[float] = []
    answered: dict[str, float] = {}
    query = "subscription { newExam { studyInstanceUID } }"
    everybody = asyncio.Event()
    waiting = 0

    async def follow() -> None:
        nonlocal waiting
        async with subscribe(server.url, query) as subscriber:
            waiting += 1
            if waiting == subscribers:
                everybody.set()
            for _ in range(_ROUNDS):
                study = (await subscriber.next())["newExam"]["studyInstanceUID"]
                delays.append((time.perf_counter() - answered.get(study, time.perf_counter())) * 1000)

    followers = [asyncio.create_task(follow()) for _ in range(subscribers)]
    await everybody.wait()
    await asyncio.sleep(1)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        for _ in range(_ROUNDS):
            study = new_uid()
            answered[study] = time.perf_counter()
            await client.post("/new-exam-callback", json={"StudyInstanceUID": study, "PatientID": "P"})
            await asyncio.sleep(0.3)
    await asyncio.gather(*followers)
    target = "≤ 100 ms" if subscribers == 1 else ""
    return [
        Figure(f"post to {subscribers} subscribers, p50", percentile(delays, 50), "ms"),
        Figure(f"post to {subscribers} subscribers, p99", percentile(delays, 99), "ms", target=target),
    ]


async def _milliseconds(client: httpx.AsyncClient, url: str) -> float:
    started = time.perf_counter()
    (await client.get(url)).raise_for_status()
    return (time.perf_counter() - started) * 1000


def _seconds(work: object) -> float:
    assert callable(work)
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
