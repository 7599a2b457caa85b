"""The embedded PACS with many instances: how long searches take, how large the index gets, how fast it is filled.

    python -m tests.benchmarks.archive 1000000

The instances are synthesised in the index alone: patients of two studies, studies of five series of twenty instances.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson

from pacs.archive import search
from pacs.archive.entries import Entries
from pacs.archive.index import Index
from pacs.archive.levels import Level
from pacs.archive.received import Received
from pacs.archive.search_parameters import parse_search
from pacs.part10 import Part10Header

SIZES = (10_000, 200_000)
_SERIES, _INSTANCES = 5, 20
_PER_STUDY = _SERIES * _INSTANCES
_BATCH = 500
_ROUNDS = 30


@dataclass(frozen=True)
class Row:
    """One figure; the unit is part of its name."""

    name: str
    value: float


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """The figures at each number of instances."""
    return [row for size in sizes for row in _measure(size)]


def _measure(instances: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as index:
        begun = time.perf_counter()
        fill(index, instances)
        seconds = time.perf_counter() - begun
        studies = instances // _PER_STUDY
        label = f"at {instances:,} instances"
        yield Row(f"index rows/s {label}", instances / seconds)
        yield Row(f"index bytes/instance {label}", (Path(folder) / "index.sqlite").stat().st_size / instances)
        queries: dict[str, tuple[Level, Callable[[], str]]] = {
            "patient query": (Level.STUDY, lambda: f"PatientID=P{random.randrange(studies) // 2}"),
            "patient name prefix": (Level.STUDY, lambda: f"PatientName=Family{random.randrange(studies) // 2}*"),
            "newest page of 50 studies": (Level.STUDY, lambda: "limit=50"),
            "second page of 50 studies": (Level.STUDY, lambda: "limit=50&offset=50"),
            "series of a study": (Level.SERIES, lambda: f"StudyInstanceUID=1.2.{random.randrange(studies)}"),
            "instances of a study": (Level.INSTANCE, lambda: f"StudyInstanceUID=1.2.{random.randrange(studies)}"),
            "one instance": (Level.INSTANCE, lambda: f"SOPInstanceUID=1.2.{random.randrange(studies)}.1.1"),
        }
        for name, (level, query) in queries.items():
            yield Row(f"{name} ms {label}", _milliseconds(index, level, query))


def _milliseconds(index: Index, level: Level, query: Callable[[], str]) -> float:
    """The median of some searches, from the query string to the datasets."""
    times = []
    for _ in range(_ROUNDS):
        text = query()
        begun = time.perf_counter()
        found = index.read_now(lambda connection, text=text: search.run(connection, level, parse_search(text)))  # type: ignore[misc]
        times.append(1000 * (time.perf_counter() - begun))
        assert found, text
    return median(times)


@contextmanager
def _opened(folder: Path) -> Iterator[Index]:
    index = Index(folder)
    index.open()
    try:
        yield index
    finally:
        index.close()


def fill(
    index: Index,
    instances: int,
    per_study: int = _PER_STUDY,
    per_series: int = _INSTANCES,
    root: str = "1.2",
    *,
    first: int = 0,
) -> None:
    """Enters instances without files, so many in each study and series, from number `first` on.

    UIDs begin with `root`.
    """
    batch: list[Received] = []
    for number in range(first, instances):
        batch.append(_instance(number, per_study, per_series, root))
        if len(batch) == _BATCH or number == instances - 1:
            index.submit(lambda connection, batch=tuple(batch): _enter(connection, batch)).result()  # type: ignore[misc]
            batch = []


def _enter(connection: object, batch: tuple[Received, ...]) -> None:
    entries = Entries(connection)  # type: ignore[arg-type]
    for received in batch:
        entries.enter(received)
    entries.count()


def _instance(number: int, per_study: int, per_series: int, root: str) -> Received:
    study, within = divmod(number, per_study)
    series, instance = divmod(within, per_series)
    uid = f"{root}.{study}.{series + 1}.{instance + 1}"
    header = Part10Header(
        "1.2.840.10008.5.1.4.1.1.2", uid, f"{root}.{study}", f"{root}.{study}.{series + 1}", "1.2.840.10008.1.2.1", 0
    )
    date = f"20{study // 336 % 50:02}{study // 28 % 12 + 1:02}{study % 28 + 1:02}"
    patient = {
        "00080020": {"vr": "DA", "Value": [date]},
        "00080030": {"vr": "TM", "Value": ["101500"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"Family{study // 2}^Given"}]},
        "00100020": {"vr": "LO", "Value": [f"P{study // 2}"]},
        "0020000D": {"vr": "UI", "Value": [f"{root}.{study}"]},
    }
    own = {
        "00080018": {"vr": "UI", "Value": [uid]},
        "00200013": {"vr": "IS", "Value": [instance + 1]},
        "00080016": {"vr": "UI", "Value": [header.sop_class_uid]},
        "00280008": {"vr": "IS", "Value": [1]},
        "00280010": {"vr": "US", "Value": [512]},
        "00280011": {"vr": "US", "Value": [512]},
    }
    return Received(
        header=header,
        path=Path("none"),
        file_bytes=526_000,
        digest=uid.encode().ljust(32, b"\0"),
        metadata=orjson.dumps({**_COMMON, **patient, **own}),
        study_attributes=orjson.dumps(patient),
        series_attributes=orjson.dumps({"0020000E": {"vr": "UI", "Value": [f"{root}.{study}.{series + 1}"]}}),
        instance_attributes=orjson.dumps(own),
        columns={
            Level.STUDY: {
                "study_instance_uid": f"{root}.{study}",
                "patient_id": f"P{study // 2}",
                "patient_birth_date": "19700101",
                "study_date": date,
                "study_time": "101500.000000",
                "accession_number": f"A{study}",
                "study_id": f"S{study}",
                "study_description": "Head",
            },
            Level.SERIES: {
                "series_instance_uid": f"{root}.{study}.{series + 1}",
                "modality": "CT" if series else "SR",
                "series_number": str(series + 1),
                "performed_start_date": date,
                "performed_start_time": "",
            },
            Level.INSTANCE: {
                "sop_instance_uid": uid,
                "sop_class_uid": header.sop_class_uid,
                "instance_number": str(instance + 1),
            },
        },
        names=(("00100010", f"family{study // 2}^given"),),
        requests=(),
        station_name="CT-1",
    )


_COMMON = {f"0018{number:04X}": {"vr": "LO", "Value": [f"a value of element {number}"]} for number in range(0x10, 0xA0)}


if __name__ == "__main__":
    for row in rows(tuple(int(text) for text in sys.argv[1:]) or SIZES):
        print(f"{row.name:60} {row.value:12,.2f}")
