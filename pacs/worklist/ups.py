"""A worklist over UPS-RS (PS3.18 ch. 11). Tested against the embedded PACS over HTTP."""

import asyncio
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import orjson
import structlog

from pacs import workitem_mwl, workitem_ups
from pacs.attributes import Dataset, JSONDataset, element
from pacs.client.answer import Answer
from pacs.dicomweb import DICOM_JSON, DicomWeb
from pacs.errors import NotFound, PacsFault
from pacs.queries import query
from pacs.uids import new_uid
from pacs.workitem import Workitem, WorkitemState
from pacs.workitem_fields import Values
from pacs.worklist.paging import collect, cut
from pacs.worklist.protocol import Position, WorkitemPage, WorkitemSearch, of_study
from pacs.worklist.refusals import already_scheduled, has_begun, not_made, nothing_scheduled
from pacs.worklist.ups_habits import STANDARD, UpsHabits
from pacs.worklist.ups_query import parameters

log = structlog.get_logger(__name__)

_NAMESPACE = uuid.UUID("5a2b1fd4-7c80-4f2e-9d35-0c6f9e0a8d11")
_MAX_GENERATIONS = 10_000
_REFUSALS = frozenset({400, 404, 409, 410})
_HEADERS = {"Content-Type": DICOM_JSON, "Accept": DICOM_JSON}


class UpsWorklist:
    """See `WorklistDialect`.

    The UID of a workitem is made of its study's UID by name (UUID version 5, RFC 9562 §5.5, under 2.25: PS3.5 §B.2),
    with a number that grows as earlier workitems of the study become final. So everybody who schedules a study, in
    whatever replica, creates the *same* UPS, and the server's own rule that a UID exists once decides who wins.
    """

    def __init__(self, web: DicomWeb, habits: UpsHabits = STANDARD) -> None:
        self._web = web
        self._habits = habits

    async def create(self, values: Values) -> Workitem:
        """See `WorklistDialect`."""
        study = str(values["StudyInstanceUID"][0])
        known = await self._of_study(study)
        if any(not one.state.is_final for one in known):
            raise already_scheduled()
        taken = {one.workitem_uid for one in known}
        for uid in _workitem_uids(study):
            if uid not in taken and await self._is_created(uid, values):
                return Workitem(WorkitemState.SCHEDULED, Dataset(workitem_mwl.write(values)), workitem_uid=uid)
        raise PacsFault("the PACS has no room for another workitem of this study")

    async def search(self, search: WorkitemSearch, *, first: int, after: Position | None = None) -> WorkitemPage:
        """See `WorklistDialect`. States are asked for one by one: matching a list of them is not in the standard."""
        states: list[WorkitemState | None] = list(search.states)
        if search.states == frozenset(WorkitemState):
            states = [None]
        found = await asyncio.gather(*(self._in_state(search, state, first, after) for state in states))
        return cut([one for part in found for one in part], first)

    async def find(self, study_instance_uid: str) -> Workitem | None:
        """See `WorklistDialect`."""
        return of_study(await self._of_study(study_instance_uid))

    async def delete(self, study_instance_uid: str) -> None:
        """See `WorklistDialect`. A withdrawn workitem stays in the PACS as CANCELED; UPS-RS deletes nothing."""
        open_ = [one for one in await self._of_study(study_instance_uid) if not one.state.is_final]
        if not open_:
            raise nothing_scheduled()
        if any(one.state is WorkitemState.IN_PROGRESS for one in open_):
            raise has_begun()
        for workitem in open_:
            await self._cancel(workitem.workitem_uid or "")

    async def _is_created(self, uid: str, values: Values) -> bool:
        """Whether the workitem was created now; False when a final one has this UID, `Conflict` when another has."""
        answer = await self._send(
            "POST", "workitems", workitem_ups.write(values), query=self._habits.create_query.format(uid=uid)
        )
        if answer.status < 400:
            return True
        if answer.status != 409:
            raise not_made(answer.status)
        other = await self._retrieve(uid)
        if other is not None and not other.state.is_final:
            raise already_scheduled()
        return False

    async def _cancel(self, uid: str) -> None:
        answer = await self._send("POST", f"workitems/{uid}/cancelrequest{self._requester}", {})
        if answer.status in (404, 410) or "already" in answer.headers.get("warning", ""):
            raise NotFound("nothing is scheduled for this study any more")
        now = await self._retrieve(uid)
        if now is not None and now.state is WorkitemState.SCHEDULED:
            # PS3.18 2019–2024 lets a server refuse this request for a SCHEDULED workitem (Table 11.8.3-1); who
            # performs it can always cancel it.
            await self._perform_nothing(uid)
        elif now is not None and now.state is not WorkitemState.CANCELED:
            raise has_begun()

    async def _perform_nothing(self, uid: str) -> None:
        lock = new_uid()
        for state in (WorkitemState.IN_PROGRESS, WorkitemState.CANCELED):
            body = {"00081195": element("UI", [lock]), "00741000": element("CS", [state.value])}
            answer = await self._send("PUT", f"workitems/{uid}/state{self._requester}", body)
            if answer.status >= 400:
                raise has_begun()

    async def _send(self, method: str, path: str, body: JSONDataset, query: str = "") -> Answer:
        content = orjson.dumps([body]) if body else b"[{}]"
        return await self._web.request(
            method, path, query=query, headers=_HEADERS, content=content, accept_errors=_REFUSALS
        )

    async def _retrieve(self, uid: str) -> Workitem | None:
        try:
            datasets = await self._web.search(f"workitems/{uid}")
        except NotFound:
            return None
        return _workitem(datasets[0]) if datasets else None

    async def _of_study(self, study: str) -> list[Workitem]:
        for key in self._habits.study_keys:
            datasets = await self._web.search("workitems", f"{key}={study}&includefield=all")
            found = [one for one in map(_workitem, datasets) if one and one.study_instance_uid == study]
            if found:
                return found
        return []

    async def _in_state(
        self, search: WorkitemSearch, state: WorkitemState | None, first: int, after: Position | None
    ) -> list[Workitem]:
        asked = list(parameters(search, state, after))

        async def fetch(offset: int, limit: int) -> list[Workitem | None]:
            paging = [f"offset={offset}", f"limit={limit}", "includefield=all"]
            return list(map(_workitem, await self._web.search("workitems", query(asked, paging))))

        return await collect(fetch, search, first=first, after=after, newest_first=self._habits.newest_first)

    @property
    def _requester(self) -> str:
        return f"/{quote(self._habits.requester, safe='')}" if self._habits.requester else ""


def _workitem_uids(study: str) -> Iterator[str]:
    for generation in range(_MAX_GENERATIONS):
        yield f"2.25.{uuid.uuid5(_NAMESPACE, f'{study}/{generation}').int}"


def _workitem(dataset: JSONDataset) -> Workitem | None:
    """A workitem of a UPS; None for one in no state that exists."""
    ups = Dataset(dataset)
    state = ups.text("ProcedureStepState")
    if state not in set(WorkitemState):
        log.warning("workitem in no known state", workitem_uid=ups.text("SOPInstanceUID"))
        return None
    entry = Dataset(workitem_mwl.write(workitem_ups.read(dataset)))
    return Workitem(WorkitemState(state), entry, workitem_uid=ups.text("SOPInstanceUID"))
