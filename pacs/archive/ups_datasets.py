"""What a Unified Procedure Step must have: to be created, to be changed, to be finished (PS3.4 Table CC.2.5-3)."""

import datetime as dt
import re
from typing import Any

from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.codes import code
from pacs.errors import BadAttribute
from pacs.workitem import WorkitemState
from pacs.workitem_ups import TYPE_2

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""The SOP class of every UPS instance (PS3.4 §CC.3.1)."""

_WORKLIST_LABEL = "Default"
_ENUMERATED = {
    "ScheduledProcedureStepPriority": ("HIGH", "MEDIUM", "LOW"),
    "InputReadinessState": ("READY", "UNAVAILABLE", "INCOMPLETE"),
}
_DATE_TIME = re.compile(r"\d{4}((0[1-9]|1[0-2])(\d{2}){0,4})?(\.\d{1,6})?([+-]\d{4})?", re.ASCII)
_TYPE_1 = ("ProcedureStepLabel", "ScheduledProcedureStepStartDateTime", *_ENUMERATED)
_EMPTY_AT_FIRST = (
    "TransactionUID",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
_FIXED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepModificationDateTime",
    "StudyInstanceUID",
    "ReferencedRequestSequence",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
)
_PERFORMED_WITH_VALUE = (
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedProcedureStepEndDateTime",
    "PerformedWorkitemCodeSequence",
)
_REASONS = "ProcedureStepDiscontinuationReasonCodeSequence"
# "Discontinued for unspecified reason", CID 9300 (PS3.16).
_UNSPECIFIED = code("110513", "DCM", "Discontinued for unspecified reason")


def created(payload: JSONDataset, uid: str, now: dt.datetime) -> tuple[JSONDataset, bool]:
    """The UPS that a Create makes of its payload, and whether absent Type 2 attributes had to be added, empty.

    Raises `BadAttribute` for what Type 1 attributes lack and for what a workitem cannot begin with.
    """
    given = Dataset(payload)
    if given.text("ProcedureStepState") != WorkitemState.SCHEDULED:
        raise BadAttribute("ProcedureStepState", "must be SCHEDULED")
    for keyword in _TYPE_1:
        _check_type_1(given, keyword)
    for keyword in _EMPTY_AT_FIRST:
        if given.values(keyword):
            raise BadAttribute(keyword, "must be empty in a new workitem")
    for request in given.items("ReferencedRequestSequence"):
        if not request.text("StudyInstanceUID"):
            raise BadAttribute("StudyInstanceUID", "must have a value in each item of ReferencedRequestSequence")
    missing = {tag(keyword): element(vr, []) for keyword, vr in TYPE_2.items() if tag(keyword) not in payload}
    filled = missing | payload | _identity(uid, now)
    if not given.text("WorklistLabel"):
        filled[tag("WorklistLabel")] = element("LO", [_WORKLIST_LABEL])
    return _public(filled), bool(missing)


def updated(dataset: JSONDataset, changes: JSONDataset, now: dt.datetime) -> JSONDataset:
    """The UPS with `changes` put in whole: a sequence replaces a sequence (PS3.4 §CC.2.6).

    Raises `BadAttribute` for attributes that an update may not touch, and Type 1 attributes that it would empty.
    """
    for keyword in _FIXED:
        if tag(keyword) in changes:
            raise BadAttribute(keyword, "cannot be changed by an update")
    changed = Dataset(changes)
    for keyword in _TYPE_1:
        if tag(keyword) in changes:
            _check_type_1(changed, keyword)
    return _public(dataset | changes | {tag("ScheduledProcedureStepModificationDateTime"): _now(now)})


def in_state(dataset: JSONDataset, state: WorkitemState, now: dt.datetime) -> JSONDataset:
    """The UPS in a new state. A canceled one gets the time and, if it has none, the reason that PS3.4 asks for."""
    moved = dataset | {
        tag("ProcedureStepState"): element("CS", [state.value]),
        tag("ScheduledProcedureStepModificationDateTime"): _now(now),
    }
    return _public(_canceled(moved, now) if state is WorkitemState.CANCELED else moved)


def is_complete(dataset: JSONDataset) -> bool:
    """Whether the UPS has what the state COMPLETED needs (PS3.4 §CC.2.5.1.1, codes R and P)."""
    items = list(Dataset(dataset).items("UnifiedProcedureStepPerformedProcedureSequence"))
    return bool(items) and all(item.values(keyword) for item in items for keyword in _PERFORMED_WITH_VALUE)


def with_reason(dataset: JSONDataset, request: JSONDataset) -> JSONDataset:
    """The UPS with the reason that a cancel request gives (PS3.4 §CC.2.2.1)."""
    asked = Dataset(request)
    reasons = {
        tag(keyword): element(vr, asked.values(keyword))
        for keyword, vr in (("ReasonForCancellation", "LT"), (_REASONS, "SQ"))
        if asked.values(keyword)
    }
    return _with_progress(dataset, _progress(dataset) | reasons)


def _canceled(dataset: JSONDataset, now: dt.datetime) -> JSONDataset:
    progress = _progress(dataset)
    known = Dataset(progress)
    if not known.text("ProcedureStepCancellationDateTime"):
        progress[tag("ProcedureStepCancellationDateTime")] = _now(now)
    if not known.values(_REASONS):
        progress[tag(_REASONS)] = element("SQ", [_UNSPECIFIED])
    return _with_progress(dataset, progress)


def _progress(dataset: JSONDataset) -> JSONDataset:
    return dict(next((item.json for item in Dataset(dataset).items("ProcedureStepProgressInformationSequence")), {}))


def _with_progress(dataset: JSONDataset, progress: JSONDataset) -> JSONDataset:
    items = [dict(sorted(progress.items()))] if progress else []
    return dataset | {tag("ProcedureStepProgressInformationSequence"): element("SQ", items)}


def _check_type_1(dataset: Dataset, keyword: str) -> None:
    value = dataset.text(keyword)
    if not value:
        raise BadAttribute(keyword, "must have a value")
    allowed = _ENUMERATED.get(keyword)
    if allowed and value not in allowed:
        raise BadAttribute(keyword, f"must be one of {', '.join(allowed)}")
    if keyword == "ScheduledProcedureStepStartDateTime" and not _DATE_TIME.fullmatch(value):
        raise BadAttribute(keyword, "must be a date and time (DT): YYYYMMDDHHMMSS")


def _identity(uid: str, now: dt.datetime) -> JSONDataset:
    return {
        tag("SOPClassUID"): element("UI", [UPS_PUSH]),
        tag("SOPInstanceUID"): element("UI", [uid]),
        tag("ScheduledProcedureStepModificationDateTime"): _now(now),
    }


def _public(dataset: JSONDataset) -> JSONDataset:
    # The Transaction UID is never given away (PS3.18 §11.5.3): it is the lock, and is kept beside the dataset.
    return {key: value for key, value in sorted(dataset.items()) if key != tag("TransactionUID")}


def _now(now: dt.datetime) -> dict[str, Any]:
    return element("DT", [f"{now:%Y%m%d%H%M%S}"])
