"""Workitem ↔ Modality Worklist entry (MWL, PS3.4 Annex K), in the DICOM JSON Model."""

import base64
import hashlib
from typing import Any

from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.workitem_fields import FIELDS, MWL, Field, Values

_CHARACTER_SET = "ISO_IR 192"
_STEPS = tag("ScheduledProcedureStepSequence")

# Type 2 return keys of PS3.4 Table K.6-1 that a workitem says nothing about.
_EMPTY_ROOT = {
    "ReferencedStudySequence": "SQ",
    "ReferencedPatientSequence": "SQ",
    "RequestedProcedurePriority": "SH",
    "PatientTransportArrangements": "LO",
    "PatientWeight": "DS",
    "Allergies": "LO",
    "SpecialNeeds": "LO",
    "ServiceEpisodeID": "LO",
}
_EMPTY_STEP = {"ScheduledProcedureStepLocation": "SH"}


def write(values: Values) -> JSONDataset:
    """A worklist entry: every attribute of the table in its place, empty ones without `Value` (PS3.18 §F.2.5)."""
    root: JSONDataset = {tag("SpecificCharacterSet"): {"vr": "CS", "Value": [_CHARACTER_SET]}}
    step: JSONDataset = {}
    for field in FIELDS:
        found = values.get(field.keyword, [])
        if found or field.always_shown:
            (root if field.mwl is MWL.ROOT else step)[field.tag] = element(field.vr, found)
    root[_STEPS] = element("SQ", [_in_order(step)])
    return _in_order(root)


def read(dataset: JSONDataset) -> Values:
    """The workitem's values in a worklist entry, as they stand there. Of several steps the first counts."""
    root = Dataset(dataset)
    step = next(root.items("ScheduledProcedureStepSequence"), Dataset({}))
    places = {MWL.ROOT: root, MWL.STEP: step}
    found = {field.keyword: _values(places[field.mwl], field) for field in FIELDS}
    return {keyword: values for keyword, values in found.items() if values}


def complete(values: Values) -> JSONDataset:
    """An entry for a modality: what is Type 1 or 1C there always has a value, what is Type 2 is always present.

    A missing step or procedure ID is made from the StudyInstanceUID, so that it is the same in every answer, and a
    missing procedure description is the step's (PS3.4 Table K.6-1).
    """
    study = str(next(iter(values.get("StudyInstanceUID", [])), ""))
    generated = [short_id(study)]
    full = {
        "ScheduledProcedureStepID": generated,
        "RequestedProcedureID": generated,
        "RequestedProcedureDescription": values.get("ScheduledProcedureStepDescription", generated),
        **values,
    }
    root = write(full)
    step = root[_STEPS]["Value"][0]
    step |= {tag(keyword): {"vr": vr} for keyword, vr in _EMPTY_STEP.items()}
    root[_STEPS] = element("SQ", [_in_order(step)])
    return _in_order({tag(keyword): {"vr": vr} for keyword, vr in _EMPTY_ROOT.items()} | root)


def short_id(uid: str) -> str:
    """An ID of 16 characters (SH) made from a UID: the same for the same UID, A-Z and 2-7."""
    return base64.b32encode(hashlib.sha256(uid.encode()).digest()).decode()[:16]


def _values(place: Dataset, field: Field) -> list[Any]:
    found = [value for value in place.values(field.keyword) if value not in (None, "", {})]
    return found if field.many else found[:1]


def _in_order(dataset: JSONDataset) -> JSONDataset:
    return dict(sorted(dataset.items()))
