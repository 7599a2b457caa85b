"""The levels of the Query/Retrieve information models (PS3.4 §C.6), and what the archive calls them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
)

from pacs.archive.levels import STUDY_TAGS, Level, level_of
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.errors import BadQuery

PATIENT_COUNTS = {
    tag("NumberOfPatientRelatedStudies"): "studies",
    tag("NumberOfPatientRelatedSeries"): "series",
    tag("NumberOfPatientRelatedInstances"): "instances",
}
"""What the archive counts of a patient."""

_OF_PATIENTS = frozenset(name for name in STUDY_TAGS if name.startswith("0010")) - {
    tag(keyword) for keyword in ("PatientAge", "PatientSize", "PatientWeight", "AdditionalPatientHistory", "Occupation")
}
_PATIENT_ROOT = {
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
}


@dataclass(frozen=True, slots=True)
class QueryLevel:
    """One level: what the index is searched for, and the unique key, as `lookup.select` and DICOM call it."""

    name: str
    searched: Level
    unit: str
    unique_key: str
    is_patient: bool = False

    def has(self, attribute: str) -> bool:
        """Whether an attribute belongs to the level or one above."""
        if self.is_patient:
            return attribute in _OF_PATIENTS or attribute in PATIENT_COUNTS
        return attribute not in PATIENT_COUNTS and level_of(attribute) <= self.searched


_LEVELS: Mapping[str, QueryLevel] = {
    level.name: level
    for level in (
        QueryLevel("PATIENT", Level.STUDY, "patient", "PatientID", is_patient=True),
        QueryLevel("STUDY", Level.STUDY, "study", "StudyInstanceUID"),
        QueryLevel("SERIES", Level.SERIES, "series", "SeriesInstanceUID"),
        QueryLevel("IMAGE", Level.INSTANCE, "instance", "SOPInstanceUID"),
    )
}
ALL_LEVELS = tuple(_LEVELS.values())
"""From the outermost to the innermost."""


def query_level(model: str, identifier: JSONDataset) -> QueryLevel:
    """The level that an identifier names; `BadQuery` when the information model has none of that name."""
    level = _LEVELS.get(Dataset(identifier).text("QueryRetrieveLevel") or "")
    if level is None or (level.is_patient and model not in _PATIENT_ROOT):
        raise BadQuery("QueryRetrieveLevel is missing, or none of this information model")
    return level
