"""What a Modality Performed Procedure Step must have: to be created, to be changed, to end (PS3.4 Table F.7.2-1).

Type 1 attributes are insisted on, for a workitem moves by them. Type 2 ones that a modality leaves out are not missed.
"""

from enum import IntEnum, StrEnum
from typing import Any

from pacs.attributes import Dataset, JSONDataset, parse_date, parse_time, tag
from pacs.uids import is_uid


class PerformedStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252), PS3.3 §C.4.14."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more."""
        return self is not PerformedStatus.IN_PROGRESS


class MppsStatus(IntEnum):
    """Why a request is refused: DIMSE statuses (PS3.7 Annex C)."""

    INVALID_ATTRIBUTE_VALUE = 0x0106
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_SOP_INSTANCE = 0x0111
    NO_SUCH_SOP_INSTANCE = 0x0112
    INVALID_SOP_INSTANCE = 0x0117
    NO_SUCH_SOP_CLASS = 0x0118
    MISSING_ATTRIBUTE = 0x0120
    MISSING_ATTRIBUTE_VALUE = 0x0121


NO_LONGER_UPDATABLE = 0xA710
"""Error ID of `PROCESSING_FAILURE` for a step that has ended (PS3.4 Table F.7.2-2)."""


class MppsRefused(Exception):
    """A request that is refused; the message fits an Error Comment, and `tags` are the attributes that are wrong."""

    def __init__(
        self, status: MppsStatus, message: str, *, tags: tuple[str, ...] = (), error_id: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.tags = tags
        self.error_id = error_id


_STATUS = "PerformedProcedureStepStatus"
_SCHEDULED_STEPS = "ScheduledStepAttributesSequence"
_SERIES = "PerformedSeriesSequence"
_AT_FIRST = (
    _STATUS,
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
    _SCHEDULED_STEPS,
)
_AT_LAST = ("PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime", _SERIES)
_DATES = ("PerformedProcedureStepStartDate", "PerformedProcedureStepEndDate")
_TIMES = ("PerformedProcedureStepStartTime", "PerformedProcedureStepEndTime")
_FIXED = (
    _SCHEDULED_STEPS,
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "PatientBirthDate",
    "PatientSex",
    "ReferencedPatientSequence",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
    "StudyID",
)
"""What N-SET is "not allowed" to change."""


def created(payload: JSONDataset) -> JSONDataset:
    """The step that an N-CREATE makes. `MppsRefused`."""
    for keyword in _AT_FIRST:
        _check_type_1(payload, keyword)
    if status_of(payload) is not PerformedStatus.IN_PROGRESS:
        raise _invalid(_STATUS, "must be IN PROGRESS at first")
    for item in Dataset(payload).items(_SCHEDULED_STEPS):
        _check_type_1(item.json, "StudyInstanceUID")
    _check_values(payload)
    return payload


def updated(before: JSONDataset, changes: JSONDataset) -> JSONDataset:
    """The step with the changes of an N-SET; a sequence replaces a sequence. `MppsRefused`.

    What may not change may be repeated, as many modalities do, with the value that it has or with none.
    """
    for keyword in _FIXED:
        if _bare(changes.get(tag(keyword))) not in (None, _bare(before.get(tag(keyword)))):
            raise _invalid(keyword, "may not be changed")
    fixed = set(map(tag, _FIXED))
    after = before | {key: element for key, element in changes.items() if key not in fixed}
    if status_of(after).is_final:
        for keyword in _AT_LAST:
            _check_type_1(after, keyword)
    _check_values(after)
    return after


def status_of(step: JSONDataset) -> PerformedStatus:
    """The state of a step. `MppsRefused` when it is in none that exists."""
    text = Dataset(step).text(_STATUS)
    if text not in set(PerformedStatus):
        raise _invalid(_STATUS, "must be IN PROGRESS, COMPLETED or DISCONTINUED")
    return PerformedStatus(text)


def _check_values(step: JSONDataset) -> None:
    given = Dataset(step)
    wrong = [keyword for keyword in _DATES if (text := given.text(keyword)) and not parse_date(text)]
    wrong += [keyword for keyword in _TIMES if (text := given.text(keyword)) and not parse_time(text)]
    for keyword in wrong:
        raise _invalid(keyword, "is no date or time")
    for sequence, keyword in ((_SCHEDULED_STEPS, "StudyInstanceUID"), (_SERIES, "SeriesInstanceUID")):
        for item in given.items(sequence):
            _check_type_1(item.json, keyword)
            if not is_uid(item.text(keyword) or "", lenient=True):
                raise _invalid(keyword, "is no UID")


def _check_type_1(dataset: JSONDataset, keyword: str) -> None:
    if tag(keyword) not in dataset:
        raise MppsRefused(MppsStatus.MISSING_ATTRIBUTE, f"{keyword} is missing", tags=(tag(keyword),))
    if _bare(dataset[tag(keyword)]) is None:
        raise MppsRefused(MppsStatus.MISSING_ATTRIBUTE_VALUE, f"{keyword} must have a value", tags=(tag(keyword),))


def _invalid(keyword: str, reason: str) -> MppsRefused:
    return MppsRefused(MppsStatus.INVALID_ATTRIBUTE_VALUE, f"{keyword} {reason}", tags=(tag(keyword),))


def _bare(element: Any) -> Any:
    """The values of an attribute without what is empty in them; None for none."""
    values = element.get("Value", []) if isinstance(element, dict) else []
    bare = [_bare_item(value) if _is_item(value) else value for value in values]
    return [value for value in bare if value not in (None, "", {})] or None


def _is_item(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values())


def _bare_item(item: dict[str, Any]) -> dict[str, Any]:
    return {key: found for key, inner in item.items() if (found := _bare(inner)) is not None}
