"""Loaders: what many parents ask for one by one in a query, asked of the PACS together."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from strawberry.dataloader import DataLoader

from pacs.adapter import Pacs
from pacs.attributes import Dataset
from pacs.caching.states import SeriesRef
from pacs.tables import Rows

Fetch = Callable[[str, list[str], frozenset[str]], Awaitable[list[Dataset]]]


@dataclass(frozen=True)
class Below:
    """What stands below a study or series: for which patient, under which UID, with which attributes."""

    patient_id: str
    uid: str
    include: frozenset[str]


@dataclass(frozen=True)
class InSeries:
    """The instances of a series: for which patient, with which attributes; its row, where that is known."""

    patient_id: str
    study: str
    series: str
    include: frozenset[str]
    row: Dataset | None = field(default=None, compare=False)


class Loaders:
    """The loaders of one request, each made when it is first used: most requests, and most events, need none."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs

    def begin(
        self, patient_id: str, series: list[Dataset], include: frozenset[str], of_instances: frozenset[str]
    ) -> None:
        """Takes all series of the patient's studies, which have `include`, as loaded, and begins with instances."""
        of_study: dict[str, list[Dataset]] = defaultdict(list)
        for row in series:
            of_study[row.text("StudyInstanceUID") or ""].append(row)
        for study, rows in of_study.items():
            self.series.prime(Below(patient_id, study, include), rows)
            for row in rows:
                key = InSeries(patient_id, study, row.text("SeriesInstanceUID") or "", of_instances, row)
                asyncio.ensure_future(self.instances.load(key)).add_done_callback(_heard)

    @cached_property
    def series(self) -> DataLoader[Below, list[Dataset]]:
        """The series of studies."""
        return _below(self._pacs.series_with, "StudyInstanceUID")

    @cached_property
    def instances(self) -> DataLoader[InSeries, Rows]:
        """The instances of series."""
        return _in_series(self._pacs)

    @cached_property
    def instances_by_uid(self) -> DataLoader[Below, list[Dataset]]:
        """Instances by their own UIDs."""
        return _below(self._pacs.instances_by_uid, "SOPInstanceUID")


def _below(fetch: Fetch, parent: str) -> DataLoader[Below, list[Dataset]]:
    """A loader that fetches the datasets under many parents at once and deals them out by `parent`."""

    async def load(keys: list[Below]) -> list[list[Dataset]]:
        groups: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
        for key in keys:
            groups[key.patient_id, key.include].append(key.uid)
        found: dict[Below, list[Dataset]] = defaultdict(list)
        for (patient_id, include), uids in groups.items():
            for dataset in await fetch(patient_id, uids, include):
                found[Below(patient_id, dataset.text(parent) or "", include)].append(dataset)
        return [found[key] for key in keys]

    return DataLoader(load)


def _heard(instances: asyncio.Future[Rows]) -> None:
    """Asyncio reports an error that nobody asked about: a query may have failed before it came to that."""
    if not instances.cancelled():
        instances.exception()


def _in_series(pacs: Pacs) -> DataLoader[InSeries, Rows]:
    """A loader that fetches the instances of many series at once."""

    async def load(keys: list[InSeries]) -> list[Rows]:
        groups: dict[tuple[str, frozenset[str]], list[InSeries]] = defaultdict(list)
        for key in keys:
            groups[key.patient_id, key.include].append(key)
        found: dict[InSeries, Rows] = {}
        for (patient_id, include), wanted in groups.items():
            refs = [SeriesRef(key.study, key.series, key.row) for key in wanted]
            instances = await pacs.instances(patient_id, refs, include)
            found |= {key: instances.get((key.study, key.series), []) for key in wanted}
        return [found[key] for key in keys]

    return DataLoader(load)
