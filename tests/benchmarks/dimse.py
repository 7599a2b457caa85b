"""The DICOM network of the embedded PACS beside Orthanc's, and the web while modalities store."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND  # type: ignore[attr-defined]  # made at import

from pacs.archive.index import Index
from tests.benchmarks.archive import fill
from tests.benchmarks.figure import Figure, percentile
from tests.pacs.archive.dimse.peer import dataset
from tests.pacs.archive.samples import instance
from tests.real.archive import ArchiveProcess
from tests.real.orthanc import orthanc
from tests.requestor import requestor

_OBJECTS, _OBJECT_BYTES = 500, 512 * 1024
_STUDIES = 10_000
_ASSOCIATIONS = 8
_WEB_SECONDS = 10.0


def rows(folder: Path) -> Iterator[Figure]:
    """All figures."""
    files = _files(folder / "objects", 1)
    archive = ArchiveProcess(folder).start()
    try:
        ours = _store_seconds(files, archive.dicom_port)
        with orthanc(folder) as other:
            theirs = _store_seconds(files, other.dicom_port)
        rate = _OBJECTS / ours
        yield Figure("storescu, 500 × 0.5 MiB", rate, "objects/s", theirs / ours, "≥ 1 × Orthanc")
        yield from _web_while_storing(archive, folder)
    finally:
        archive.stop()
    yield from _find(folder / "many")


def _files(folder: Path, study: int) -> Path:
    folder.mkdir()
    document = bytes(_OBJECT_BYTES)
    for number in range(_OBJECTS):
        made = instance(
            SOPInstanceUID=f"1.2.{study}.{number}", StudyInstanceUID=f"1.2.{study}", EncapsulatedDocument=document
        )
        (folder / f"{number:03}.dcm").write_bytes(made)
    return folder


def _store_seconds(folder: Path, port: int) -> float:
    started = time.perf_counter()
    subprocess.run(["storescu", "+sd", "127.0.0.1", str(port), str(folder)], check=True, capture_output=True)
    return time.perf_counter() - started


def _web_while_storing(archive: ArchiveProcess, folder: Path) -> Iterator[Figure]:
    """Searches of the web side, alone and while 8 associations store at full speed."""
    alone = _search_milliseconds(archive, _WEB_SECONDS / 2)
    folders = [_files(folder / f"objects-{number}", number) for number in range(2, 2 + _ASSOCIATIONS)]
    with _storing(folders, archive.dicom_port):
        busy = _search_milliseconds(archive, _WEB_SECONDS)
    quiet = percentile(alone, 99)
    yield Figure("web search, p99", quiet, "ms")
    name = f"web search while {_ASSOCIATIONS} associations store, p99"
    yield Figure(name, percentile(busy, 99), "ms", percentile(busy, 99) / quiet)


@contextmanager
def _storing(folders: list[Path], port: int) -> Iterator[None]:
    """Each folder sent again and again over an association of its own; what was stored before is found to be so."""
    stopping = threading.Event()

    def send(folder: Path) -> None:
        while not stopping.is_set():
            _store_seconds(folder, port)

    threads = [threading.Thread(target=send, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _search_milliseconds(archive: ArchiveProcess, seconds: float) -> list[float]:
    times = []
    deadline = time.perf_counter() + seconds
    with httpx.Client(timeout=30) as client:
        while time.perf_counter() < deadline:
            started = time.perf_counter()
            client.get(f"{archive.url}/studies?limit=10").raise_for_status()
            times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.005)
    return times


def _find(folder: Path) -> Iterator[Figure]:
    """Queries of a workstation over many studies."""
    folder.mkdir()
    archive = ArchiveProcess(folder)
    archive.data_dir.mkdir()
    index = Index(archive.data_dir)
    index.open()
    fill(index, _STUDIES, per_study=1)
    index.close()
    archive.start()
    try:
        one = [_find_seconds(archive.dicom_port, PatientID=f"P{number * 7}")[0] for number in range(30)]
        seconds, found = _find_seconds(archive.dicom_port)
        assert found == _STUDIES
    finally:
        archive.stop()
    yield Figure("C-FIND of a patient among 10,000 studies, p50", 1000 * percentile(one, 50), "ms")
    yield Figure("C-FIND of all 10,000 studies", found / seconds, "answers/s")


def _find_seconds(port: int, **keys: str) -> tuple[float, int]:
    entity = requestor("BENCH")
    entity.add_requested_context(FIND)
    association = entity.associate("127.0.0.1", port)
    wanted = {
        "QueryRetrieveLevel": "STUDY",
        "PatientID": "",
        "PatientName": "",
        "StudyInstanceUID": "",
        "StudyDate": "",
    }
    started = time.perf_counter()
    found = sum(1 for _, answer in association.send_c_find(dataset(**{**wanted, **keys}), FIND) if answer is not None)
    seconds = time.perf_counter() - started
    association.release()
    return seconds, found
