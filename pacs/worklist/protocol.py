"""What a worklist can do, whatever PACS holds it: one protocol for all dialects."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pacs.queries import DateRange
from pacs.workitem import Workitem, WorkitemState
from pacs.workitem_fields import Values

Position = tuple[str, str]
"""Where a workitem stands in its list: when it is scheduled, and its name in the PACS. The largest comes first."""

Claim = Callable[[str], AbstractAsyncContextManager[None]]
"""Holds a study's UID while its workitem is made; raises `Conflict` when somebody else holds it."""


@dataclass(frozen=True, slots=True)
class WorkitemSearch:
    """Which workitems; None is any."""

    patient_id: str | None = None
    modality: str | None = None
    scheduled_station_ae_title: str | None = None
    scheduled_on: DateRange | None = None
    states: frozenset[WorkitemState] = frozenset(WorkitemState)

    def accepts(self, workitem: Workitem) -> bool:
        """Whether a workitem is one of them, to the letter: what a PACS answers is not trusted to be."""
        step = workitem.step
        return (
            workitem.state in self.states
            and self.patient_id in (None, workitem.dataset.whole_text("PatientID"))
            and self.modality in (None, step.text("Modality"))
            and (self.scheduled_station_ae_title in (None, *step.texts("ScheduledStationAETitle")))
            and (self.scheduled_on is None or step.date("ScheduledProcedureStepStartDate") in self.scheduled_on)
        )


@dataclass(frozen=True, slots=True)
class WorkitemPage:
    """Workitems, the latest scheduled first, and whether there are more behind them."""

    workitems: list[Workitem]
    more: bool


class WorklistDialect(Protocol):
    """A worklist. Methods raise the errors of `pacs.errors`."""

    async def create(self, values: Values) -> Workitem:
        """Makes a workitem of values from `workitem_check.checked`; `Conflict` when its study is scheduled already."""
        ...

    async def search(self, search: WorkitemSearch, *, first: int, after: Position | None = None) -> WorkitemPage:
        """The `first` workitems behind `after`. `BadQuery` when the PACS cannot be asked."""
        ...

    async def find(self, study_instance_uid: str) -> Workitem | None:
        """The workitem of a study: the one that is not final, else the latest scheduled."""
        ...

    async def delete(self, study_instance_uid: str) -> None:
        """Withdraws what is scheduled for a study. `NotFound` when nothing is, `Conflict` when it has begun."""
        ...


def position(workitem: Workitem) -> Position:
    """Where a workitem stands."""
    return workitem.scheduled_at, workitem.workitem_uid or workitem.resource or workitem.study_instance_uid or ""


def of_study(workitems: list[Workitem]) -> Workitem | None:
    """Of all workitems of a study, the one that counts."""
    return max(workitems, key=lambda one: (not one.state.is_final, position(one)), default=None)
