"""A worklist over dcm4chee-arc's MWL-RS. Not run against a real dcm4chee.

Its root is `…/dcm4chee-arc/aets/{AET}/rs`. Sources: its MwlRS.java and issues 168 (`POST /mwlitems` creates or
updates), 169 (`GET /mwlitems`), 245 (`DELETE /mwlitems/{study}/{spsID}`), 2456 (`orderby`, dotted keywords).
"""

from collections.abc import Iterator
from urllib.parse import quote

import orjson

from pacs import workitem_mwl
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.client.answer import Answer
from pacs.dicomweb import DICOM_JSON, DicomWeb
from pacs.queries import Match, Wanted, query
from pacs.workitem import Workitem, WorkitemState
from pacs.workitem_fields import Values
from pacs.worklist.claims import LocalClaims
from pacs.worklist.paging import collect, cut
from pacs.worklist.protocol import Claim, Position, WorkitemPage, WorkitemSearch, of_study
from pacs.worklist.refusals import already_scheduled, has_begun, not_made, nothing_scheduled

_STEP = "ScheduledProcedureStepSequence"
_ORDER = f"orderby=-{_STEP}.ScheduledProcedureStepStartDate,-{_STEP}.ScheduledProcedureStepStartTime"
_HEADERS = {"Content-Type": DICOM_JSON, "Accept": DICOM_JSON}
_PATIENT = ("SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex")

# Scheduled Procedure Step Status (0040,0020), PS3.3 §C.4.10; an entry without one has just been made.
_STATES = {
    "SCHEDULED": WorkitemState.SCHEDULED,
    "ARRIVED": WorkitemState.SCHEDULED,
    "READY": WorkitemState.SCHEDULED,
    "STARTED": WorkitemState.IN_PROGRESS,
    "DEPARTED": WorkitemState.COMPLETED,
    "COMPLETED": WorkitemState.COMPLETED,
    "CANCELED": WorkitemState.CANCELED,
    "DISCONTINUED": WorkitemState.CANCELED,
}


class Dcm4cheeMwlWorklist:
    """See `WorklistDialect`.

    The server overwrites an entry instead of refusing a second one, so an entry that exists is looked for first, and
    a `Claim` keeps two creates of one study apart.
    """

    def __init__(self, web: DicomWeb, claim: Claim | None = None) -> None:
        self._web = web
        self._claim = claim or LocalClaims()

    async def create(self, values: Values) -> Workitem:
        """See `WorklistDialect`. The server makes the step's and the procedure's ID when none is given."""
        study = str(values["StudyInstanceUID"][0])
        async with self._claim(study):
            if any(not one.state.is_final for one in await self._of_study(study)):
                raise already_scheduled()
            entry = workitem_mwl.write(values)
            answer = await self._post("mwlitems", entry)
            if answer.status == 404:  # the server knows no such patient
                patient = {tag(keyword): entry[tag(keyword)] for keyword in _PATIENT}
                await self._post("patients", patient)
                answer = await self._post("mwlitems", entry)
        if answer.status >= 400:
            raise not_made(answer.status)
        return _workitem(_stored(answer) or entry)

    async def search(self, search: WorkitemSearch, *, first: int, after: Position | None = None) -> WorkitemPage:
        """See `WorklistDialect`."""

        async def fetch(offset: int, limit: int) -> list[Workitem]:
            paging = [_ORDER, f"offset={offset}", f"limit={limit}", "includefield=all"]
            return [_workitem(dataset) for dataset in await self._get(query(_parameters(search), paging))]

        return cut(await collect(fetch, search, first=first, after=after, newest_first=True), first)

    async def find(self, study_instance_uid: str) -> Workitem | None:
        """See `WorklistDialect`."""
        return of_study(await self._of_study(study_instance_uid))

    async def delete(self, study_instance_uid: str) -> None:
        """See `WorklistDialect`. All steps of the study go."""
        open_ = [one for one in await self._of_study(study_instance_uid) if not one.state.is_final]
        if any(one.state is WorkitemState.IN_PROGRESS for one in open_):
            raise has_begun()
        steps = [one.step.text("ScheduledProcedureStepID") for one in open_]
        deleted = [await self._delete(study_instance_uid, step) for step in steps if step]
        if not any(deleted):
            raise nothing_scheduled()

    async def _delete(self, study: str, step: str) -> bool:
        path = f"mwlitems/{study}/{quote(step, safe='')}"
        return (await self._web.request("DELETE", path, accept_errors=frozenset({404}))).status != 404

    async def _post(self, path: str, dataset: JSONDataset) -> Answer:
        accepted = frozenset({400, 404, 409})
        return await self._web.request(
            "POST", path, headers=_HEADERS, content=orjson.dumps(dataset), accept_errors=accepted
        )

    async def _get(self, asked: str) -> list[JSONDataset]:
        return await self._web.search("mwlitems", asked)

    async def _of_study(self, study: str) -> list[Workitem]:
        found = [_workitem(dataset) for dataset in await self._get(f"StudyInstanceUID={study}&includefield=all")]
        return [one for one in found if one.study_instance_uid == study]


def _parameters(search: WorkitemSearch) -> Iterator[str]:
    wanted: dict[str, Wanted | None] = {
        "PatientID": search.patient_id,
        f"{_STEP}.Modality": search.modality,
        f"{_STEP}.ScheduledStationAETitle": search.scheduled_station_ae_title,
        f"{_STEP}.ScheduledProcedureStepStartDate": search.scheduled_on,
    }
    return Match({key: value for key, value in wanted.items() if value is not None}, decodes=True).parameters()


def _stored(answer: Answer) -> JSONDataset | None:
    content = answer.json() if answer.content else None
    dataset = content[0] if isinstance(content, list) and content else content
    return dataset if isinstance(dataset, dict) else None


def _workitem(dataset: JSONDataset) -> Workitem:
    step = next(Dataset(dataset).items(_STEP), Dataset({}))
    state = _STATES.get(step.text("ScheduledProcedureStepStatus") or "SCHEDULED", WorkitemState.SCHEDULED)
    entry = Dataset(workitem_mwl.write(workitem_mwl.read(dataset)))
    name = f"{entry.text('StudyInstanceUID')}/{step.text('ScheduledProcedureStepID')}"
    return Workitem(state, entry, resource=name)
