"""What modalities perform (MPPS, PS3.4 Annex F), and the workitems that move with it.

A step claims the open workitems of the study and the scheduled step that it names; they become IN PROGRESS, under a
Transaction UID of the archive. When the last of the steps that perform a workitem has ended, the workitem becomes
COMPLETED, or CANCELED if all of them were discontinued. A step that names no open workitem is kept all the same.
"""

import sqlite3
from collections.abc import Iterator

import structlog

from pacs.archive import mpps_checks, mpps_store, mpps_ups, worklist_entries, worklist_search, worklist_steps
from pacs.archive.matching import Key
from pacs.archive.mpps_checks import MppsRefused, MppsStatus, PerformedStatus
from pacs.archive.worklist import Worklist
from pacs.archive.worklist_news import News
from pacs.archive.worklist_steps import UpsRefused
from pacs.archive.worklist_store import Stored
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.uids import is_uid, new_uid
from pacs.workitem import WorkitemState

log = structlog.get_logger(__name__)

_STUDY_PATHS = ((tag("StudyInstanceUID"),), (tag("ReferencedRequestSequence"), tag("StudyInstanceUID")))
_AT_THE_END = {
    PerformedStatus.COMPLETED: WorkitemState.COMPLETED,
    PerformedStatus.DISCONTINUED: WorkitemState.CANCELED,
}


class PerformedSteps:
    """The performed steps of a worklist, in its file."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist

    async def create(self, uid: str, payload: JSONDataset) -> None:
        """Keeps a new step and claims what it performs. Raises `MppsRefused`."""
        if not is_uid(uid, lenient=True):
            raise MppsRefused(MppsStatus.INVALID_SOP_INSTANCE, "the SOP Instance UID is malformed")
        step = mpps_checks.created(payload)

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            if not mpps_store.insert(connection, uid, step):
                raise MppsRefused(MppsStatus.DUPLICATE_SOP_INSTANCE, "a step with this UID exists already")
            claimed = list(_claimable(connection, Dataset(step)))
            if not claimed:
                log.info("mpps_unscheduled", mpps_uid=uid)
            return None, [news for workitem in claimed for news in self._claim(connection, uid, workitem)]

        await self._worklist.change(work)

    async def update(self, uid: str, changes: JSONDataset) -> None:
        """Changes a step, and its workitems with it. Raises `MppsRefused`."""

        def work(connection: sqlite3.Connection) -> tuple[None, list[News]]:
            before = _fetch(connection, uid)
            if mpps_checks.status_of(before).is_final:
                raise MppsRefused(
                    MppsStatus.PROCESSING_FAILURE,
                    "Performed Procedure Step Object may no longer be updated",
                    error_id=mpps_checks.NO_LONGER_UPDATABLE,
                )
            after = mpps_checks.updated(before, changes)
            mpps_store.save(connection, uid, after)
            news = []
            for workitem, transaction_uid in mpps_store.workitems(connection, uid):
                news += self._follow(connection, workitem, transaction_uid, after)
            return None, news

        await self._worklist.change(work)

    async def retrieve(self, uid: str) -> JSONDataset:
        """The step as it stands. Raises `MppsRefused`."""
        return await self._worklist.read(lambda connection: _fetch(connection, uid))

    def _claim(self, connection: sqlite3.Connection, uid: str, workitem: Stored) -> list[News]:
        """Takes a workitem; one that somebody else performs is left to them."""
        held = mpps_store.held_by(connection, workitem.uid)
        if workitem.state is WorkitemState.IN_PROGRESS and held is None:
            log.warning("mpps_of_claimed_workitem", mpps_uid=uid, workitem_uid=workitem.uid)
            return []
        transaction_uid = held or new_uid()
        news: list[News] = []
        now = self._worklist.now()
        if workitem.state is WorkitemState.SCHEDULED:
            state = WorkitemState.IN_PROGRESS
            _, news = worklist_steps.change_state(connection, workitem.uid, state, transaction_uid, now)
        mpps_store.link(connection, uid, workitem.uid, transaction_uid)
        changes = mpps_ups.performed(mpps_store.steps(connection, workitem.uid), workitem.dataset)
        return news + worklist_steps.update(connection, workitem.uid, changes, transaction_uid, now)

    def _follow(
        self, connection: sqlite3.Connection, workitem: str, transaction_uid: str, step: JSONDataset
    ) -> list[News]:
        """Writes into the workitem what was performed, and ends it with the last of its steps."""
        now = self._worklist.now()
        steps = mpps_store.steps(connection, workitem)
        dataset = worklist_steps.fetch(connection, workitem).dataset
        changes = mpps_ups.performed(steps, dataset) | mpps_ups.discontinued(step, dataset)
        try:
            news = worklist_steps.update(connection, workitem, changes, transaction_uid, now)
            ended = mpps_store.all_ended(steps)
            if ended is not None:
                state = _AT_THE_END[ended]
                news += worklist_steps.change_state(connection, workitem, state, transaction_uid, now)[1]
        except UpsRefused as refused:  # it was ended by other means: the step is kept all the same
            log.warning("mpps_of_ended_workitem", workitem_uid=workitem, reason=str(refused))
            return []
        return news


def _fetch(connection: sqlite3.Connection, uid: str) -> JSONDataset:
    found = mpps_store.fetch(connection, uid)
    if found is None:
        raise MppsRefused(MppsStatus.NO_SUCH_SOP_INSTANCE, "there is no such performed procedure step")
    return found


def _claimable(connection: sqlite3.Connection, step: Dataset) -> Iterator[Stored]:
    """The open workitems that a step performs: those of its study, its patient and its scheduled step, if it tells."""
    found: set[str] = set()
    for scheduled in step.items("ScheduledStepAttributesSequence"):
        study, step_id = scheduled.text("StudyInstanceUID") or "", scheduled.text("ScheduledProcedureStepID")
        uids = {uid for path in _STUDY_PATHS for uid in worklist_search.uids(connection, [Key(path, (study,))])}
        for uid in sorted(uids - found):
            workitem = worklist_steps.fetch(connection, uid)
            if not workitem.state.is_final and _is_meant(workitem.dataset, step_id, step.text("PatientID")):
                found.add(uid)
                yield workitem


def _is_meant(ups: JSONDataset, step_id: str | None, patient_id: str | None) -> bool:
    entry = Dataset(worklist_entries.entry(ups))
    scheduled = next(entry.items("ScheduledProcedureStepSequence")).text("ScheduledProcedureStepID")
    if step_id not in (None, scheduled):
        return False
    if patient_id not in (None, entry.text("PatientID")):
        log.warning("mpps_of_another_patient", workitem_uid=Dataset(ups).text("SOPInstanceUID"))
        return False
    return True
