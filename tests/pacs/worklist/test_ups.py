import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pacs import workitem_mwl
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.errors import BadQuery, Conflict, NotFound, PacsUnavailable
from pacs.queries import DateRange
from pacs.workitem import NewWorkitem, Workitem, WorkitemState
from pacs.workitem_check import checked
from pacs.worklist import paging
from pacs.worklist.dialects import has_worklist
from pacs.worklist.protocol import Position, WorkitemSearch, position
from pacs.worklist.ups import UpsWorklist
from pacs.worklist.ups_dcm4chee import DCM4CHEE
from pacs.worklist.ups_habits import EMBEDDED, STANDARD, UpsHabits
from tests.pacs.archive.ups_server import Client, serving, ups
from tests.pacs.workitem_examples import STUDY, full, minimal

LOCK = "2.25.100"
OPEN = frozenset({WorkitemState.SCHEDULED, WorkitemState.IN_PROGRESS})


@dataclass
class Server:
    """A worklist, and a client of another system's."""

    worklist: UpsWorklist
    web: DicomWeb
    other: Client

    async def create(self, new: NewWorkitem) -> Workitem:
        return await self.worklist.create(checked(new))

    async def listed(self, **wanted: Any) -> list[str]:
        found = await self.worklist.search(WorkitemSearch(**wanted), first=50)
        return [one.patient_id or "" for one in found.workitems]


@pytest.fixture(params=[STANDARD, EMBEDDED], ids=["standard", "embedded"])
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serving(tmp_path / "worklist.sqlite") as url, Client(base_url=url, trust_env=False) as other:
        web = DicomWeb(PacsAddress(url=url, decodes_queries=True))
        yield Server(UpsWorklist(web, request.param), web, other)
        await web.aclose()


@pytest.mark.parametrize("new", [minimal(), full()], ids=["minimal", "full"])
async def test_what_is_created_is_found_again_whole(server: Server, new: NewWorkitem) -> None:
    created = await server.create(new)

    found = await server.worklist.find(STUDY)

    assert found is not None
    assert found.state is created.state is WorkitemState.SCHEDULED
    assert found.workitem_uid == created.workitem_uid
    assert found.dataset.json == created.dataset.json == workitem_mwl.write(checked(new))


async def test_a_study_is_scheduled_once(server: Server) -> None:
    await server.create(minimal())

    with pytest.raises(Conflict):
        await server.create(minimal(patient_id="P2"))

    assert await server.listed() == ["SDJ38WMD1MS01"]


async def test_of_many_racing_creates_one_wins(server: Server) -> None:
    outcomes = await asyncio.gather(
        *(server.create(minimal(patient_id=f"P{number}")) for number in range(30)), return_exceptions=True
    )

    won = [one for one in outcomes if isinstance(one, Workitem)]
    lost = [one for one in outcomes if isinstance(one, Conflict)]
    assert (len(won), len(lost)) == (1, 29)
    assert await server.listed() == [won[0].patient_id]


async def test_a_study_that_another_system_scheduled_is_taken(server: Server) -> None:
    await server.other.create("2.25.77")

    with pytest.raises(Conflict):
        await server.create(minimal())


async def test_a_withdrawn_study_can_be_scheduled_again_and_again(server: Server) -> None:
    uids = set()
    for _ in range(3):
        created = await server.create(minimal())
        uids.add(created.workitem_uid)
        await server.worklist.delete(STUDY)

    assert len(uids) == 3
    assert await server.listed(states=OPEN) == []
    found = await server.worklist.find(STUDY)
    assert found is not None
    assert found.state is WorkitemState.CANCELED


async def test_a_racing_create_after_a_withdrawal_has_one_winner(server: Server) -> None:
    await server.create(minimal())
    await server.worklist.delete(STUDY)

    outcomes = await asyncio.gather(*(server.create(minimal()) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(one, Workitem) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 9


async def test_what_is_withdrawn_is_canceled(server: Server) -> None:
    created = await server.create(minimal())

    await server.worklist.delete(STUDY)

    assert await server.other.state_of(created.workitem_uid or "") == "CANCELED"
    with pytest.raises(NotFound):
        await server.worklist.delete(STUDY)


async def test_nothing_is_withdrawn_that_never_was(server: Server) -> None:
    with pytest.raises(NotFound):
        await server.worklist.delete("1.2.3")
    assert await server.worklist.find("1.2.3") is None


async def test_what_has_begun_is_not_withdrawn(server: Server) -> None:
    created = await server.create(minimal())
    await server.other.move(created.workitem_uid or "", "IN PROGRESS", LOCK)

    with pytest.raises(Conflict, match="in progress"):
        await server.worklist.delete(STUDY)

    assert await server.other.state_of(created.workitem_uid or "") == "IN PROGRESS"


async def test_of_racing_withdrawals_one_counts(server: Server) -> None:
    await server.create(minimal())

    outcomes = await asyncio.gather(*(server.worklist.delete(STUDY) for _ in range(5)), return_exceptions=True)

    assert sum(one is None for one in outcomes) == 1
    assert sum(isinstance(one, NotFound) for one in outcomes) == 4


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["P3", "P2", "P1"]),
        ({"patient_id": "P1"}, ["P1"]),
        ({"patient_id": "p1"}, []),
        ({"patient_id": "P?"}, []),
        ({"patient_id": "P*"}, []),
        ({"patient_id": "P1,P2"}, []),
        ({"modality": "MR"}, ["P2"]),
        ({"scheduled_station_ae_title": "MR 1"}, ["P2"]),
        ({"scheduled_on": DateRange(dt.date(2026, 3, 2), dt.date(2026, 3, 2))}, ["P2"]),
        ({"scheduled_on": DateRange(dt.date(2026, 3, 2), None)}, ["P3", "P2"]),
        ({"scheduled_on": DateRange(None, dt.date(2026, 3, 2))}, ["P2", "P1"]),
        ({"states": frozenset({WorkitemState.IN_PROGRESS})}, ["P3"]),
        ({"states": OPEN}, ["P3", "P2", "P1"]),
        ({"scheduled_on": DateRange(dt.date(1, 1, 1), dt.date(2026, 3, 1))}, ["P1"]),
        ({"states": frozenset()}, []),
    ],
)
async def test_searches(server: Server, wanted: dict[str, Any], found: list[str]) -> None:
    for number in (1, 2, 3):
        station = {"modality": "MR", "scheduled_station_ae_title": "MR 1"} if number == 2 else {}
        day, last = dt.date(2026, 3, number), dt.time(23, 59, 59, 500_000)
        start = {"scheduled_procedure_step_start_date": day, "scheduled_procedure_step_start_time": last}
        created = await server.create(
            minimal(study_instance_uid=f"1.2.{number}", patient_id=f"P{number}", **start, **station)
        )
    await server.other.move(created.workitem_uid or "", "IN PROGRESS", LOCK)

    assert await server.listed(**wanted) == found


async def test_pages_meet_without_gap_or_repeat_while_workitems_come_and_go(server: Server) -> None:
    for number in range(20):
        same_start = dt.date(2026, 3, 1 + number // 8)
        new = minimal(
            study_instance_uid=f"1.2.{number}", patient_id=f"P{number}", scheduled_procedure_step_start_date=same_start
        )
        created = await server.create(new)
        if number % 5 == 0:
            await server.other.move(created.workitem_uid or "", "IN PROGRESS", LOCK)

    seen: list[Workitem] = []
    after: Position | None = None
    more = True
    while more:
        page = await server.worklist.search(WorkitemSearch(states=OPEN), first=3, after=after)
        seen += page.workitems
        after, more = position(page.workitems[-1]), page.more
        if len(seen) == 6:
            later = dt.date(2026, 12, 1)  # one that belongs before everything that was seen
            await server.create(minimal(patient_id="NEW", scheduled_procedure_step_start_date=later))

    assert sorted(one.patient_id or "" for one in seen) == sorted(f"P{number}" for number in range(20))
    assert [one.scheduled_at for one in seen] == sorted((one.scheduled_at for one in seen), reverse=True)


async def test_a_dcm4chee_like_server_is_spoken_to_in_its_way(tmp_path: Path) -> None:
    async with serving(tmp_path / "worklist.sqlite") as url:
        web = DicomWeb(PacsAddress(url=url, decodes_queries=True))
        worklist = UpsWorklist(web, UpsHabits(create_query=DCM4CHEE.create_query, requester="RIS"))
        await worklist.create(checked(minimal()))
        await worklist.delete(STUDY)
        found = await worklist.find(STUDY)
        await web.aclose()

    assert found is not None
    assert found.state is WorkitemState.CANCELED


async def test_a_list_that_must_be_sorted_here_has_an_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_PAGE", 2)
    monkeypatch.setattr(paging, "_MAX_UNSORTED", 4)
    for number in range(6):
        await server.other.create(f"2.25.{number + 1}", ups(study_instance_uid=f"1.2.{number}"))
    unsorted = UpsWorklist(server.web, STANDARD)

    with pytest.raises(BadQuery, match="narrow"):
        await unsorted.search(WorkitemSearch(), first=5)


async def test_a_server_with_a_worklist_is_known(server: Server) -> None:
    elsewhere = DicomWeb(PacsAddress(url=f"{server.web.address.url}/elsewhere"))

    assert await has_worklist(server.web)
    assert not await has_worklist(elsewhere)
    await elsewhere.aclose()


async def test_a_server_that_is_down_is_not_taken_for_one_without_a_worklist() -> None:
    nobody = DicomWeb(PacsAddress(url="http://127.0.0.1:9/dicom-web"))

    with pytest.raises(PacsUnavailable):
        await has_worklist(nobody)
    await nobody.aclose()
