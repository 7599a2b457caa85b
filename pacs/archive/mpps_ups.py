"""What the performed steps of a modality (MPPS) say in the workitem that they perform (UPS).

PS3.4 Table CC.2.5-3 has no mapping from MPPS; each attribute goes where the UPS module of PS3.3 §C.30.3 has the same.
"""

from collections.abc import Sequence
from typing import Any

from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.codes import MODALITY_SCHEME, STATION_NAME_SCHEME, STATION_SCHEME, code

_PERFORMED = tag("UnifiedProcedureStepPerformedProcedureSequence")
_PROGRESS = "ProcedureStepProgressInformationSequence"
# A workitem code is needed to complete a UPS, and a modality need not tell one.
_ACQUISITION = code("ACQUISITION", "99DCMWORKITEM", "Image acquisition")
_REFERENCES = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
_SAME = {"PerformedProcedureStepDescription": "LO", "CommentsOnThePerformedProcedureStep": "ST"}


def performed(steps: Sequence[JSONDataset], workitem: JSONDataset) -> JSONDataset:
    """The change of the workitem that tells what its steps, in order, have done so far."""
    return {_PERFORMED: element("SQ", [_item(Dataset(step), Dataset(workitem)) for step in steps])}


def discontinued(step: JSONDataset, workitem: JSONDataset) -> JSONDataset:
    """The change of the workitem that tells why its step ended early; empty when the modality did not say why."""
    reasons = Dataset(step).values("PerformedProcedureStepDiscontinuationReasonCodeSequence")
    if not reasons:
        return {}
    progress = next((item.json for item in Dataset(workitem).items(_PROGRESS)), {})
    told = progress | {tag("ProcedureStepDiscontinuationReasonCodeSequence"): element("SQ", reasons)}
    return {tag(_PROGRESS): element("SQ", [dict(sorted(told.items()))])}


def _item(step: Dataset, workitem: Dataset) -> JSONDataset:
    """An item of UPS Performed Procedure Sequence (0074,1216)."""
    codes = step.values("ProcedureCodeSequence") or workitem.values("ScheduledWorkitemCodeSequence") or [_ACQUISITION]
    titles, names, modalities = (
        step.texts(keyword) for keyword in ("PerformedStationAETitle", "PerformedStationName", "Modality")
    )
    stations = _codes(titles, STATION_SCHEME) + _codes(names, STATION_NAME_SCHEME)
    made = {
        "PerformedStationNameCodeSequence": element("SQ", stations),
        "PerformedStationClassCodeSequence": element("SQ", _codes(modalities, MODALITY_SCHEME)),
        "PerformedStationGeographicLocationCodeSequence": element("SQ", []),
        "PerformedWorkitemCodeSequence": element("SQ", codes[:1]),
        "PerformedProcedureStepStartDateTime": _moment(step, "Start"),
        "PerformedProcedureStepEndDateTime": _moment(step, "End"),
        "OutputInformationSequence": element("SQ", _outputs(step)),
        **{keyword: element(vr, step.values(keyword)) for keyword, vr in _SAME.items()},
    }
    return {tag(keyword): value for keyword, value in sorted(made.items(), key=lambda one: tag(one[0]))}


def _codes(values: Sequence[str], scheme: str) -> list[JSONDataset]:
    return [code(value, scheme, value) for value in values]


def _moment(step: Dataset, which: str) -> dict[str, Any]:
    date = step.date(f"PerformedProcedureStep{which}Date")
    time = step.time(f"PerformedProcedureStep{which}Time")
    text = f"{date.isoformat().replace('-', '')}{time:%H%M%S}" if date and time else ""
    return element("DT", [text] if text else [])


def _outputs(step: Dataset) -> list[JSONDataset]:
    """An item of Output Information Sequence (0040,4033) for each series."""
    scheduled = next(step.items("ScheduledStepAttributesSequence"), Dataset({}))
    return [_output(series, scheduled.text("StudyInstanceUID")) for series in step.items("PerformedSeriesSequence")]


def _output(series: Dataset, study: str | None) -> JSONDataset:
    """PS3.3 Table 10-3b, Referenced Instances and Access Macro."""
    references = [item for keyword in _REFERENCES for item in series.values(keyword)]
    titles = series.texts("RetrieveAETitle")
    made = {
        "TypeOfInstances": element("CS", ["DICOM"]),
        "StudyInstanceUID": element("UI", [study] if study else []),
        "SeriesInstanceUID": element("UI", series.values("SeriesInstanceUID")),
        "ReferencedSOPSequence": element("SQ", references),
    }
    if titles:
        retrieval = {tag("RetrieveAETitle"): element("AE", titles)}
        made["DICOMRetrievalSequence"] = element("SQ", [retrieval])
    return {tag(keyword): value for keyword, value in sorted(made.items(), key=lambda one: tag(one[0]))}
