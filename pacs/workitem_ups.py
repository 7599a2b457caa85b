"""Workitem ↔ Unified Procedure Step (UPS, PS3.4 Annex CC), in the DICOM JSON Model.

What `write` makes is the payload of a UPS-RS Create (PS3.18 §11.4): every attribute that PS3.4 Table CC.2.5-3 makes
Type 1 or 2 for N-CREATE is there.
"""

from typing import Any

from pacs import workitem_schedule
from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.workitem_fields import FIELDS, UPS, Values

_CHARACTER_SET = "ISO_IR 192"
_PRIORITY = "MEDIUM"
_WORKLIST_LABEL = "Imaging"
_REQUESTS = tag("ReferencedRequestSequence")

_CONSTANTS = {
    "SpecificCharacterSet": ("CS", _CHARACTER_SET),
    "ProcedureStepState": ("CS", "SCHEDULED"),
    "ScheduledProcedureStepPriority": ("CS", _PRIORITY),
    "InputReadinessState": ("CS", "READY"),
    "WorklistLabel": ("LO", _WORKLIST_LABEL),
}
TYPE_2 = {
    "WorklistLabel": "LO",
    "ScheduledProcessingParametersSequence": "SQ",
    "ScheduledStationNameCodeSequence": "SQ",
    "ScheduledStationClassCodeSequence": "SQ",
    "ScheduledStationGeographicLocationCodeSequence": "SQ",
    "ScheduledWorkitemCodeSequence": "SQ",
    "CommentsOnTheScheduledProcedureStep": "LT",
    "InputInformationSequence": "SQ",
    "PatientName": "PN",
    "PatientBirthDate": "DA",
    "PatientSex": "CS",
    "OtherPatientIDsSequence": "SQ",
    "AdmissionID": "LO",
    "IssuerOfAdmissionIDSequence": "SQ",
    "AdmittingDiagnosesDescription": "LO",
    "AdmittingDiagnosesCodeSequence": "SQ",
    "ReferencedRequestSequence": "SQ",
    "ProcedureStepProgressInformationSequence": "SQ",
    "UnifiedProcedureStepPerformedProcedureSequence": "SQ",
}
"""What a UPS must have when it is created, if only empty, by VR (PS3.4 Table CC.2.5-3)."""

_EMPTY = {**TYPE_2, "TransactionUID": "UI"}
_EMPTY_REQUEST = {
    "AccessionNumber": "SH",
    "IssuerOfAccessionNumberSequence": "SQ",
    "OrderPlacerIdentifierSequence": "SQ",
    "OrderFillerIdentifierSequence": "SQ",
    "RequestedProcedureID": "SH",
    "RequestedProcedureDescription": "LO",
    "RequestedProcedureCodeSequence": "SQ",
}


def write(values: Values) -> JSONDataset:
    """The payload that creates a UPS in the PACS."""
    root = {tag(keyword): element(vr, []) for keyword, vr in _EMPTY.items()}
    root |= {tag(keyword): element(vr, [value]) for keyword, (vr, value) in _CONSTANTS.items()}
    request = {tag(keyword): element(vr, []) for keyword, vr in _EMPTY_REQUEST.items()}
    for field in FIELDS:
        found = values.get(field.keyword, [])
        for target in _targets(field.ups, root, request):
            target.update({field.tag: element(field.vr, found)} if found else {})
    root |= workitem_schedule.write(values)
    root[_REQUESTS] = element("SQ", [dict(sorted(request.items()))])
    return dict(sorted(root.items()))


def read(dataset: JSONDataset) -> Values:
    """The workitem's values in a UPS of any origin. Of several requests the first counts."""
    root = Dataset(dataset)
    request = next(root.items("ReferencedRequestSequence"), Dataset({}))
    found: dict[str, list[Any]] = {}
    for field in FIELDS:
        for source in _sources(field.ups, root, request):
            values = [value for value in source.values(field.keyword) if value not in (None, "", {})]
            found.setdefault(field.keyword, values if field.many else values[:1])
            if found[field.keyword]:
                break
            del found[field.keyword]
    return found | workitem_schedule.read(root)


def _targets(place: UPS, root: JSONDataset, request: JSONDataset) -> tuple[JSONDataset, ...]:
    return {UPS.ROOT: (root,), UPS.REQUEST: (request,), UPS.ROOT_AND_REQUEST: (root, request)}.get(place, ())


def _sources(place: UPS, root: Dataset, request: Dataset) -> tuple[Dataset, ...]:
    # Foreign systems put request attributes at the root; the request's own place counts first.
    return {UPS.ROOT: (root,), UPS.REQUEST: (request, root), UPS.ROOT_AND_REQUEST: (request, root)}.get(place, ())
