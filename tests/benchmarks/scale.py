"""The embedded PACS with a million instances: searches over HTTP, stores, the size of its index, and its memory.

The instances are synthesised in the index, without files: patients of two studies, studies of five series of twenty
instances. Then the archive runs on them as a process of its own. Everything is measured at a tenth of it as well: what
grows with the archive is then seen to.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import httpx

from pacs.archive.index import Index
from tests.benchmarks.archive import fill
from tests.benchmarks.figure import Figure, percentile
from tests.benchmarks.measuring import milliseconds_of, peak_bytes, reset_peak
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import stow_body
from tests.real.archive import ArchiveProcess

SIZES = (100_000, 1_000_000)
_PER_STUDY = 100
_ROUNDS = 100
_STORED, _A_REQUEST, _OBJECT_BYTES = 1000, 50, 100_000
_MIB = 1024 * 1024
_FLAT = 1.2


def _one(studies: int) -> int:
    return random.randrange(studies)


Query = Callable[[int], str]
_QUERIES: dict[str, tuple[Query, float | None]] = {
    "studies of a patient": (lambda studies: f"studies?PatientID=P{_one(studies) // 2}", 10),
    "newest page of 50 studies": (lambda _: "studies?limit=50", 20),
    "page of 50 studies, anywhere": (lambda studies: f"studies?limit=50&offset={random.randrange(studies - 50)}", 20),
    "50 studies by the begin of a name": (
        lambda studies: f"studies?PatientName=Family{_one(studies) // 2}*&limit=50",
        None,
    ),
    "series of a study": (lambda studies: f"studies/1.2.{_one(studies)}/series", None),
    "100 instances of a study": (lambda studies: f"studies/1.2.{_one(studies)}/instances", None),
    "metadata of 100 instances": (lambda studies: f"studies/1.2.{_one(studies)}/metadata", None),
}
"""Paths by the number of studies, and how many milliseconds their median may take."""


def scale(folder: Path, sizes: tuple[int, ...] = SIZES) -> Iterator[Figure]:
    """The figures at each number of instances."""
    archive = ArchiveProcess(folder)
    archive.data_dir.mkdir(parents=True, exist_ok=True)
    peaks: list[float] = []
    before = 0
    for size in sizes:
        label = f"at {size:,} instances"
        yield from _filling(archive.data_dir, before, size, label)
        with archive:
            reset_peak(archive.pid)
            yield from _searching(archive, size // _PER_STUDY, label)
            yield _storing(archive, size, label)
            yield Figure(f"every instance in one answer {label}", milliseconds_of(_read_all, archive) / 1000, "s")
            peaks.append(peak_bytes(archive.pid) / _MIB)
        target = f"≤ {_FLAT} × that at {sizes[0]:,}" if before else ""
        ratio = peaks[-1] / peaks[0] if before else None
        met = ratio <= _FLAT if ratio else None
        yield Figure(f"peak memory {label}", peaks[-1], "MiB", ratio, target, peaks[0] if before else None, met)
        before = size


def _filling(data_dir: Path, before: int, size: int, label: str) -> Iterator[Figure]:
    reset_peak(os.getpid())
    index = Index(data_dir)
    index.open()
    try:
        begun = time.perf_counter()
        fill(index, size, first=before)
        seconds = time.perf_counter() - begun
    finally:
        index.close()
    yield Figure(f"rows entered {label}", (size - before) / seconds, "/s")
    yield Figure(f"peak memory while they are entered {label}", peak_bytes(os.getpid()) / _MIB, "MiB")
    yield Figure(f"index {label}", (data_dir / "index.sqlite").stat().st_size / size, "bytes an instance")


def _searching(archive: ArchiveProcess, studies: int, label: str) -> Iterator[Figure]:
    with httpx.Client(base_url=archive.url, timeout=60) as client:
        for name, (query, most) in _QUERIES.items():
            times = [milliseconds_of(_found, client, query(studies)) for _ in range(_ROUNDS)]
            middle = median(times)
            target = f"≤ {most:.0f} ms" if most else ""
            yield Figure(f"{name} {label}", middle, "ms", target=target, met=middle <= most if most else None)
            yield Figure(f"{name} {label}, p95", percentile(times, 95), "ms")


def _found(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/{path}")
    assert answer.status_code == 200, path
    assert answer.json(), path


def _read_all(archive: ArchiveProcess) -> None:
    with httpx.stream("GET", f"{archive.url}/instances", timeout=600) as answer:
        assert answer.status_code == 200
        for _ in answer.iter_raw():
            pass


def _storing(archive: ArchiveProcess, size: int, label: str) -> Figure:
    """New objects in a study of their own, deleted again."""
    root = f"1.3.{size}"
    seconds = 0.0
    with httpx.Client(base_url=archive.url, timeout=60) as client:
        for start in range(0, _STORED, _A_REQUEST):
            content_type, body = stow_body(*(_object(root, start + number) for number in range(_A_REQUEST)))
            begun = time.perf_counter()
            answer = client.post("/studies", content=body, headers={"content-type": content_type})
            seconds += time.perf_counter() - begun
            assert answer.status_code == 200
        assert client.delete(f"/studies/{root}").status_code == 204
    return Figure(f"objects of 0.1 MB stored, {_A_REQUEST} a request, {label}", _STORED / seconds, "/s")


def _object(root: str, number: int) -> bytes:
    return instance(
        StudyInstanceUID=root,
        SeriesInstanceUID=f"{root}.1",
        SOPInstanceUID=f"{root}.1.{number}",
        TextValue="x" * _OBJECT_BYTES,
    )
