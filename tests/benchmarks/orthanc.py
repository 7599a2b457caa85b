"""What the API costs over asking Orthanc itself: the same work both ways, in turn, in one run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pydicom

from tests.benchmarks.figure import Figure, percentile
from tests.graph.api import UPLOAD
from tests.pacs.archive.serving import stow_body
from tests.real.orthanc import is_installed, orthanc
from tests.real.server import ServerProcess
from tests.samples import Exam, Sample

__all__ = ["is_installed", "rows"]

_INSTANCES = 500
_FILE_BYTES = 100_000_000
_SEARCHES, _LISTS, _FILES = 100, 10, 5
_WARM_UP = 2
_STUDIES = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID studyDate modalitiesInStudy } } }"
_SERIES = """query ($p: String!, $study: UID!, $series: UID!) {
  instances(patientID: $p, studyInstanceUID: $study, seriesInstanceUID: $series) { sopInstanceUID instanceNumber } }"""
_JSON = {"Accept": "application/dicom+json"}
_DICOM = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}

_PLAIN = {"Accept-Encoding": "identity"}  # Orthanc compresses what it can, which costs more than it saves

Work = Callable[[], object]


@dataclass(frozen=True)
class Way:
    """The work through the API, and at Orthanc directly."""

    name: str
    times: int
    through: Work
    direct: Work


def rows(folder: Path) -> Iterator[Figure]:
    """Median and 99th percentile of both, and their ratio."""
    with orthanc(folder) as pacs:
        server = ServerProcess(folder, PACS_URL=pacs.pacs_url, RATE_PER_SECOND="0", LOG_LEVEL="error")
        server.start()
        try:
            with (
                httpx.Client(base_url=server.url, headers=_PLAIN, timeout=300) as api,
                httpx.Client(base_url=f"{pacs.pacs_url}/", headers=_PLAIN, timeout=300) as direct,
            ):
                for way in _ways(_Bench(api, direct)):
                    yield from _measured(way)
        finally:
            server.stop()


class _Bench:
    """Two clients, and the same work for both."""

    def __init__(self, api: httpx.Client, direct: httpx.Client) -> None:
        self._api = api
        self._direct = direct
        self._large = _large_file()
        exam = Exam()
        first = exam.image(InstanceNumber=1)
        self.series = [first, *(exam.image(first.series, InstanceNumber=n) for n in range(2, _INSTANCES + 1))]
        for start in range(0, _INSTANCES, 50):
            self._stow(*(image.content for image in self.series[start : start + 50]))

    def ask(self, query: str, **variables: str) -> None:
        """GraphQL."""
        answer = self._api.post("/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer["errors"]

    def search(self, path: str) -> None:
        """QIDO-RS."""
        assert self._direct.get(path, headers=_JSON).json()

    def upload(self) -> Sample:
        """A new large file through the API."""
        image = self._renewed()
        files = {
            "operations": (None, orjson.dumps({"query": UPLOAD, "variables": {"files": [None]}})),
            "map": (None, b'{"0": ["variables.files.0"]}'),
            "0": ("a.dcm", image.content),
        }
        answer = self._api.post("/graphql", files=files, headers={"GraphQL-Require-Preflight": "1"}).json()
        assert answer["data"]["uploadExams"]["results"][0]["instance"], answer
        return image

    def store(self) -> None:
        """The same by STOW-RS."""
        self._stow(self._renewed().content)

    def download(self, image: Sample) -> None:
        """A file through the API."""
        path = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}"
        assert _size(self._api, path, {}, fileType="application/dicom") >= _FILE_BYTES

    def retrieve(self, image: Sample) -> None:
        """The same by WADO-RS."""
        path = f"studies/{image.study}/series/{image.series}/instances/{image.instance}"
        assert _size(self._direct, path, _DICOM) >= _FILE_BYTES

    def _stow(self, *contents: bytes) -> None:
        content_type, body = stow_body(*contents)
        answer = self._direct.post("studies", content=body, headers={"Content-Type": content_type} | _JSON)
        assert answer.status_code == 200, answer.text

    def _renewed(self) -> Sample:
        """The large file under another UID of the same length, so that it need not be written anew."""
        uid = pydicom.uid.generate_uid()[: len(self._large.instance)].rstrip(".").ljust(len(self._large.instance), "7")
        content = self._large.content.replace(self._large.instance.encode(), uid.encode())
        return Sample(content, self._large.patient_id, self._large.study, self._large.series, uid)


def _ways(bench: _Bench) -> list[Way]:
    one, large = bench.series[0], bench.upload()
    own = f"PatientID={one.patient_id}"
    fields = "includefield=PatientID&includefield=InstanceNumber"
    below = f"instances?{own}&SeriesInstanceUID={one.series}&{fields}"
    return [
        Way(
            "one-study query",
            _SEARCHES,
            lambda: bench.ask(_STUDIES, p=one.patient_id),
            lambda: bench.search(f"studies?{own}&includefield=ModalitiesInStudy"),
        ),
        Way(
            f"series of {_INSTANCES}",
            _LISTS,
            lambda: bench.ask(_SERIES, p=one.patient_id, study=one.study, series=one.series),
            lambda: bench.search(below),
        ),
        Way(f"upload of {_FILE_BYTES // 10**6} MB", _FILES, bench.upload, bench.store),
        Way(
            f"download of {_FILE_BYTES // 10**6} MB",
            _FILES,
            lambda: bench.download(large),
            lambda: bench.retrieve(large),
        ),
    ]


def _measured(way: Way) -> Iterator[Figure]:
    through: list[float] = []
    direct: list[float] = []
    for number in range(way.times + _WARM_UP):
        for work, times in ((way.direct, direct), (way.through, through)):
            started = time.perf_counter()
            work()
            if number >= _WARM_UP:
                times.append((time.perf_counter() - started) * 1000)
    for percent in (50, 99):
        ours, theirs = percentile(through, percent), percentile(direct, percent)
        yield Figure(f"{way.name}, p{percent}, through the API", ours, "ms", ratio=ours / theirs)
        yield Figure(f"{way.name}, p{percent}, Orthanc directly", theirs, "ms")


def _size(client: httpx.Client, path: str, headers: dict[str, str], **parameters: str) -> int:
    with client.stream("GET", path, headers=headers, params=parameters or None) as answer:
        assert answer.status_code == 200
        return sum(len(piece) for piece in answer.iter_raw())


def _large_file() -> Sample:
    return Exam().image(Rows=10_000, Columns=_FILE_BYTES // 20_000, PixelData=bytes(_FILE_BYTES))
