"""The series of studies as Orthanc has them in its index.

A search by DICOMweb makes Orthanc list all instances of each series that it finds, and read one of their files: 9 ms
for a study of five series with 100 images each, and this 0.7 ms (measured on 1.10.1).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from pacs.attributes import Dataset, tag
from pacs.orthanc.ids import orthanc_id
from pacs.orthanc.lists import OrthancLists, Row, rows
from pacs.orthanc.tags import IndexTags, elements
from pacs.uids import is_uid

_VRS = {"SeriesInstanceUID": "UI", "Modality": "CS", "SeriesNumber": "IS", "SeriesDescription": "LO",
        "BodyPartExamined": "CS"}  # fmt: skip
"""What Orthanc keeps of every series in its index, by default and always; of a text up to 256 characters."""
_TAGS = IndexTags(_VRS)
_COUNT = "NumberOfSeriesRelatedInstances"
SERIES_KEYWORDS = frozenset(_VRS) | {_COUNT, "PatientID", "StudyInstanceUID"}


class OrthancSeries:
    """Series by the lists of one Orthanc. Methods raise the errors of `pacs.errors`."""

    def __init__(self, lists: OrthancLists) -> None:
        self._lists = lists

    async def of(self, patient_id: str, studies: Collection[str]) -> list[Dataset] | None:
        """The series of these studies of the patient, with `SERIES_KEYWORDS`, in no order.

        None where a search must tell: Orthanc's name of a study is made of its patient and its UID, so what has another
        name is another patient's, or written in other characters.
        """
        if not patient_id.isascii() or not all(is_uid(study, lenient=True) for study in studies):
            return None
        ids = {orthanc_id(patient_id, study): study for study in studies}
        if len(ids) == 1:  # which is the quicker way
            found = await self._lists.at(f"studies/{next(iter(ids))}/series")
        else:
            found = await self._lists.series_of(ids.values())
        return _rows(patient_id, ids, rows(found))

    async def of_patient(self, patient_id: str) -> list[Dataset] | None:
        """The same of all studies of the patient."""
        if not patient_id.isascii():
            return None
        patient = f"patients/{orthanc_id(patient_id)}"
        studies, series = await asyncio.gather(
            self._lists.at(f"{patient}/studies"), self._lists.at(f"{patient}/series")
        )
        tags = (one.get("MainDicomTags") for one in rows(studies))
        uids = {str(one.get("StudyInstanceUID")) for one in tags if isinstance(one, Mapping)}
        return _rows(patient_id, {orthanc_id(patient_id, uid): uid for uid in uids}, rows(series))


def _rows(patient_id: str, studies: Mapping[str, str], found: Iterable[Row]) -> list[Dataset] | None:
    """The series that were found, if they are of these studies by Orthanc's names, and of each of them."""
    placed = [(studies.get(str(one.get("ParentStudy"))), one) for one in found]
    series = [row for study, one in placed if study and (row := _row(one, patient_id, study))]
    return series if len(series) == len(placed) and {study for study, _ in placed} == set(studies.values()) else None


def _row(series: Row, patient_id: str, study: str) -> Dataset | None:
    """None for what cannot be told from the index, and for what is no series."""
    told, instances = _TAGS.read(series.get("MainDicomTags")), series.get("Instances")
    if told is None or tag("SeriesInstanceUID") not in told or not isinstance(instances, list):
        return None
    place = ("PatientID", "LO", patient_id), ("StudyInstanceUID", "UI", study)
    return Dataset(told | dict(elements(*place, (_COUNT, "IS", len(instances)))))
