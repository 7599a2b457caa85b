import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import ModalityPerformedProcedureStepRetrieve as RETRIEVE  # type: ignore[attr-defined]  # made at import
from pynetdicom.sop_class import ModalityWorklistInformationFind as WORKLIST  # type: ignore[attr-defined]  # made at import

from pacs import attributes
from pacs.archive.dimse.mpps import mpps_retrieve_service, mpps_service
from pacs.archive.dimse.service import Caller
from pacs.archive.dimse.worklist import worklist_service
from pacs.archive.performed_steps import PerformedSteps
from pacs.archive.ups_events import EventType
from pacs.archive.worklist import GLOBAL, Worklist
from pacs.workitem import WorkitemState
from tests.pacs.archive.dimse.modality import ended, started
from tests.pacs.archive.dimse.peer import associated, dataset, find, listening
from tests.pacs.archive.ups_server import ups
from tests.pacs.workitem_examples import STUDY

UID = "1.2.826.0.1.77"
WORKITEM = "2.25.1"


@dataclass
class Scanner:
    """A modality, with the worklist that it works for."""

    worklist: Worklist
    port: int

    async def sends(self, use: Callable[[Association], Any], *classes: str) -> Any:
        def run() -> Any:
            with associated(self.port, *(classes or (MPPS,))) as association:
                return use(association)

        return await asyncio.to_thread(run)

    async def creates(self, uid: str | None = UID, **changes: Any) -> Dataset:
        """The response's command set."""
        attributes = dataset(**started(**changes))
        status: Dataset = await self.sends(lambda one: one.send_n_create(attributes, MPPS, uid)[0])
        return status

    async def sets(self, uid: str = UID, **changes: Any) -> Dataset:
        status: Dataset = await self.sends(lambda one: one.send_n_set(dataset(**changes), MPPS, uid)[0])
        return status

    async def workitem(self, uid: str = WORKITEM) -> attributes.Dataset:
        return attributes.Dataset(await self.worklist.retrieve(uid))

    async def state(self, uid: str = WORKITEM) -> str | None:
        return (await self.workitem(uid)).text("ProcedureStepState")


@pytest.fixture
async def scanner(tmp_path: Path) -> AsyncIterator[Scanner]:
    worklist = Worklist(tmp_path / "worklist.sqlite")
    await worklist.open()
    steps, call = PerformedSteps(worklist), Caller(asyncio.get_running_loop())
    services = (mpps_service(steps, call), mpps_retrieve_service(steps, call), worklist_service(worklist, call))
    async with listening(*services) as port:
        yield Scanner(worklist, port)
    await worklist.close()


async def test_a_workitem_is_performed_from_beginning_to_end(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())

    assert (await scanner.creates()).Status == 0x0000
    assert await scanner.state() == "IN PROGRESS"

    assert (await scanner.sets(**ended())).Status == 0x0000
    assert await scanner.state() == "COMPLETED"
    performed = next((await scanner.workitem()).items("UnifiedProcedureStepPerformedProcedureSequence"))
    assert performed.text("PerformedProcedureStepStartDateTime") == "20260131101500"
    assert performed.text("PerformedProcedureStepEndDateTime") == "20260131103000"
    assert [one.text("CodeValue") for one in performed.items("PerformedStationNameCodeSequence")] == ["NGV", "CT EAST"]
    output = next(performed.items("OutputInformationSequence"))
    assert (output.text("StudyInstanceUID"), output.text("SeriesInstanceUID")) == (STUDY, "1.2.3.1")
    (reference,) = output.items("ReferencedSOPSequence")
    assert reference.text("ReferencedSOPInstanceUID") == "1.2.3.1.1"


async def test_what_is_performed_leaves_the_worklist_at_its_end(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())

    listed = []
    for step in (scanner.creates(), scanner.sets(**ended())):
        await step
        listed.append(len((await find(scanner.port, WORKLIST, dataset(PatientID="")))[1]))

    assert listed == [1, 0]


async def test_a_discontinued_step_cancels_its_workitem_and_says_why(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())
    await scanner.creates()

    reason = {
        "CodeValue": "110514",
        "CodingSchemeDesignator": "DCM",
        "CodeMeaning": "Incorrect worklist entry selected",
    }
    reasons = {"PerformedProcedureStepDiscontinuationReasonCodeSequence": [reason]}
    assert (await scanner.sets(**ended("DISCONTINUED", **reasons))).Status == 0x0000

    assert await scanner.state() == "CANCELED"
    progress = next((await scanner.workitem()).items("ProcedureStepProgressInformationSequence"))
    (told,) = progress.items("ProcedureStepDiscontinuationReasonCodeSequence")
    assert told.text("CodeValue") == "110514"


async def test_subscribers_hear_of_it(scanner: Scanner) -> None:
    await scanner.worklist.subscribe(GLOBAL, "DESK", deletion_lock=False)
    await scanner.worklist.create(WORKITEM, ups())

    with scanner.worklist.listeners.listen("DESK") as reports:
        await scanner.creates()
        await scanner.sets(**ended())
        heard = [json.loads(json.dumps(reports.get_nowait())) for _ in range(reports.qsize())]

    states = [one["00741000"]["Value"][0] for one in heard if one["00001002"]["Value"] == [EventType.STATE_REPORT]]
    assert states == ["IN PROGRESS", "COMPLETED"]


@pytest.mark.parametrize(
    ("changes", "status", "keyword"),
    [
        ({"PerformedProcedureStepStatus": "COMPLETED"}, 0x0106, "PerformedProcedureStepStatus"),
        ({"PerformedProcedureStepStatus": "BUSY"}, 0x0106, "PerformedProcedureStepStatus"),
        ({"PerformedProcedureStepStatus": None}, 0x0120, "PerformedProcedureStepStatus"),
        ({"PerformedProcedureStepID": None}, 0x0120, "PerformedProcedureStepID"),
        ({"PerformedProcedureStepID": ""}, 0x0121, "PerformedProcedureStepID"),
        ({"Modality": None}, 0x0120, "Modality"),
        ({"PerformedProcedureStepStartDate": "today"}, 0x0106, "PerformedProcedureStepStartDate"),
        ({"ScheduledStepAttributesSequence": None}, 0x0120, "ScheduledStepAttributesSequence"),
        ({"ScheduledStepAttributesSequence": [{"AccessionNumber": "A"}]}, 0x0120, "StudyInstanceUID"),
        ({"ScheduledStepAttributesSequence": [{"StudyInstanceUID": "x"}]}, 0x0106, "StudyInstanceUID"),
    ],
)
async def test_a_step_that_must_not_begin_so_is_refused(
    scanner: Scanner, changes: dict[str, Any], status: int, keyword: str
) -> None:
    answer = await scanner.creates(**changes)

    assert answer.Status == status
    assert answer.ErrorComment.startswith(keyword)
    assert (await scanner.sets(**ended())).Status == 0x0112


async def test_a_step_is_created_once(scanner: Scanner) -> None:
    await scanner.creates()

    assert (await scanner.creates()).Status == 0x0111


async def test_a_malformed_instance_uid_is_refused(scanner: Scanner) -> None:
    assert (await scanner.creates("1")).Status == 0x0117


async def test_an_object_of_another_class_is_no_step(scanner: Scanner) -> None:
    def use(one: Association) -> list[int]:
        answers = [
            one.send_n_create(dataset(**started()), CTImageStorage, UID, meta_uid=MPPS)[0],
            one.send_n_set(dataset(**ended()), CTImageStorage, UID, meta_uid=MPPS)[0],
        ]
        return [answer.Status for answer in answers]

    assert await scanner.sends(use) == [0x0118, 0x0118]
    assert (await scanner.creates()).Status == 0x0000


async def test_a_step_without_a_uid_is_given_one(scanner: Scanner) -> None:
    answers: list[Any] = []

    def create(association: Association) -> None:
        association.bind(evt.EVT_DIMSE_RECV, lambda event: answers.append(event.message.command_set))
        association.send_n_create(dataset(**started()), MPPS, None)

    await scanner.sends(create)

    assert (await scanner.sets(answers[0].AffectedSOPInstanceUID, **ended())).Status == 0x0000


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
async def test_a_step_that_has_ended_may_no_longer_be_updated(scanner: Scanner, status: str) -> None:
    await scanner.creates()
    await scanner.sets(**ended(status))

    answer = await scanner.sets(PerformedProcedureStepDescription="late")

    assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (ended(PerformedProcedureStepEndTime=""), 0x0121),
        (ended(PerformedSeriesSequence=[]), 0x0121),
        (ended(PerformedSeriesSequence=[{"ProtocolName": "HEAD"}]), 0x0120),
        (ended("FINISHED"), 0x0106),
        ({"PatientID": "ANOTHER"}, 0x0106),
        ({"ScheduledStepAttributesSequence": [{"StudyInstanceUID": "1.2.3"}]}, 0x0106),
    ],
)
async def test_a_change_that_is_not_allowed_changes_nothing(
    scanner: Scanner, changes: dict[str, Any], status: int
) -> None:
    await scanner.worklist.create(WORKITEM, ups())
    await scanner.creates()

    answer = await scanner.sets(**changes)

    assert answer.Status == status
    assert answer.ErrorComment
    assert await scanner.state() == "IN PROGRESS"
    assert (await scanner.sets(**ended())).Status == 0x0000


async def test_what_may_not_change_may_be_repeated(scanner: Scanner) -> None:
    await scanner.creates()

    assert (await scanner.sets(**started(PatientName="") | ended())).Status == 0x0000


async def test_a_step_that_nobody_scheduled_is_kept(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups(study_instance_uid="1.2.3.4"))
    await scanner.creates()
    await scanner.sets(**ended())

    assert await scanner.state() == "SCHEDULED"
    status, step = await scanner.sends(lambda one: one.send_n_get([], RETRIEVE, UID), RETRIEVE)
    assert (status.Status, step.PerformedProcedureStepStatus) == (0x0000, "COMPLETED")
    assert step.PerformedSeriesSequence[0].SeriesInstanceUID == "1.2.3.1"


async def test_only_what_is_asked_for_is_given(scanner: Scanner) -> None:
    await scanner.creates()

    status, step = await scanner.sends(
        lambda one: one.send_n_get([Tag(0x00400253), Tag(0x00104000)], RETRIEVE, UID), RETRIEVE
    )

    assert status.Status == 0x0001
    assert [element.keyword for element in step] == ["SpecificCharacterSet", "PerformedProcedureStepID"]


@pytest.mark.parametrize(
    "other",
    [
        {"PatientID": "ANOTHER"},
        {"ScheduledStepAttributesSequence": [{"StudyInstanceUID": STUDY, "ScheduledProcedureStepID": "ELSE"}]},
    ],
)
async def test_another_patients_or_steps_workitem_is_left_alone(scanner: Scanner, other: dict[str, Any]) -> None:
    await scanner.worklist.create(WORKITEM, ups())

    assert (await scanner.creates(**other)).Status == 0x0000

    assert await scanner.state() == "SCHEDULED"


async def test_a_step_without_a_scheduled_id_performs_its_study(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())

    await scanner.creates(ScheduledStepAttributesSequence=[{"StudyInstanceUID": STUDY}])

    assert await scanner.state() == "IN PROGRESS"


async def test_a_workitem_ends_with_the_last_of_its_steps(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())
    await scanner.creates("1.2.1")
    await scanner.creates("1.2.2")

    await scanner.sets("1.2.2", **ended("COMPLETED"))
    assert await scanner.state() == "IN PROGRESS"

    await scanner.sets("1.2.1", **ended("DISCONTINUED"))
    assert await scanner.state() == "COMPLETED"
    performed = (await scanner.workitem()).values("UnifiedProcedureStepPerformedProcedureSequence")
    assert len(performed) == 2


async def test_a_workitem_that_somebody_else_performs_is_left_to_them(scanner: Scanner) -> None:
    await scanner.worklist.create(WORKITEM, ups())
    await scanner.worklist.change_state(WORKITEM, WorkitemState.IN_PROGRESS, "2.25.9")

    await scanner.creates()
    await scanner.sets(**ended())

    assert await scanner.state() == "IN PROGRESS"


async def test_steps_survive_a_restart(scanner: Scanner, tmp_path: Path) -> None:
    await scanner.worklist.create(WORKITEM, ups())
    await scanner.creates()
    await scanner.worklist.close()
    await scanner.worklist.open()

    assert (await scanner.sets(**ended())).Status == 0x0000
    assert await scanner.state() == "COMPLETED"
