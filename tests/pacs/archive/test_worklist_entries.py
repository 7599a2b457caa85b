import datetime as dt
from functools import partial
from typing import Any

import pytest

from pacs import workitem_mwl, workitem_ups
from pacs.archive import worklist_entries
from pacs.archive.dimse.identifiers import answer, keys_of
from pacs.archive.worklist import Worklist
from pacs.attributes import Dataset, JSONDataset, element, tag
from pacs.errors import BadQuery
from pacs.workitem import WorkitemState
from pacs.workitem_check import checked
from tests.pacs.archive.ups_server import ups
from tests.pacs.workitem_examples import full

STEPS = tag("ScheduledProcedureStepSequence")


def asks(step: dict[str, str] | None = None, **root: str) -> JSONDataset:
    """An identifier; VRs do not matter here."""
    made: JSONDataset = {tag(keyword): _asked(value) for keyword, value in root.items()}
    if step is not None:
        made[STEPS] = {"vr": "SQ", "Value": [{tag(keyword): _asked(value) for keyword, value in step.items()}]}
    return made


def _asked(value: str) -> dict[str, Any]:
    return element("LO", [value] if value else [])


async def found(worklist: Worklist, identifier: JSONDataset) -> list[str | None]:
    """The accession numbers of the entries that match."""
    keys = list(keys_of(identifier))
    page = await worklist.read(lambda connection: worklist_entries.page(connection, keys, None))
    return [Dataset(one).text("AccessionNumber") for one in page.entries]


async def schedule(worklist: Worklist, accession: str, **changes: Any) -> str:
    uid = f"2.25.{accession}"
    await worklist.create(uid, ups(accession_number=accession, study_instance_uid=f"1.2.{accession}", **changes))
    return uid


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        (asks(), ["1", "2", "3"]),
        (asks(PatientName="", PatientID="*"), ["1", "2", "3"]),
        (asks(PatientName="rossi*"), ["2"]),
        (asks(PatientName="ROSSI^MARI?"), ["2"]),
        (asks(PatientID="P1"), ["1"]),
        (asks(PatientID="p1"), []),
        (asks(AccessionNumber="3"), ["3"]),
        (asks({}), ["1", "2", "3"]),
        (asks({"Modality": "MR"}), ["3"]),
        (asks({"ScheduledStationAETitle": "CT1"}), ["1", "2"]),
        (asks({"ScheduledStationAETitle": "CT1", "ScheduledProcedureStepStartDate": "20260102"}), ["2"]),
        (asks({"ScheduledProcedureStepStartDate": "20260101-20260102"}), ["1", "2"]),
        (asks({"ScheduledProcedureStepStartDate": "2026.01.02-2026.01.03"}), ["2", "3"]),
        (asks({"ScheduledProcedureStepStartDate": "20260102-"}), ["2", "3"]),
        (asks({"ScheduledProcedureStepStartDate": "-20260102"}), ["1", "2"]),
        (
            asks(
                {
                    "ScheduledProcedureStepStartDate": "20260101-20260102",
                    "ScheduledProcedureStepStartTime": "0900-1000",
                }
            ),
            ["1", "2"],
        ),
        (
            asks({"ScheduledProcedureStepStartDate": "20260102", "ScheduledProcedureStepStartTime": "1001-1200"}),
            [],
        ),
        (asks({"ScheduledPerformingPhysicianName": "müller*"}), ["3"]),
        (asks({"ScheduledProcedureStepStatus": "SCHEDULED"}), ["1", "2", "3"]),
    ],
)
async def test_keys_and_their_combinations_match(
    worklist: Worklist, identifier: JSONDataset, expected: list[str]
) -> None:
    ten = dt.time(10)
    common = {"scheduled_procedure_step_start_time": ten}
    await schedule(
        worklist,
        "1",
        patient_id="P1",
        scheduled_station_ae_title="CT1",
        scheduled_procedure_step_start_date=dt.date(2026, 1, 1),
        **common,
    )
    await schedule(
        worklist,
        "2",
        patient_id="P2",
        patient_name="Rossi^Maria",
        scheduled_station_ae_title="CT1",
        scheduled_procedure_step_start_date=dt.date(2026, 1, 2),
        **common,
    )
    await schedule(
        worklist,
        "3",
        patient_id="P3",
        modality="MR",
        scheduled_performing_physician_name="Müller^Jörg",
        scheduled_procedure_step_start_date=dt.date(2026, 1, 3),
        **common,
    )

    assert await found(worklist, identifier) == expected


async def test_a_workitem_is_on_the_list_until_it_is_done(worklist: Worklist) -> None:
    uid = await schedule(worklist, "1")
    canceled = await schedule(worklist, "2")

    await worklist.request_cancel(canceled, "DESK", {})
    assert await found(worklist, asks()) == ["1"]

    await worklist.change_state(uid, WorkitemState.IN_PROGRESS, "2.25.9")
    assert await found(worklist, asks({"ScheduledProcedureStepStatus": "STARTED"})) == ["1"]

    await worklist.change_state(uid, WorkitemState.CANCELED, "2.25.9")
    assert await found(worklist, asks()) == []


async def test_a_long_list_comes_in_pages(worklist: Worklist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist_entries, "_READ_AT_ONCE", 2)
    for number in range(5):
        await schedule(worklist, str(number), scheduled_procedure_step_start_date=dt.date(2026, 1, 5 - number))

    after, accessions = None, []
    for _ in range(3):
        page = await worklist.read(partial(worklist_entries.page, keys=[], after=after))
        accessions += [Dataset(one).text("AccessionNumber") for one in page.entries]
        after = page.next

    assert accessions == ["4", "3", "2", "1", "0"]
    assert after is None


def test_an_entry_has_every_value_of_its_workitem() -> None:
    values = checked(full())

    assert workitem_mwl.read(worklist_entries.entry(workitem_ups.write(values))) == values


def test_only_what_is_asked_for_is_answered() -> None:
    entry = worklist_entries.entry(ups())

    answered = answer(entry, asks({"Modality": "", "ScheduledStationAETitle": "CT*"}, PatientID="*", PatientWeight=""))

    assert answered == {
        tag("PatientID"): element("LO", ["SDJ38WMD1MS01"]),
        tag("PatientWeight"): {"vr": "DS"},
        STEPS: element(
            "SQ",
            [{tag("Modality"): element("CS", ["CT"]), tag("ScheduledStationAETitle"): element("AE", ["NGV"])}],
        ),
    }


@pytest.mark.parametrize("empty", [{"vr": "SQ"}, {"vr": "SQ", "Value": [{}]}])
def test_an_empty_sequence_asks_for_the_whole_item(empty: JSONDataset) -> None:
    entry = worklist_entries.entry(ups())

    assert answer(entry, {STEPS: empty}) == {STEPS: entry[STEPS]}


def test_an_absent_sequence_is_not_answered() -> None:
    assert answer(worklist_entries.entry(ups()), asks(AccessionNumber="")).keys() == {tag("AccessionNumber")}


def test_two_items_to_match_are_refused() -> None:
    with pytest.raises(BadQuery, match="one item"):
        list(keys_of({STEPS: {"vr": "SQ", "Value": [{}, {}]}}))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("PatientID",), True),
        (("PatientComments",), False),
        (("ScheduledProcedureStepSequence",), True),
        (("ScheduledProcedureStepSequence", "Modality"), True),
        (("ScheduledProcedureStepSequence", "ScheduledProtocolCodeSequence", "CodeValue"), True),
        (("ScheduledProcedureStepSequence", "PatientID"), False),
        (("ReferencedStudySequence", "ReferencedSOPInstanceUID"), True),
    ],
)
def test_what_entries_never_have_is_known(path: tuple[str, ...], expected: bool) -> None:
    assert worklist_entries.is_supported(tuple(map(tag, path))) is expected
