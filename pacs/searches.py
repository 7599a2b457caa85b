"""What is searched for: which studies of a patient, with which attributes of instances, in which order."""

from collections.abc import Iterable
from dataclasses import dataclass

from pacs.attributes import Dataset
from pacs.queries import DateRange, Pattern, Wanted, exact

INSTANCE_KEYWORDS = frozenset({
    "SpecificCharacterSet", "InstanceAvailability", "SOPClassUID", "SOPInstanceUID", "TimezoneOffsetFromUTC",
    "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
})  # fmt: skip
"""What a search for instances answers unasked (PS3.18 table 10.6.3-5)."""
LAST = 2**31
"""The number of what has none: more than an Integer String holds (PS3.5 §6.2)."""


@dataclass(frozen=True)
class StudySearch:
    """Which studies of one patient."""

    patient_id: str
    study_instance_uid: str | None = None
    modality: str | None = None
    study_date: DateRange | None = None
    accession_number: str | None = None
    study_description: str | None = None

    def wanted(self) -> dict[str, Wanted]:
        """The conditions by keyword; `BadQuery` names the one that cannot be asked."""
        wanted: dict[str, Wanted] = {"PatientID": exact("patientID", self.patient_id)}
        if self.study_instance_uid:
            wanted["StudyInstanceUID"] = self.study_instance_uid
        if self.accession_number is not None:
            wanted["AccessionNumber"] = exact("accessionNumber", self.accession_number)
        if self.modality is not None:
            wanted["ModalitiesInStudy"] = Pattern(exact("modality", self.modality))
        if self.study_description is not None:
            wanted["StudyDescription"] = Pattern(exact("studyDescription", self.study_description))
        if self.study_date is not None:
            wanted["StudyDate"] = self.study_date
        return wanted


def in_order(dataset: Dataset, number: str, uid: str) -> tuple[int, str]:
    """The key that sorts series and instances by their numbers, then UIDs; those without a number come last."""
    found = dataset.integer(number)
    return LAST if found is None else found, dataset.text(uid) or ""


def by_number(series: Iterable[Dataset]) -> list[Dataset]:
    """Series by study and Series Number."""
    return sorted(
        series, key=lambda one: (one.text("StudyInstanceUID") or "", in_order(one, "SeriesNumber", "SeriesInstanceUID"))
    )


def newest_first(study: Dataset) -> tuple[str, str, str]:
    """The key that sorts studies by date and time, then UID; those without a date are the oldest."""
    day, time = study.date("StudyDate"), study.time("StudyTime")
    return (
        day.isoformat() if day else "",
        time.isoformat("microseconds") if time else "",
        study.text("StudyInstanceUID") or "",
    )
