"""The series of studies as Orthanc has them in its index.

A search by DICOMweb makes Orthanc list all instances of each series that it finds, and read one of their files: 9 ms
for a study of five series with 100 images each, and this 0.7 ms (measured on 1.10.1).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from pacs.attributes import Dataset, tag
from pacs.client.answer import Answer
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsError, PacsTimeout
from pacs.orthanc.ids import orthanc_id
from pacs.orthanc.tags import IndexTags, elements
from pacs.uids import is_uid

_VRS = {"SeriesInstanceUID": "UI", "Modality": "CS", "SeriesNumber": "IS", "SeriesDescription": "LO",
        "BodyPartExamined": "CS"}  # fmt: skip
"""What Orthanc keeps of every series in its index, by default and always; of a text up to 256 characters."""
_TAGS = IndexTags(_VRS)
_COUNT = "NumberOfSeriesRelatedInstances"
SERIES_KEYWORDS = frozenset(_VRS) | {_COUNT, "PatientID", "StudyInstanceUID"}


class OrthancSeries:
    """The index of one Orthanc, to the root of whose REST API `web` leads."""

    def __init__(self, web: DicomWeb) -> None:
        self._web = web

    async def of(self, patient_id: str, studies: Collection[str]) -> list[Dataset] | None:
        """The series of these studies of the patient, with `SERIES_KEYWORDS`, in no order.

        None where a search must tell: Orthanc's name of a study is made of its patient and its UID, so what has another
        name is another patient's, or written in other characters. Raises `PacsTimeout`.
        """
        if not patient_id.isascii() or not all(is_uid(study, lenient=True) for study in studies):
            return None
        ids = {orthanc_id(patient_id, study): study for study in studies}
        try:
            return _rows(patient_id, ids, await self._find(ids))
        except PacsTimeout:
            raise
        except PacsError:
            return None

    async def of_patient(self, patient_id: str) -> list[Dataset] | None:
        """The same of all studies of the patient."""
        if not patient_id.isascii():
            return None
        patient = f"patients/{orthanc_id(patient_id)}"
        try:
            studies, series = await asyncio.gather(self._get(f"{patient}/studies"), self._get(f"{patient}/series"))
        except PacsTimeout:
            raise
        except PacsError:
            return None
        tags = (one.get("MainDicomTags") for one in studies if isinstance(one, Mapping))
        uids = {str(one.get("StudyInstanceUID")) for one in tags if isinstance(one, Mapping)}
        return _rows(patient_id, {orthanc_id(patient_id, uid): uid for uid in uids}, series)

    async def _find(self, ids: Mapping[str, str]) -> Iterable[object]:
        """All by one request; one study by that which is the quicker."""
        if len(ids) == 1:
            return await self._get(f"studies/{next(iter(ids))}/series")
        query = {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": "\\".join(ids.values())}}
        return _list(await self._web.ask("tools/find", orjson.dumps(query)))

    async def _get(self, path: str) -> Iterable[object]:
        return _list(await self._web.request("GET", path))


def _list(answer: Answer) -> Iterable[object]:
    found = answer.json()
    return found if isinstance(found, list) else ()


def _rows(patient_id: str, studies: Mapping[str, str], found: Iterable[object]) -> list[Dataset] | None:
    """The series that were found, if they are of these studies by Orthanc's names, and of each of them."""
    rows = [(studies.get(str(one.get("ParentStudy"))), one) for one in found if isinstance(one, Mapping)]
    series = [row for study, one in rows if study and (row := _row(one, patient_id, study))]
    return series if len(series) == len(rows) and {study for study, _ in rows} == set(studies.values()) else None


def _row(series: Mapping[str, Any], patient_id: str, study: str) -> Dataset | None:
    """None for what cannot be told from the index, and for what is no series."""
    told, instances = _TAGS.read(series.get("MainDicomTags")), series.get("Instances")
    if told is None or tag("SeriesInstanceUID") not in told or not isinstance(instances, list):
        return None
    place = ("PatientID", "LO", patient_id), ("StudyInstanceUID", "UI", study)
    return Dataset(told | dict(elements(*place, (_COUNT, "IS", len(instances)))))
