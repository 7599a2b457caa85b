"""The modality worklist: the workitems that are still to be done, as worklist entries (PS3.4 Annex K).

A workitem that is IN PROGRESS stays on the list, for a modality may perform a step in several parts; it leaves the
list once it is COMPLETED or CANCELED.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from pacs import workitem_mwl, workitem_ups
from pacs.archive import worklist_search
from pacs.archive.filters import predicate
from pacs.archive.matching import Key
from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.workitem import WorkitemState

Position = tuple[str, str]
"""Start and UID of a workitem: the order of the list."""

_READ_AT_ONCE = 200
# Scheduled Procedure Step Status (0040,0020), PS3.3 §C.4.10.
_STATUS = {WorkitemState.SCHEDULED: "SCHEDULED", WorkitemState.IN_PROGRESS: "STARTED"}
_STEPS = tag("ScheduledProcedureStepSequence")
_PROCEDURE_CODES = tag("RequestedProcedureCodeSequence")
_PROTOCOL_CODES = tag("ScheduledProtocolCodeSequence")
_OPEN = Key((tag("ProcedureStepState"),), tuple(state.value for state in _STATUS))

# Where SQL finds what a key of the entry asks for. Keys that are not here are compared with the entry only.
_UPS_PATHS = {
    (tag("PatientID"),): (tag("PatientID"),),
    (_STEPS, tag("Modality")): (tag("ScheduledStationClassCodeSequence"), tag("CodeValue")),
    (_STEPS, tag("ScheduledProcedureStepStartDate")): (tag("ScheduledProcedureStepStartDateTime"),),
}


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries that match, and where to go on; None at the end of the list."""

    entries: list[JSONDataset]
    next: Position | None


def page(connection: sqlite3.Connection, keys: Sequence[Key], after: Position | None) -> EntryPage:
    """The entries behind `after` that match, of as many workitems as are read at once, the earliest first.

    `BadQuery` when a key's value is not what its VR allows.
    """
    fits = predicate(keys)
    rows = worklist_search.rows(connection, [_OPEN, *_narrowing(keys)], after, _READ_AT_ONCE)
    entries = [entry(orjson.loads(dataset)) for _, _, dataset in rows]
    last = (rows[-1][0], rows[-1][1]) if len(rows) == _READ_AT_ONCE else None
    return EntryPage([one for one in entries if fits.accepts(one)], last)


def entry(ups: JSONDataset) -> JSONDataset:
    """The entry of a Unified Procedure Step."""
    root = Dataset(ups)
    made = workitem_mwl.complete(workitem_ups.read(ups))
    step = made[_STEPS]["Value"][0]
    state = root.text("ProcedureStepState") or ""
    status = [_STATUS[WorkitemState(state)]] if state in _STATUS else []
    request = next(root.items("ReferencedRequestSequence"), Dataset({}))
    step[tag("ScheduledProcedureStepStatus")] = element("CS", status)
    step[_PROTOCOL_CODES] = element("SQ", root.values("ScheduledWorkitemCodeSequence"))
    made[_PROCEDURE_CODES] = element("SQ", request.values("RequestedProcedureCodeSequence"))
    return made


def is_supported(path: tuple[str, ...]) -> bool:
    """Whether entries have the attribute at all: with a value, or empty."""
    tags = _TEMPLATE if path[0] != _STEPS else _TEMPLATE[_STEPS]["Value"][0]
    return path == (_STEPS,) or path[path[0] == _STEPS] in tags


def _narrowing(keys: Iterable[Key]) -> list[Key]:
    return [Key(_UPS_PATHS[key.path], _modern(key)) for key in keys if key.path in _UPS_PATHS]


def _modern(key: Key) -> tuple[str, ...]:
    """The key's values; a date of the old form (2026.01.31) would be none within a DT."""
    return tuple(value.replace(".", "") for value in key.values) if key.vr == "DA" else key.values


_TEMPLATE = entry({})
