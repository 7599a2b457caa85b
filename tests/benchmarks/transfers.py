"""Uploads to Orthanc and downloads from it, through the API and directly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
from pydicom.uid import generate_uid

from tests.benchmarks.both import Both, beside_orthanc, form, renewed
from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS, Times, in_turn, milliseconds_of, rate
from tests.pacs.archive.serving import stow_body
from tests.samples import Exam, Sample

_LARGE_BYTES = 100_000_000
_SMALL_BYTES, _SMALL_FILES, _FILES_A_REQUEST = 500_000, 500, 50
_AT_ONCE = 8
_UPLOAD_ROUNDS = 6
"""Even; see `_of_both`."""
_TARGET = "≥ 0.9 × Orthanc"

T = TypeVar("T")


def uploads(folder: Path) -> Iterator[Figure]:
    """One file of 100 MB; 500 files of 0.5 MB, 50 a request, by one client and by eight."""
    with beside_orthanc(folder) as both:
        large = _image(_LARGE_BYTES)
        times = _of_both(both, lambda: [renewed(large, generate_uid)], 1)
        yield rate("upload of 100 MB", _LARGE_BYTES / 1e6, "MB/s", times, _TARGET, 0.9)
        for percent in (50, 99):
            ours, theirs = (times.percentile(way, percent) for way in (0, 1))
            yield Figure(f"upload of 100 MB, p{percent}", ours, "ms", ours / theirs, yardstick=theirs)
        small = _image(_SMALL_BYTES)
        megabytes = _SMALL_BYTES * _SMALL_FILES / 1e6
        for at_once in (1, _AT_ONCE):
            name = f"upload of {_SMALL_FILES} × 0.5 MB, {at_once} at once"
            times = _of_both(both, lambda: [renewed(small, generate_uid) for _ in range(_SMALL_FILES)], at_once)
            yield rate(name, megabytes, "MB/s", times, _TARGET, 0.9)


def _of_both(both: Both, made: Callable[[], list[Sample]], at_once: int) -> Times:
    """The same number of new objects, sent through the API and by STOW-RS, which take turns in coming first.

    Who comes first after the deletes pays for them: of 500 × 0.5 MB by eight clients, 7 to 13 % (medians of 6, twice).
    """
    taken: tuple[list[float], ...] = ([], [])
    for number in range(_UPLOAD_ROUNDS + 1):
        ways = (
            (taken[0], both.upload, [form(*batch) for batch in _batches(made())]),
            (taken[1], both.store, [stow_body(*batch) for batch in _batches(made())]),
        )
        for times, send, prepared in ways if number % 2 else reversed(ways):
            milliseconds = milliseconds_of(_all, send, prepared, at_once)
            if number:
                times.append(milliseconds)
        both.forget(made()[0].study)
    return Times(taken)


def _batches(images: list[Sample]) -> list[list[bytes]]:
    contents = [image.content for image in images]
    return [contents[start : start + _FILES_A_REQUEST] for start in range(0, len(contents), _FILES_A_REQUEST)]


def _all(send: Callable[[T], None], prepared: list[T], at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(send, prepared))


def downloads(folder: Path) -> Iterator[Figure]:
    """100 MB through the API, and by WADO-URI, the fastest way that Orthanc has."""
    with beside_orthanc(folder) as both:
        large = _image(_LARGE_BYTES)
        both.fill([large])
        path = f"/exams/studies/{large.study}/series/{large.series}/instance/{large.instance}"
        uids = f"studyUID={large.study}&seriesUID={large.series}&objectUID={large.instance}"
        wado = f"{both.pacs.root}/wado?requestType=WADO&contentType=application/dicom&{uids}"
        times = in_turn(
            ROUNDS,
            lambda: _size(both.api, f"{path}?fileType=application/dicom"),
            lambda: _size(both.direct, wado),
        )
        yield rate("download of 100 MB", _LARGE_BYTES / 1e6, "MB/s", times, _TARGET, 0.9)
        for percent in (50, 99):
            ours, theirs = (times.percentile(way, percent) for way in (0, 1))
            yield Figure(f"download of 100 MB, p{percent}", ours, "ms", ours / theirs, yardstick=theirs)


def _size(client: httpx.Client, url: str) -> None:
    with client.stream("GET", url) as answer:
        assert answer.status_code == 200
        assert sum(len(piece) for piece in answer.iter_raw()) >= _LARGE_BYTES


def _image(size: int) -> Sample:
    return Exam().image(Rows=1_000, Columns=size // 2_000, PixelData=bytes(size))
