"""Issued UIDs, and readers' positions and bookmarks."""

import asyncio

from persistence.store import Store
from tests.persistence.conformance import Reopen


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
