"""The query of a search over UPS-RS (PS3.18 §11.9)."""

import datetime as dt
from collections.abc import Iterator

from pacs.queries import DateRange, Match, Wanted
from pacs.workitem import WorkitemState
from pacs.worklist.protocol import Position, WorkitemSearch

_LATEST = "99991231235959"


def parameters(search: WorkitemSearch, state: WorkitemState | None, after: Position | None) -> Iterator[str]:
    """`ProcedureStepState=…` and so on, of one state or of all; of those behind `after` and perhaps some before."""
    wanted: dict[str, Wanted | None] = {
        "PatientID": search.patient_id,
        "ScheduledStationClassCodeSequence.CodeValue": search.modality,
        "ScheduledStationNameCodeSequence.CodeValue": search.scheduled_station_ae_title,
        "ProcedureStepState": state.value if state else None,
    }
    yield from Match({key: value for key, value in wanted.items() if value is not None}, decodes=True).parameters()
    if span := _span(search.scheduled_on, after):
        yield f"ScheduledProcedureStepStartDateTime={span}"


def _span(days: DateRange | None, after: Position | None) -> str:
    """The range of starts, to the second: not every server lets a day stand for its end."""
    low = f"{_day(days.start)}000000" if days and days.start else ""
    high = f"{_day(days.end)}235959" if days and days.end else ""
    if after and after[0]:
        high = min(high or _LATEST, after[0][: len(_LATEST)])
    # A fraction of the last second counts, too.
    return f"{low}-{high + '.999999' if high else ''}" if low or high else ""


def _day(date: dt.date) -> str:
    return date.isoformat().replace("-", "")  # strftime does not pad years before 1000
