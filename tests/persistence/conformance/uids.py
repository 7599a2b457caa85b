"""Issued UIDs, leases, and readers' positions and bookmarks."""

import asyncio
from datetime import timedelta

from persistence.store import Store
from tests.persistence.conformance import Reopen
from tests.persistence.events import NOON


class IssuedUidsConformance:
    """`Store.reserve_uids`."""

    async def test_a_uid_is_issued_once(self, store: Store, reopen: Reopen) -> None:
        assert await store.reserve_uids(["2.25.3", "2.25.1", "2.25.3"]) == ["2.25.3", "2.25.1"]
        assert await store.reserve_uids(["2.25.2", "2.25.1"]) == ["2.25.2"]
        assert await store.reserve_uids([]) == []
        store = await reopen()
        assert await store.reserve_uids(["2.25.1", "2.25.2", "2.25.3"]) == []

    async def test_racing_callers_share_no_uid(self, store: Store) -> None:
        wanted = [f"2.25.{number}" for number in range(50)]
        shares = await asyncio.gather(*(store.reserve_uids(wanted[n:] + wanted[:n]) for n in range(16)))
        assert sorted(uid for share in shares for uid in share) == sorted(wanted)


class CursorsConformance:
    """`Store.cursor` and `save_cursor`."""

    async def test_a_cursor_is_kept_by_name_and_never_moves_back(self, store: Store, reopen: Reopen) -> None:
        assert await store.cursor("webhooks") is None
        for sequence in (3, 7, 5):
            await store.save_cursor("webhooks", sequence)
        await store.save_cursor("other", 0)
        store = await reopen()
        assert await store.cursor("webhooks") == 7
        assert await store.cursor("other") == 0

    async def test_racing_saves_keep_the_furthest(self, store: Store) -> None:
        await asyncio.gather(*(store.save_cursor("webhooks", sequence) for sequence in range(30, 0, -1)))
        assert await store.cursor("webhooks") == 30


class BookmarksConformance:
    """`Store.bookmark` and `save_bookmark`."""

    async def test_a_bookmark_is_what_was_saved_last_under_its_name(self, store: Store, reopen: Reopen) -> None:
        assert await store.bookmark("orthanc") is None
        for text in ("9", '{"seq": 3, "date": "Ü"}'):
            await store.save_bookmark("orthanc", text)
        await store.save_bookmark("other", "")
        store = await reopen()
        assert await store.bookmark("orthanc") == '{"seq": 3, "date": "Ü"}'
        assert await store.bookmark("other") == ""

    async def test_racing_first_saves_leave_one_of_them(self, store: Store) -> None:
        texts = [str(number) for number in range(20)]
        await asyncio.gather(*(store.save_bookmark("new", text) for text in texts))
        assert await store.bookmark("new") in texts


class LeasesConformance:
    """`Store.take_lease` and `end_lease`."""

    async def test_of_sixteen_racing_holders_one_gets_the_lease(self, store: Store, reopen: Reopen) -> None:
        for name in ("a", "b", "c", "d"):
            got = await asyncio.gather(*(store.take_lease(name, str(n), NOON, lease_seconds=60) for n in range(16)))
            assert sorted(got) == [False] * 15 + [True]
        store = await reopen()
        assert not await store.take_lease("a", "late", NOON, lease_seconds=60)

    async def test_a_lease_that_was_ended_or_ran_out_is_free(self, store: Store) -> None:
        assert await store.take_lease("a", "first", NOON, lease_seconds=60)
        await store.end_lease("a", "somebody else")
        assert not await store.take_lease("a", "second", NOON, lease_seconds=60)
        await store.end_lease("a", "first")
        assert await store.take_lease("a", "second", NOON, lease_seconds=60)
        just_before, over = NOON + timedelta(seconds=59), NOON + timedelta(seconds=60)
        assert not await store.take_lease("a", "third", just_before, lease_seconds=60)
        racing = await asyncio.gather(*(store.take_lease("a", str(n), over, lease_seconds=60) for n in range(16)))
        assert sorted(racing) == [False] * 15 + [True]
        await store.end_lease("a", "second")
        assert not await store.take_lease("a", "fourth", over, lease_seconds=60)
