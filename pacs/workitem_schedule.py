"""The schedule of a workitem as a Unified Procedure Step (UPS) has it: when, what, where, with what and by whom."""

from collections.abc import Callable
from typing import Any

from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.codes import MODALITY_SCHEME, STATION_NAME_SCHEME, STATION_SCHEME, code
from pacs.workitem_fields import Values

_PERFORMER_SCHEME = "99DCMPERFORMER"
_DATE_LENGTH = 8
_AE_TITLE_LENGTH = 16
_CODE_MEANING_LENGTH = 64


def write(values: Values) -> JSONDataset:
    """The attributes that schedule a UPS; see `workitem_ups.write`."""
    return {key: attribute for own in _WRITERS for key, attribute in own(values).items()}


def read(root: Dataset) -> dict[str, list[Any]]:
    """The workitem's values that they have; see `workitem_ups.read`."""
    return {keyword: values for own in _READERS for keyword, values in own(root).items() if values}


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
