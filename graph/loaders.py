"""Loaders: what many parents ask for one by one in a query, asked of the PACS together."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from strawberry.dataloader import DataLoader

from pacs.adapter import Pacs
from pacs.attributes import Dataset

Fetch = Callable[[str, list[str], frozenset[str]], Awaitable[list[Dataset]]]


@dataclass(frozen=True)
class Below:
    """What stands below a study or series: for which patient, under which UID, with which attributes."""

    patient_id: str
    uid: str
    include: frozenset[str]


class Loaders:
    """The loaders of one request."""

    def __init__(self, pacs: Pacs) -> None:
        self.series = _below(pacs.series, "StudyInstanceUID")
        self.instances = _below(pacs.instances, "SeriesInstanceUID")
        self.instances_by_uid = _below(pacs.instances_by_uid, "SOPInstanceUID")


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
