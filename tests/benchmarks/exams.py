"""Reading exams through the API, and by the client's own DICOMweb requests to Orthanc, one after another."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from pydicom.uid import generate_uid

from tests.benchmarks.both import Both, beside_orthanc, renewed
from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS, Times, beside, in_turn, milliseconds_of
from tests.samples import Exam, Sample

_SEARCHES, _WARM_UP, _LISTS = 100, 5, 10
_SERIES, _IMAGES = 5, 100
_COLD_ROUNDS = 6
"""Even, for the two ways take turns in coming first, after a pause: of the same nine requests to Orthanc, sent four
times after two seconds without any, the first took 21.0 ms, the second 19.2, the fourth 18.3 (medians of ten).
"""
_STUDIES = 50
_ONE = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID studyDate modalitiesInStudy } } }"
_TREE = """query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID studyDate series {
  seriesInstanceUID modality seriesNumber instances { sopInstanceUID instanceNumber } } } } }"""
_WIDE_TREE = _TREE.replace("instanceNumber", "instanceNumber rows columns sopClassUID")
"""The same with attributes that Orthanc does not have in its index."""
_LIST = """query ($p: String!, $study: UID!, $series: UID!) {
  instances(patientID: $p, studyInstanceUID: $study, seriesInstanceUID: $series) { sopInstanceUID instanceNumber } }"""
_STUDIES_WITH_SERIES = """query ($p: String!) { studies(patientID: $p, first: 50) {
  nodes { studyInstanceUID series { seriesInstanceUID modality } } } }"""


def query(folder: Path) -> Iterator[Figure]:
    """One study of one patient, over one connection: of patients asked for once, and of one again and again."""
    with beside_orthanc(folder, StableAge=1) as both:
        patients = [_study(1, 1)[0] for _ in range(_SEARCHES + _WARM_UP)]
        both.fill(patients)
        both.settle()
        yield from _searched(both, "one-study query, the first time", patients)
        yield from _searched(both, "one-study query", patients[:1] * len(patients))


def _searched(both: Both, name: str, patients: list[Sample]) -> Iterator[Figure]:
    """One search for each of these patients."""
    own, direct = iter(patients), iter(patients)
    times = in_turn(
        _SEARCHES,
        lambda: both.ask(_ONE, p=next(own).patient_id),
        lambda: both.search(f"studies?PatientID={next(direct).patient_id}&includefield=ModalitiesInStudy"),
        warm_up=_WARM_UP,
    )
    taken, yardstick = times.median(0), times.median(1)
    target, met = "≤ Orthanc + 1.5 ms", taken <= yardstick + 1.5
    yield Figure(f"{name}, p50", taken, "ms", taken / yardstick, target, yardstick, met)
    taken, yardstick = (times.percentile(way, 99) for way in (0, 1))
    yield Figure(f"{name}, p99", taken, "ms", taken / yardstick, yardstick=yardstick)


def tree(folder: Path) -> Iterator[Figure]:
    """One study → 5 series → 500 instances in one request: asked for the first time, and again."""
    with beside_orthanc(folder) as both:
        studies = [_study(_SERIES, _IMAGES) for _ in range(_COLD_ROUNDS + 2)]
        for images in studies:
            both.fill(images)
        yield from _cold(both, studies)
        patient = studies[1][0].patient_id
        both.ask(_TREE, p=patient)
        warm = in_turn(ROUNDS, lambda: both.ask(_TREE, p=patient), lambda: _own_requests(both, studies[1]))
        yield beside("the same again", warm, "≤ 1/20 × Orthanc", 1 / 20)
        yield from _whole_series(both, studies[2])


def _cold(both: Both, studies: list[list[Sample]]) -> Iterator[Figure]:
    first = studies[0][0].patient_id
    for query in (_TREE, _WIDE_TREE):  # by the first study, the service finds out what the PACS is best at
        both.ask(query, p=first)
    narrow: tuple[list[float], ...] = ([], [], [])
    wide: tuple[list[float], ...] = ([], [], [])
    observed: dict[str, tuple[list[float], list[float]]] = {_TREE: ([], []), _WIDE_TREE: ([], [])}
    for number, images in enumerate(studies[1:-1]):
        patient = images[0].patient_id
        directly = milliseconds_of(_own_requests, both, images)
        for query, times in ((_TREE, narrow), (_WIDE_TREE, wide)):
            seen = both.observed((query, {"p": first}), (query, {"p": patient}))
            observed[query][0].append(seen.milliseconds)
            observed[query][1].append(seen.milliseconds_of_requests)
            times[1].append(directly)
            ways = (
                (times[0], partial(both.ask, query, p=patient)),
                (times[2], partial(_one_after_another, both, seen.paths)),
            )
            for taken, work in ways if number % 2 else reversed(ways):
                taken.append(milliseconds_of(work))
    name = f"1 study → {_SERIES} series → {_SERIES * _IMAGES} instances, the first time"
    of_files = f"{name}, by attributes of the files"
    for label, times, query in ((name, narrow, _TREE), (of_files, wide, _WIDE_TREE)):
        yield beside(label, Times(times[:2]), "≤ 1/3 × Orthanc", 1 / 3)
        yield beside("the same beside the sum of its requests to the PACS", Times(observed[query]), "≤ 1.15 ×", 1.15)
        ours, theirs = median(times[0]), median(times[2])
        yield Figure(
            "… and beside them when they are made one after another", ours, "ms", ours / theirs, yardstick=theirs
        )


def _own_requests(both: Both, images: list[Sample]) -> None:
    """What a client without the service does: studies, their series, the instances of each series."""
    (study,) = both.search(f"studies?PatientID={images[0].patient_id}")
    uid = study["0020000D"]["Value"][0]
    for series in both.search(f"studies/{uid}/series"):
        found = both.search(f"studies/{uid}/series/{series['0020000E']['Value'][0]}/instances")
        assert len(found) == _IMAGES


def _one_after_another(both: Both, paths: list[str]) -> None:
    for path in paths:
        both.direct.get(f"{both.pacs.root}{path}").raise_for_status()


def _whole_series(both: Both, images: list[Sample]) -> Iterator[Figure]:
    """A series of 500."""
    stored = _study(1, _SERIES * _IMAGES, images[0].patient_id)
    both.fill(stored)
    first = stored[0]
    below = f"instances?PatientID={first.patient_id}&SeriesInstanceUID={first.series}&includefield=InstanceNumber"
    times = in_turn(
        _LISTS,
        lambda: both.ask(_LIST, p=first.patient_id, study=first.study, series=first.series),
        lambda: both.search(below),
        warm_up=2,
    )
    for percent in (50, 99):
        ours, theirs = (times.percentile(way, percent) for way in (0, 1))
        yield Figure(f"series of {len(stored)}, p{percent}", ours, "ms", ours / theirs, yardstick=theirs)


def requests(folder: Path) -> Iterator[Figure]:
    """How many requests to the PACS 50 studies with their series take."""
    with beside_orthanc(folder) as both:
        patient = Exam().patient_id
        both.fill([image for _ in range(_STUDIES) for image in _study(2, 1, patient)])
        asked = (_STUDIES_WITH_SERIES, {"p": patient})
        # Before that two other queries, while which the service looks who the PACS is.
        count = len(both.observed(*[(_ONE, {"p": "nobody"})] * 2, asked).paths)
        yield Figure(
            f"{_STUDIES} studies with their series", count, "PACS requests", None, "2", 1 + _STUDIES, count <= 2
        )


def _study(series: int, images: int, patient_id: str | None = None) -> list[Sample]:
    exam = Exam(patient_id) if patient_id else Exam()
    firsts = [exam.image(SeriesNumber=number + 1) for number in range(series)]
    return [image for first in firsts for image in (first, *(renewed(first, generate_uid) for _ in range(images - 1)))]
