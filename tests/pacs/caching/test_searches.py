"""What a search found is given out again under the state in which it was read, and under no other."""

import asyncio
from collections.abc import Callable

import pytest

from pacs.attributes import Dataset
from pacs.caching import searches
from pacs.caching.bounded import BoundedCache
from pacs.caching.searches import KeptSearches
from pacs.caching.states import SeriesRef, State
from pacs.caching.vouched import VouchedCache
from pacs.errors import BadQuery, PacsFault, PacsTimeout


class Nobody:
    """A witness that is not asked."""

    row_keywords = instance_keywords = frozenset[str]()

    async def state(self, series: SeriesRef, patient_id: str | None, *, look: bool = False) -> State | None:
        raise AssertionError(series, patient_id, look)


class Searched:
    """One PACS of one study: what it says, how often it was asked, and what is told of it."""

    def __init__(self, max_bytes: int = 1_000_000) -> None:
        self.searches = KeptSearches(VouchedCache(BoundedCache(max_bytes), Nobody()))
        self.study = "old"
        self.state: State | Exception | None = State(1)
        self.asked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def find(self) -> str:
        """What is told of the study now."""
        (row,) = await self.searches.of("what", self._tell, self._search, self._search_afresh)
        return row.text("StudyDescription") or ""

    async def _tell(self) -> State | None:
        self.asked.append("state")
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    async def _search_afresh(self) -> list[Dataset]:
        return await self._search(" afresh")

    async def _search(self, how: str = "") -> list[Dataset]:
        self.asked.append(f"search{how}")
        found = [Dataset({"00081030": {"vr": "LO", "Value": [self.study]}})]
        self.meanwhile()
        return found


async def test_what_is_asked_for_again_is_kept_and_asked_for_no_more() -> None:
    pacs = Searched()
    assert [await pacs.find() for _ in range(4)] == ["old"] * 4
    assert pacs.asked == ["search", "state", "search afresh", "state", "state"]


async def test_another_state_is_searched_anew() -> None:
    pacs = Searched()
    for number in range(4):
        pacs.study, pacs.state = str(number), State(number)
        assert [await pacs.find() for _ in range(3)] == [str(number)] * 3


async def test_what_came_while_it_was_searched_is_seen_by_the_next() -> None:
    pacs = Searched()
    await pacs.find()

    def change() -> None:
        pacs.study, pacs.state = "new", State(2)

    pacs.meanwhile = change
    assert await pacs.find() == "old"
    assert await pacs.find() == "new"


@pytest.mark.parametrize("pause_seconds", [0.0, 100.0])
async def test_without_a_state_nothing_is_kept(pause_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "_PAUSE_SECONDS", pause_seconds)
    pacs = Searched()
    pacs.state = None
    for study in ("old", "new", "newer"):
        pacs.study = study
        assert await pacs.find() == study
    assert pacs.asked.count("state") == (1 if pause_seconds else 2)


async def test_a_state_is_asked_for_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "_PAUSE_SECONDS", 0.05)
    pacs = Searched()
    for pacs.state in (None, None, None, State(1), State(1)):
        assert await pacs.find() == "old"
        await asyncio.sleep(0.1)
    assert pacs.asked == ["search", *["state", "search"] * 2, "state", "search afresh", "state"]


@pytest.mark.parametrize("max_bytes", [0, 4_000])
async def test_what_has_no_room_is_searched_every_time(max_bytes: int) -> None:
    pacs = Searched(max_bytes)
    assert [await pacs.find() for _ in range(3)] == ["old"] * 3
    assert pacs.asked == (["search", *["state", "search afresh"] * 2] if max_bytes else ["search"] * 3)


@pytest.mark.parametrize("error", [PacsTimeout("silent"), PacsFault("odd")])
async def test_who_raises_is_heard(error: Exception) -> None:
    pacs = Searched()
    await pacs.find()
    pacs.state = error
    with pytest.raises(type(error)):
        await pacs.find()


async def test_a_search_that_fails_keeps_nothing() -> None:
    pacs = Searched()
    await pacs.find()

    def fail() -> None:
        raise PacsFault("odd")

    pacs.meanwhile = fail
    with pytest.raises(PacsFault):
        await pacs.find()
    pacs.meanwhile = lambda: None
    pacs.study = "new"
    assert await pacs.find() == "new"


async def test_a_search_that_is_refused_is_not_remembered() -> None:
    pacs = Searched()

    def refuse() -> None:
        raise BadQuery("patientID is too long")

    pacs.meanwhile = refuse
    for _ in range(3):
        with pytest.raises(BadQuery):
            await pacs.find()
    assert pacs.asked == ["search"] * 3


async def test_searches_are_told_from_each_other() -> None:
    kept = Searched().searches

    async def state() -> State:
        return State(1)

    async def found(what: str) -> str | None:
        async def find() -> list[Dataset]:
            return [Dataset({"00081030": {"vr": "LO", "Value": [what]}})]

        (row,) = await kept.of(what, state, find, find)
        return row.text("StudyDescription")

    assert [await found(what) for what in ("a", "b") * 3] == ["a", "b"] * 3
