"""The log of exam events."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from persistence.errors import CursorExpired
from persistence.filters import MAX_MODALITIES
from persistence.records import MAX_SEQUENCE
from persistence.store import Store
from tests.persistence.conformance import Reopen
from tests.persistence.events import NOON, append, new_event, sequences


class ExamEventsConformance:
    """`Store.append_event`, `events_after` and their relatives."""

    async def test_an_event_is_given_back_as_it_was(self, store: Store) -> None:
        body = {"PatientName": "山田^太郎", "Vendor.x": {"$set": [1, 2.5, None, True]}, "": "", "big": 2**63}
        rome = timezone(timedelta(hours=2))
        given = new_event(
            body=body, modalities=["CT", "MR", "CT"], patient_id="O'Neil\u0000 ", received_at=NOON.astimezone(rome)
        )
        stored = await store.append_event(given)
        assert stored.sequence == 1
        assert dict(stored) == dict(given) | {"sequence": 1}
        assert stored.received_at.tzinfo is UTC
        assert await store.events_after(0, limit=10) == [stored]
        assert await store.event(1) == stored
        assert await store.event(2) is None

    async def test_sequence_numbers_start_at_one_and_have_no_gaps(self, store: Store) -> None:
        assert (await store.last_sequence(), await store.first_sequence()) == (0, 1)
        stored = await append(store, 5)
        assert sequences(stored) == [1, 2, 3, 4, 5]
        assert (await store.last_sequence(), await store.first_sequence()) == (5, 1)

    async def test_concurrent_writers_get_distinct_gapless_numbers(self, store: Store) -> None:
        given = [new_event() for _ in range(100)]
        stored = await asyncio.gather(*(store.append_event(event) for event in given))
        assert sorted(sequences(stored)) == list(range(1, 101))
        kept = await store.events_after(0, limit=200)
        assert kept == sorted(stored, key=lambda event: event.sequence)

    async def test_a_reader_never_sees_a_number_before_all_smaller_ones(self, store: Store) -> None:
        seen: list[int] = []

        async def read() -> None:
            while len(seen) < 200:
                seen.extend(sequences(await store.events_after(seen[-1] if seen else 0, limit=50)))

        reader = asyncio.create_task(read())
        await asyncio.gather(*(append(store, 10) for _ in range(20)))
        await asyncio.wait_for(reader, 20)
        assert seen == list(range(1, 201))

    async def test_pages_follow_each_other(self, store: Store) -> None:
        await append(store, 7)
        assert sequences(await store.events_after(0, limit=3)) == [1, 2, 3]
        assert sequences(await store.events_after(3, limit=3)) == [4, 5, 6]
        assert sequences(await store.events_after(6, limit=3)) == [7]
        assert await store.events_after(7, limit=3) == []
        assert sequences(await store.events_after(None, limit=2)) == [1, 2]

    @pytest.mark.parametrize("sequence", [MAX_SEQUENCE, MAX_SEQUENCE + 1, 10**30])
    async def test_numbers_beyond_every_log_find_nothing(self, store: Store, sequence: int) -> None:
        await append(store, 1)
        assert await store.events_after(sequence, limit=3) == []
        assert await store.event(sequence) is None

    async def test_filters_by_patient_and_by_any_of_some_modalities(self, store: Store) -> None:
        await append(store, 1, patient_id="A", modalities=["CT"])
        await append(store, 1, patient_id="A", modalities=["MR", "SR"])
        await append(store, 1, patient_id="B", modalities=["CT", "SR"])
        await append(store, 1, patient_id="a", modalities=[])
        expected = [
            ("A", None, [1, 2]),
            ("a", None, [4]),
            ("A,B", None, []),
            ("*", None, []),
            (None, ["CT"], [1, 3]),
            (None, ["SR", "CT", "SR"], [1, 2, 3]),
            (None, ["ct"], []),
            (None, [], []),
            ("A", ["SR"], [2]),
            ("A", ["SR", "CT"], [1, 2]),
            ("A", [], []),
            ("a", ["CT"], []),
        ]
        for patient_id, modalities, found in expected:
            events = await store.events_after(0, limit=10, patient_id=patient_id, modalities=modalities)
            assert sequences(events) == found, (patient_id, modalities)

    async def test_filtered_pages_follow_each_other(self, store: Store) -> None:
        for number in range(30):
            await append(store, 1, modalities=[["CT", "MR"], ["MR"], ["US"]][number % 3], patient_id=str(number % 2))
        found: list[int] = []
        while page := await store.events_after(found[-1] if found else 0, limit=4, modalities=["CT", "MR"]):
            found += sequences(page)
        assert found == [number + 1 for number in range(30) if number % 3 != 2]
        page = await store.events_after(6, limit=2, modalities=["US", "CT"], patient_id="0")
        assert sequences(page) == [7, 9]

    async def test_too_many_modalities_are_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="at most 64"):
            await store.events_after(0, limit=1, modalities=[f"M{n}" for n in range(MAX_MODALITIES + 1)])

    async def test_the_same_body_again_within_the_window_is_stored_once(self, store: Store) -> None:
        body = {"StudyInstanceUID": "1.2.3", "n": 1}
        first = await store.append_event(new_event(body=body), dedupe_seconds=60)
        again = new_event(body=dict(reversed(body.items())), received_at=NOON + timedelta(seconds=59))
        assert await store.append_event(again, dedupe_seconds=60) == first
        other = await store.append_event(new_event(body=body | {"n": 2}), dedupe_seconds=60)
        later = await store.append_event(
            new_event(body=body, received_at=NOON + timedelta(seconds=61)), dedupe_seconds=60
        )
        always = await store.append_event(new_event(body=body))
        assert sequences([other, later, always]) == [2, 3, 4]

    async def test_what_a_clock_that_was_wrong_dated_later_is_no_repeat(self, store: Store) -> None:
        body = {"StudyInstanceUID": "1.2.3"}
        for seconds in (3600, 59, 0):  # an hour ahead, then a replica that is a little ahead of the next
            moment = NOON + timedelta(seconds=seconds)
            await store.append_event(new_event(body=body, received_at=moment), dedupe_seconds=60)
        assert await store.last_sequence() == 2

    async def test_what_has_a_key_is_stored_once_whatever_its_body_and_however_late(self, store: Store) -> None:
        first = await store.append_event(new_event(body={"n": 1}), key="study 1, state 1")
        late = new_event(body={"n": 2}, received_at=NOON + timedelta(days=4000))
        assert await store.append_event(late, key="study 1, state 1") == first
        assert await store.append_event(late, key="study 1, state 1", dedupe_seconds=60) == first
        other = await store.append_event(new_event(body={"n": 1}), key="study 1, state 2")
        unkeyed = await store.append_event(new_event(body={"n": 1}), dedupe_seconds=60)
        assert sequences([other, unkeyed]) == [2, 3]

    async def test_the_same_key_from_many_at_once_is_stored_once(self, store: Store) -> None:
        posts = [store.append_event(new_event(body={"n": n}), key="the key") for n in range(30)]
        stored = await asyncio.gather(*posts)
        assert {event.sequence for event in stored} == {1}
        assert await store.last_sequence() == 1

    async def test_the_same_body_from_many_at_once_is_stored_once(self, store: Store) -> None:
        body = {"StudyInstanceUID": "1.2.3"}
        posts = [store.append_event(new_event(body=body), dedupe_seconds=60) for _ in range(30)]
        others = [store.append_event(new_event(), dedupe_seconds=60) for _ in range(10)]
        stored = await asyncio.gather(*posts, *others)
        assert len({event.sequence for event in stored[:30]}) == 1
        assert await store.last_sequence() == 11

    async def test_forgotten_events_leave_no_silent_gap(self, store: Store, reopen: Reopen) -> None:
        await append(store, 6, modalities=["CT"])
        await store.forget_events(4)
        assert await store.first_sequence() == 5
        for behind in (0, 3):
            with pytest.raises(CursorExpired, match="up to 4"):
                await store.events_after(behind, limit=10)
        assert sequences(await store.events_after(4, limit=10)) == [5, 6]
        assert sequences(await store.events_after(None, limit=10, modalities=["CT"])) == [5, 6]
        assert await store.event(4) is None

        await store.forget_events(6)
        store = await reopen()
        assert (await store.last_sequence(), await store.first_sequence()) == (6, 7)
        with pytest.raises(CursorExpired):
            await store.events_after(5, limit=10)
        assert await store.events_after(6, limit=10) == []
        assert sequences(await append(store, 1)) == [7]
        assert sequences(await store.events_after(None, limit=10)) == [7]

    async def test_events_survive_a_restart(self, store: Store, reopen: Reopen) -> None:
        stored = await append(store, 3)
        store = await reopen()
        assert await store.events_after(0, limit=10) == stored
        assert sequences(await append(store, 1)) == [4]

    async def test_received_at_keeps_milliseconds(self, store: Store) -> None:
        moment = datetime(2031, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        await store.append_event(new_event(received_at=moment))
        (event,) = await store.events_after(0, limit=1)
        assert event.received_at == moment.replace(microsecond=999_000)
