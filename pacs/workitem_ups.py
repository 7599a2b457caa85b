"""Workitem ↔ Unified Procedure Step (UPS, PS3.4 Annex CC), in the DICOM JSON Model.

What `write` makes is the payload of a UPS-RS Create (PS3.18 §11.4): every attribute that PS3.4 Table CC.2.5-3 makes
Type 1 or 2 for N-CREATE is there.
"""

from collections.abc import Callable
from typing import Any

from pacs.attributes import Dataset, JSONDataset, tag
from pacs.workitem_fields import FIELDS, UPS, Values
from pacs.workitem_mwl import element

_CHARACTER_SET = "ISO_IR 192"
_PRIORITY = "MEDIUM"
_WORKLIST_LABEL = "Imaging"
MODALITY_SCHEME = "DCM"
STATION_SCHEME = "99DCMAETITLE"
STATION_NAME_SCHEME = "99DCMSTATION"
_PERFORMER_SCHEME = "99DCMPERFORMER"
_DATE_LENGTH = 8
_AE_TITLE_LENGTH = 16
_CODE_MEANING_LENGTH = 64
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
    for sequence in _WRITERS:
        root |= sequence(values)
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
    for reader in _READERS:
        found |= {keyword: values for keyword, values in reader(root).items() if values}
    return found


def _targets(place: UPS, root: JSONDataset, request: JSONDataset) -> tuple[JSONDataset, ...]:
    return {UPS.ROOT: (root,), UPS.REQUEST: (request,), UPS.ROOT_AND_REQUEST: (root, request)}.get(place, ())


def _sources(place: UPS, root: Dataset, request: Dataset) -> tuple[Dataset, ...]:
    # Foreign systems put request attributes at the root; the request's own place counts first.
    return {UPS.ROOT: (root,), UPS.REQUEST: (request, root), UPS.ROOT_AND_REQUEST: (request, root)}.get(place, ())


def code(value: str, scheme: str, meaning: str) -> JSONDataset:
    """An item of a code sequence (PS3.3 Table 8.8-1)."""
    return {
        tag("CodeValue"): element("SH", [value]),
        tag("CodingSchemeDesignator"): element("SH", [scheme]),
        tag("CodeMeaning"): element("LO", [meaning]),
    }


def _write_start(values: Values) -> JSONDataset:
    date, time = (values.get(f"ScheduledProcedureStepStart{kind}", [""])[0] for kind in ("Date", "Time"))
    return {tag("ScheduledProcedureStepStartDateTime"): element("DT", [f"{date}{time}"] if date else [])}


def _read_start(root: Dataset) -> dict[str, list[Any]]:
    text = (root.text("ScheduledProcedureStepStartDateTime") or "").split("+")[0].split("-")[0]
    date, time = text[:_DATE_LENGTH], text[_DATE_LENGTH:]
    return {
        "ScheduledProcedureStepStartDate": [date] if len(date) == _DATE_LENGTH else [],
        "ScheduledProcedureStepStartTime": [time] if time else [],
    }


def _write_label(values: Values) -> JSONDataset:
    return {tag("ProcedureStepLabel"): element("LO", values.get("ScheduledProcedureStepDescription", []))}


def _read_label(root: Dataset) -> dict[str, list[Any]]:
    return {"ScheduledProcedureStepDescription": root.values("ProcedureStepLabel")[:1]}


def _write_stations(values: Values) -> JSONDataset:
    # The AE title is both value and meaning: PS3.3 §C.30.2 suggests the value, IHE RAD EBIW Table 4.130.4.1.2-2 the
    # meaning. It comes first: there are servers that match the first item only (dcm4chee-arc-light issue 3567).
    titles = [code(title, STATION_SCHEME, title) for title in values.get("ScheduledStationAETitle", [])]
    names = [code(name, STATION_NAME_SCHEME, name) for name in values.get("ScheduledStationName", [])]
    return {tag("ScheduledStationNameCodeSequence"): element("SQ", titles + names)}


def _read_stations(root: Dataset) -> dict[str, list[Any]]:
    items = list(root.items("ScheduledStationNameCodeSequence"))
    names = [item for item in items if item.text("CodingSchemeDesignator") == STATION_NAME_SCHEME]
    titles = [item for item in items if item.text("CodingSchemeDesignator") == STATION_SCHEME]
    if not titles:
        titles = [item for item in items if item not in names][:1]
    return {
        "ScheduledStationAETitle": [title for title in map(_ae_title, titles) if title],
        "ScheduledStationName": [name for name in (item.text("CodeValue") for item in names) if name],
    }


def _ae_title(item: Dataset) -> str | None:
    meaning = item.text("CodeMeaning")
    return meaning if meaning and len(meaning) <= _AE_TITLE_LENGTH else item.text("CodeValue")


def _write_modality(values: Values) -> JSONDataset:
    # The meaning is the code again: dcm4chee and IHE read the modality there.
    items = [code(modality, MODALITY_SCHEME, modality) for modality in values.get("Modality", [])]
    return {tag("ScheduledStationClassCodeSequence"): element("SQ", items)}


def _read_modality(root: Dataset) -> dict[str, list[Any]]:
    found = (item.text("CodeValue") for item in root.items("ScheduledStationClassCodeSequence"))
    return {"Modality": [modality for modality in found if modality][:1]}


def _write_performers(values: Values) -> JSONDataset:
    names = values.get("ScheduledPerformingPhysicianName", [])
    if not names:
        return {}
    items = [_performer(number, name) for number, name in enumerate(names, start=1)]
    return {tag("ScheduledHumanPerformersSequence"): element("SQ", items)}


def _performer(number: int, name: dict[str, str]) -> JSONDataset:
    # The code is Type 1 (PS3.3 Table 10-17, Human Performer Code Sequence), and a name is all that is known.
    meaning = next(iter(name.values()))[:_CODE_MEANING_LENGTH]
    return {
        tag("HumanPerformerCodeSequence"): element("SQ", [code(str(number), _PERFORMER_SCHEME, meaning)]),
        tag("HumanPerformerOrganization"): element("LO", []),
        tag("HumanPerformerName"): element("PN", [name]),
    }


def _read_performers(root: Dataset) -> dict[str, list[Any]]:
    performers = root.items("ScheduledHumanPerformersSequence")
    return {
        "ScheduledPerformingPhysicianName": [name for item in performers for name in item.values("HumanPerformerName")][
            :1
        ]
    }


_WRITERS: tuple[Callable[[Values], JSONDataset], ...] = (
    _write_start,
    _write_label,
    _write_stations,
    _write_modality,
    _write_performers,
)
_READERS: tuple[Callable[[Dataset], dict[str, list[Any]]], ...] = (
    _read_start,
    _read_label,
    _read_stations,
    _read_modality,
    _read_performers,
)
