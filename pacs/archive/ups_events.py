"""Event reports of workitems (PS3.4 §CC.2.4, PS3.18 §11.13), and the WebSockets that they go to."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from pacs.archive.ups_datasets import UPS_PUSH
from pacs.attributes import Dataset, JSONDataset, element, tag

_MAX_WAITING = 1_000
_AFFECTED_SOP_CLASS_UID = "00000002"
_MESSAGE_ID = "00000110"
_AFFECTED_SOP_INSTANCE_UID = "00001000"
_EVENT_TYPE_ID = "00001002"
_LAST_MESSAGE_ID = 65_535

_STATE = ("ProcedureStepState", "InputReadinessState")
_PROGRESS = "ProcedureStepProgressInformationSequence"
_ASSIGNMENT = ("ScheduledStationNameCodeSequence", "ScheduledHumanPerformersSequence")
_REASONS = ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence")
_CANCEL_REQUEST = (*_REASONS, "ContactURI", "ContactDisplayName")


class EventType(IntEnum):
    """Event Type ID, PS3.4 Table CC.2.4-1."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


Report = JSONDataset
"""One event as a DICOM JSON dataset; the Message ID is added when it is sent."""


def state_report(uid: str, dataset: JSONDataset) -> Report:
    """The state that a workitem is in now."""
    progress = next(Dataset(dataset).items(_PROGRESS), Dataset({})).json
    reasons = {tag(keyword): progress[tag(keyword)] for keyword in _REASONS if tag(keyword) in progress}
    return _report(uid, EventType.STATE_REPORT, _pick(dataset, _STATE) | reasons)


def assigned(uid: str, dataset: JSONDataset) -> Report:
    """Which stations and people are to do the step."""
    performers = [item.json for item in Dataset(dataset).items("ScheduledHumanPerformersSequence")]
    # Table CC.2.4-1 has the performer's code and organization at the root of the event, of one performer.
    first = _pick(performers[0], ("HumanPerformerCodeSequence", "HumanPerformerOrganization")) if performers else {}
    return _report(uid, EventType.ASSIGNED, _pick(dataset, _ASSIGNMENT) | first)


def cancel_requested(uid: str, requester: str, request: JSONDataset) -> Report:
    """Somebody asks the performer to cancel."""
    asked = _pick(request, _CANCEL_REQUEST)
    return _report(uid, EventType.CANCEL_REQUESTED, {tag("RequestingAE"): element("AE", [requester])} | asked)


def created(uid: str, dataset: JSONDataset) -> Iterator[Report]:
    """What global subscribers hear of a new workitem."""
    yield state_report(uid, dataset)
    if any(Dataset(dataset).values(keyword) for keyword in _ASSIGNMENT):
        yield assigned(uid, dataset)


def updated(uid: str, before: JSONDataset, after: JSONDataset) -> Iterator[Report]:
    """What subscribers hear of an update."""
    if _differs(before, after, ("InputReadinessState",)):
        yield state_report(uid, after)
    if _differs(before, after, _ASSIGNMENT):
        yield assigned(uid, after)
    if _differs(before, after, (_PROGRESS,)):
        yield _report(uid, EventType.PROGRESS_REPORT, _pick(after, (_PROGRESS,)))


class Subscribers:
    """The WebSockets that are open now. Nothing is kept for one that is not (PS3.4 §CC.2.4.3)."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[Report | None]]] = defaultdict(set)
        self._last_message_id = 0

    @contextmanager
    def listen(self, ae_title: str) -> Iterator[asyncio.Queue[Report | None]]:
        """The reports to this AE title from now on. None is the end: the listener was too slow, or the server stops."""
        queue: asyncio.Queue[Report | None] = asyncio.Queue()
        self._queues[ae_title].add(queue)
        try:
            yield queue
        finally:
            self._queues[ae_title].discard(queue)
            if not self._queues[ae_title]:
                self._queues.pop(ae_title)

    def send(self, ae_titles: Iterable[str], report: Report) -> None:
        """Hands a report to all who listen; one with too many waiting is cut off instead."""
        for ae_title in ae_titles:
            for queue in tuple(self._queues.get(ae_title, ())):
                if queue.qsize() < _MAX_WAITING:
                    queue.put_nowait(self._numbered(report))
                else:
                    queue.put_nowait(None)
                    self._queues[ae_title].discard(queue)

    def close(self) -> None:
        """Ends all listeners."""
        for queues in self._queues.values():
            for queue in queues:
                queue.put_nowait(None)

    def _numbered(self, report: Report) -> Report:
        self._last_message_id = self._last_message_id % _LAST_MESSAGE_ID + 1
        return dict(sorted((report | {_MESSAGE_ID: element("US", [self._last_message_id])}).items()))


def _report(uid: str, kind: EventType, attributes: JSONDataset) -> Report:
    # §11.13's example has the UPS Event SOP class and numeric strings; PS3.4 §CC.2.4.3 asks for UPS Push.
    return {
        _AFFECTED_SOP_CLASS_UID: element("UI", [UPS_PUSH]),
        _AFFECTED_SOP_INSTANCE_UID: element("UI", [uid]),
        _EVENT_TYPE_ID: element("US", [kind.value]),
        **attributes,
    }


def _pick(dataset: JSONDataset, keywords: Iterable[str]) -> dict[str, Any]:
    return {tag(keyword): dataset[tag(keyword)] for keyword in keywords if tag(keyword) in dataset}


def _differs(before: JSONDataset, after: JSONDataset, keywords: Iterable[str]) -> bool:
    return _pick(before, keywords) != _pick(after, keywords)
