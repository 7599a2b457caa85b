"""A large answer: 10,000 instances with ten fields each, from the embedded PACS to the client."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson

from pacs.archive.index import Index
from tests.benchmarks.archive import fill
from tests.benchmarks.both import ask
from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS, cpu_seconds, milliseconds_of
from tests.real.server import ServerProcess

_INSTANCES, _IN_A_SERIES = 10_000, 500
_ROOT = "1.2.826.0.1.3680043.8.498.30761953679510026753997218942"
_PATIENT = "P0"
_FIELDS = """studyInstanceUID seriesInstanceUID sopInstanceUID sopClassUID sopClassName instanceNumber numberOfFrames
  rows columns fileURL"""
_QUERY = f"query ($p: String!) {{ studies(patientID: $p) {{ nodes {{ series {{ instances {{ {_FIELDS} }} }} }} }} }}"
_PAUSE_SECONDS = 0.001


def large_answer(folder: Path) -> Iterator[Figure]:
    """The processor time of the API, and how long others wait meanwhile."""
    data = folder / "data" / "archive"
    data.mkdir(parents=True)
    index = Index(data)
    index.open()
    fill(index, _INSTANCES, per_study=_INSTANCES, per_series=_IN_A_SERIES, root=_ROOT)
    index.close()
    server = ServerProcess(folder, LOG_LEVEL="error")
    yield from _figures("the first time", *(_first(server) for _ in range(ROUNDS)))
    with _started(server) as client:
        for _ in range(3):
            ask(client, _QUERY, p=_PATIENT)
        yield from _figures("again", *(_round(server, client) for _ in range(ROUNDS)))


@dataclass(frozen=True)
class _Round:
    """Milliseconds: what the API computed, what it took the client, what another client waited meanwhile at most."""

    cpu: float
    taken: float
    waited: float
    dumping: float
    """For `orjson.dumps` of the same answer, here."""


def _first(server: ServerProcess) -> _Round:
    """Of a server that has read nothing yet: the one that waits is another, for it costs the API, too."""
    with _started(server) as client:
        cpu, taken, answer = _asked(server, client)
    with _started(server) as client:
        return _Round(cpu, taken, _waited(server, client), _dumping(answer))


def _round(server: ServerProcess, client: httpx.Client) -> _Round:
    cpu, taken, answer = _asked(server, client)
    return _Round(cpu, taken, _waited(server, client), _dumping(answer))


@contextmanager
def _started(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of the server, whose documents it knows."""
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            ask(client, _QUERY, p="nobody")
            yield client
    finally:
        server.stop()


def _asked(server: ServerProcess, client: httpx.Client) -> tuple[float, float, Any]:
    """What it computed and took, and the answer."""
    answers: list[Any] = []
    before = cpu_seconds(server.pid)
    taken = milliseconds_of(lambda: answers.append(ask(client, _QUERY, p=_PATIENT)))
    cpu = (cpu_seconds(server.pid) - before) * 1000
    studies = answers[0]["studies"]["nodes"]
    assert sum(len(series["instances"]) for study in studies for series in study["series"]) == _INSTANCES
    return cpu, taken, answers[0]


def _waited(server: ServerProcess, client: httpx.Client) -> float:
    """Milliseconds; the answer is read here only afterwards, for that would keep this process from asking."""
    body = {"query": _QUERY, "variables": {"p": _PATIENT}}
    with _waiting(server.port) as waits:
        answer = client.post("/graphql", json=body)
    assert "errors" not in orjson.loads(answer.content)
    return max(waits)


def _dumping(answer: Any) -> float:
    return median(milliseconds_of(lambda: orjson.dumps(answer)) for _ in range(9))


def _figures(when: str, *rounds: _Round) -> Iterator[Figure]:
    name = f"{_INSTANCES:,} instances × 10 fields, {when}"
    cpu, dumping, wait, taken = (
        median(getattr(one, name) for one in rounds) for name in ("cpu", "dumping", "waited", "taken")
    )
    yield Figure(f"{name}, CPU of the API", cpu, "ms", cpu / dumping, "≤ 40 ms; × orjson.dumps", dumping, cpu <= 40)
    yield Figure(f"{name}, longest wait of another request", wait, "ms", target="≤ 25 ms", met=wait <= 25)
    yield Figure(f"{name}, in all", taken, "ms")


@contextmanager
def _waiting(port: int) -> Iterator[list[float]]:
    """Asks for almost nothing again and again, over one connection; how many milliseconds each answer took."""
    waits: list[float] = []
    done = threading.Event()

    def knock() -> None:
        connection = HTTPConnection("127.0.0.1", port)
        while not done.is_set():
            started = time.perf_counter()
            connection.request("GET", "/health/live")
            assert connection.getresponse().read() is not None
            waits.append((time.perf_counter() - started) * 1000)
            time.sleep(_PAUSE_SECONDS)
        connection.close()

    thread = threading.Thread(target=knock)
    thread.start()
    time.sleep(0.05)
    waits.clear()
    try:
        yield waits
    finally:
        done.set()
        thread.join()
