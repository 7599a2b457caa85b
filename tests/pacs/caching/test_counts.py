"""A PACS that does no more than count: what is kept of it serves for as long as the counts, and for seconds only."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from pacs.adapter import Pacs
from pacs.caching.states import SeriesRef
from pacs.errors import PacsTimeout
from tests.pacs.scripted import Exchange, ScriptedPacs, scripted_pacs

PLACE = {"00100020": "P1", "0020000D": "1.1", "0020000E": "1.1.1"}


JPEG = b"\xff\xd8\xff"


@dataclass
class Foreign:
    """A series with some instances; `says_patients` whether its rows of instances name the patient.

    It has a `picture` of each, which it begins with as it comes by a request, and sends when `may_send` is set.
    """

    numbers: list[int] = field(default_factory=lambda: [1, 2])
    says_patients: bool = True
    counts: bool = True
    fails: bool = False
    picture: bytes = JPEG
    may_send: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, exchange: Exchange) -> None:
        """Searches for studies, series and instances, and thumbnails; nothing else."""
        path = exchange.target.removeprefix("/dicom-web/").partition("?")[0]
        if "PatientID=" in exchange.target and "PatientID=P1&" not in exchange.target:
            await exchange.json([])
        elif path == "series" and self.fails:
            await exchange.answer(500)
        elif path == "series":
            await exchange.json([row(PLACE, {"00201209": len(self.numbers)} if self.counts else {})])
        elif path == "instances":
            place = PLACE if self.says_patients else {k: v for k, v in PLACE.items() if k != "00100020"}
            await exchange.json([row(place, {"00080018": f"1.9.{n}", "00200013": n}) for n in self.numbers])
        elif path.endswith("/thumbnail"):
            picture = self.picture
            await self.may_send.wait()
            await exchange.answer(200, picture, "image/jpeg")
        elif path == "studies":
            await exchange.json([row({k: PLACE[k] for k in ("00100020", "0020000D")}, {})])
        else:
            await exchange.answer(404)


def row(*parts: dict[str, Any]) -> dict[str, Any]:
    return {name: {"vr": "UN", "Value": [value]} for part in parts for name, value in part.items()}


async def read(pacs: Pacs, patient_id: str = "P1") -> list[int | None]:
    found = await pacs.instances(patient_id, [SeriesRef("1.1", "1.1.1")], {"InstanceNumber"})
    return [one.integer("InstanceNumber") for one in found.get(("1.1", "1.1.1"), [])]


def searches(server: ScriptedPacs) -> int:
    """How often the PACS was searched for instances."""
    return sum("/dicom-web/instances?" in target for target in server.targets)


@pytest.fixture
def foreign() -> Foreign:
    """A PACS that nobody has heard of."""
    return Foreign()


async def test_equal_counts_vouch_for_seconds(foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted_pacs(foreign.answer) as server:
        pacs = Pacs(server.address(), cache_bytes=1_000_000)
        for _ in range(3):
            assert await read(pacs) == [1, 2]
        assert searches(server) == 1

        later = time.monotonic() + 5
        monkeypatch.setattr(time, "monotonic", lambda: later)
        foreign.numbers = [1, 7]
        assert await read(pacs) == [1, 7]
        await pacs.aclose()


async def test_another_count_is_another_state(foreign: Foreign) -> None:
    async with scripted_pacs(foreign.answer) as server:
        pacs = Pacs(server.address(), cache_bytes=1_000_000)
        assert await read(pacs) == [1, 2]
        foreign.numbers.append(3)
        assert await read(pacs) == [1, 2, 3]
        assert await read(pacs, "P2") == []
        await pacs.aclose()


async def test_who_asks_after_an_event_does_not_get_the_picture_of_before(foreign: Foreign) -> None:
    async with scripted_pacs(foreign.answer) as server:
        pacs = Pacs(server.address(), cache_bytes=1_000_000)
        place = "1.1", "1.1.1", "1.9.1"
        before = asyncio.create_task(pacs.pictures.thumbnail(*place, 8))
        await until_asked(server, "/thumbnail", 1)
        foreign.picture = JPEG + b"another"
        pacs.forget("1.1")
        after = asyncio.create_task(pacs.pictures.thumbnail(*place, 8))
        await until_asked(server, "/thumbnail", 2)
        foreign.may_send.set()
        assert (await before).body == JPEG
        assert (await after).body == foreign.picture
        assert (await pacs.pictures.thumbnail(*place, 8)).body == foreign.picture
        await pacs.aclose()


async def until_asked(server: ScriptedPacs, what: str, times: int) -> None:
    async with asyncio.timeout(5):
        while sum(what in target for target in server.targets) < times:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"counts": False}, id="it does not count"),
        pytest.param({"says_patients": False}, id="whose an instance is, another request tells"),
        pytest.param({"fails": True}, id="it does not tell of series"),
    ],
)
async def test_what_cannot_be_vouched_for_is_read_every_time(how: dict[str, Any]) -> None:
    foreign = Foreign(**how)
    async with scripted_pacs(foreign.answer) as server:
        pacs = Pacs(server.address(), cache_bytes=1_000_000)
        for _ in range(2):
            assert await read(pacs) == [1, 2]
        assert searches(server) == 2
        await pacs.aclose()


async def test_it_is_asked_once_whether_it_is_an_orthanc(foreign: Foreign) -> None:
    async with scripted_pacs(foreign.answer) as server:
        pacs = Pacs(server.address(), cache_bytes=1_000_000)
        for _ in range(3):
            await read(pacs)
        assert server.targets.count("/changes?last") == 1
        await pacs.aclose()


async def test_a_pacs_that_is_silent_is_waited_for_once() -> None:
    async with scripted_pacs(lambda _: asyncio.sleep(5)) as server:
        pacs = Pacs(server.address(timeout_seconds=0.2), cache_bytes=1_000_000)
        with pytest.raises(PacsTimeout):
            await read(pacs)
        assert len(server.targets) == 1
        await pacs.aclose()
