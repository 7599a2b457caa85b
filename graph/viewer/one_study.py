"""The one study that a viewer session may read: every path and every answer is checked against it and its patient."""

import re
from collections.abc import Iterable
from typing import Any

from graph.links import Links
from graph.viewer.tokens import Subject
from pacs.adapter import Pacs
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.caching.states import SeriesRef
from pacs.errors import NotFound
from pacs.searches import INSTANCE_KEYWORDS, StudySearch

_MISSING = "the study has no such object"
_URL_KEYS = frozenset({"BulkDataURI"})
_RETRIEVE_URL = tag("RetrieveURL")


class OneStudy:
    """One study, read through `pacs`. What is not of this study *and* patient is `NotFound`."""

    def __init__(self, pacs: Pacs, subject: Subject, links: Links) -> None:
        self._pacs = pacs
        self._links = links
        self._patient_id = subject.patient_id
        self.uid = subject.study_instance_uid

    async def study(self, include: Iterable[str]) -> list[Dataset]:
        """The study itself, alone in a list."""
        search = StudySearch(patient_id=self._patient_id, study_instance_uid=self.uid)
        return self._of_study(await self._pacs.studies(search, include))

    async def series(self, include: Iterable[str] = ()) -> list[Dataset]:
        """All its series, by number."""
        return self._of_study(await self._pacs.series(self._patient_id, [self.uid], {"SeriesNumber", *include}))

    async def instances(self, series: str | None, include: Iterable[str] = ()) -> list[Dataset]:
        """The instances of one of its series, or of all, by series and number."""
        rows = [] if series else await self.series()
        wanted = [SeriesRef(self.uid, row.text("SeriesInstanceUID") or "", row) for row in rows]
        if series:
            wanted = [SeriesRef(self.uid, series)]
        if not wanted:
            return []
        found = await self._pacs.instances(self._patient_id, wanted, {*INSTANCE_KEYWORDS, *include})
        return self._of_study(row for place in sorted(found) for row in found[place])

    async def places(self, series: str | None, instance: str | None) -> list[tuple[str, str]]:
        """Series and SOP Instance UIDs of what a path names, in order; `NotFound` when that is nothing."""
        if instance is None:
            found = await self.instances(series)
        else:
            found = self._of_study(await self._pacs.instances_by_uid(self._patient_id, [instance]))
        places = [(one.text("SeriesInstanceUID") or "", one.text("SOPInstanceUID") or "") for one in found]
        chosen = [place for place in places if series in (None, place[0])]
        if not chosen:
            raise NotFound(_MISSING)
        return chosen

    async def metadata(self, series: str | None, instance: str | None) -> list[Dataset]:
        """All attributes but the bulky ones of what a path names."""
        places = await self.places(series, instance)
        found: list[Dataset] = []
        for uid in dict.fromkeys(place[0] for place in places):
            found += await self._pacs.metadata(self._patient_id, self.uid, uid, instance)
        if not found:
            raise NotFound(_MISSING)
        return found

    async def frame_count(self, series: str, instance: str) -> int:
        """How many frames an instance has; one where it does not say."""
        found = await self._pacs.metadata(self._patient_id, self.uid, series, instance)
        return max((one.integer("NumberOfFrames") or 1 for one in found), default=0)

    def answer(self, datasets: Iterable[Dataset]) -> list[JSONDataset]:
        """Datasets as clients get them: the PACS's URLs left out, the Retrieve URL this server's."""
        return [self._own(dataset) for dataset in datasets]

    def _own(self, dataset: Dataset) -> JSONDataset:
        steps = (
            ("series", dataset.text("SeriesInstanceUID")),
            ("instances", dataset.text("SOPInstanceUID")),
        )
        path = f"studies/{self.uid}" + "".join(f"/{level}/{uid}" for level, uid in steps if uid)
        own = {_RETRIEVE_URL: {"vr": "UR", "Value": [self._links.dicomweb(path)]}}
        return dict(sorted((without_urls(dataset.json) | own).items()))

    def _of_study(self, datasets: Iterable[Dataset]) -> list[Dataset]:
        """The fence: this study's and this patient's, to the character."""
        return [
            dataset
            for dataset in datasets
            if dataset.whole_text("StudyInstanceUID") == self.uid
            and dataset.whole_text("PatientID") == self._patient_id
        ]


_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def without_urls(value: Any) -> Any:
    """DICOM JSON without UR elements and `BulkDataURI`s; any other value that is a URL becomes null."""
    if isinstance(value, dict):
        return {
            key: without_urls(item)
            for key, item in value.items()
            if key not in _URL_KEYS and not (isinstance(item, dict) and item.get("vr") == "UR")
        }
    if isinstance(value, list):
        return [without_urls(item) for item in value]
    return None if isinstance(value, str) and _URL.match(value) else value
