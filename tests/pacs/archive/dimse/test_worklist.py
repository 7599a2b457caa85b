import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import ModalityWorklistInformationFind as WORKLIST  # type: ignore[attr-defined]  # made at import

from pacs.archive import worklist_entries
from pacs.archive.dimse.service import Caller
from pacs.archive.dimse.worklist import worklist_service
from pacs.archive.worklist import Worklist
from tests.pacs.archive.dimse.peer import associated, dataset, find, listening
from tests.pacs.archive.ups_server import ups


@pytest.fixture
async def port(worklist: Worklist) -> AsyncIterator[int]:
    async with listening(worklist_service(worklist, Caller(asyncio.get_running_loop()))) as found:
        yield found


async def ask(port: int, **keys: Any) -> tuple[int, list[Dataset]]:
    return await find(port, WORKLIST, dataset(**keys))


async def test_a_modality_gets_what_it_asked_for_and_nothing_else(worklist: Worklist, port: int) -> None:
    await worklist.create("2.25.1", ups(patient_name="Rossi^María=羅西"))

    status, (entry,) = await ask(port, PatientName="rossi*", ScheduledProcedureStepSequence=[{"Modality": "CT"}])

    assert status == 0x0000
    assert [element.keyword for element in entry] == [
        "SpecificCharacterSet",
        "PatientName",
        "ScheduledProcedureStepSequence",
    ]
    assert entry.SpecificCharacterSet == "ISO_IR 192"
    assert entry.PatientName == "Rossi^María=羅西"
    assert [element.keyword for element in entry.ScheduledProcedureStepSequence[0]] == ["Modality"]


async def test_a_key_in_another_character_set_matches(worklist: Worklist, port: int) -> None:
    await worklist.create("2.25.1", ups(patient_name="Müller^Jörg"))

    _, found = await ask(port, SpecificCharacterSet="ISO_IR 100", PatientName="müller^*", AccessionNumber="")

    assert len(found) == 1


async def test_a_workitem_is_there_at_once_and_gone_at_once(worklist: Worklist, port: int) -> None:
    assert await ask(port, PatientID="") == (0x0000, [])

    await worklist.create("2.25.1", ups())
    assert len((await ask(port, PatientID=""))[1]) == 1

    await worklist.request_cancel("2.25.1", "DESK", {})
    assert await ask(port, PatientID="") == (0x0000, [])


async def test_keys_that_nobody_here_knows_do_not_narrow_and_are_told(worklist: Worklist, port: int) -> None:
    await worklist.create("2.25.1", ups())

    def statuses() -> list[int]:
        with associated(port, WORKLIST) as association:
            identifier = dataset(PatientID="", PatientComments="tall")
            return [status.Status for status, _ in association.send_c_find(identifier, WORKLIST)]

    assert await asyncio.to_thread(statuses) == [0xFF01, 0x0000]


@pytest.mark.parametrize(
    "keys",
    [
        {"ScheduledProcedureStepSequence": [{"ScheduledProcedureStepStartDate": "tomorrow"}]},
        {"ScheduledProcedureStepSequence": [{"Modality": "CT"}, {"Modality": "MR"}]},
    ],
)
async def test_an_identifier_that_makes_no_sense_is_refused_with_a_reason(port: int, keys: dict[str, Any]) -> None:
    def run() -> Dataset:
        with associated(port, WORKLIST) as association:
            ((status, _),) = association.send_c_find(dataset(**keys), WORKLIST)
            return status

    status = await asyncio.to_thread(run)

    assert status.Status == 0xA900
    assert "00400" in status.ErrorComment


async def test_a_list_can_be_canceled(worklist: Worklist, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist_entries, "_READ_AT_ONCE", 1)
    for number in range(200):
        await worklist.create(f"2.25.{number}", ups(study_instance_uid=f"1.2.{number}"))

    def run() -> tuple[int, int]:
        with associated(port, WORKLIST) as association:
            answers = association.send_c_find(dataset(PatientID=""), WORKLIST, msg_id=7)
            next(answers)
            association.send_c_cancel(7, query_model=WORKLIST)
            statuses = [status.Status for status, _ in answers]
            return len(statuses), statuses[-1]

    entries, status = await asyncio.to_thread(run)

    assert status == 0xFE00
    assert entries < 200


async def test_a_worklist_that_cannot_be_read_is_a_status(worklist: Worklist, port: int) -> None:
    await worklist.change(lambda connection: (connection.execute("ALTER TABLE workitem RENAME TO gone"), []))

    status, found = await ask(port, PatientID="")

    assert (status, found) == (0xA700, [])
