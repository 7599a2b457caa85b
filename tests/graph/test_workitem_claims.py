"""Claims in the store, which several replicas share."""

import asyncio
from datetime import datetime

import pytest

from graph.workitem_claims import SharedClaims
from pacs.errors import Conflict
from persistence.errors import StoreUnavailable
from persistence.store import Store


async def test_two_replicas_do_not_hold_one_study(store: Store) -> None:
    one, other = SharedClaims(store, 60), SharedClaims(store, 60)
    async with one("1.2"), other("1.3"):
        with pytest.raises(Conflict, match="is being created"):
            async with other("1.2"):
                raise AssertionError("held twice")
    async with other("1.2"):
        pass


async def test_a_study_is_given_back_when_its_creation_fails_or_is_cancelled(store: Store) -> None:
    claim = SharedClaims(store, 60)
    with pytest.raises(RuntimeError):
        async with claim("1.2"):
            raise RuntimeError

    async def create() -> None:
        async with claim("1.2"):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(create(), 0.1)
    async with claim("1.2"):
        pass


async def test_what_a_dead_replica_held_is_free_after_its_time(store: Store) -> None:
    dead = SharedClaims(store, 0.2)("1.2")
    await dead.__aenter__()  # and never leaves
    with pytest.raises(Conflict):
        async with SharedClaims(store, 60)("1.2"):
            pass
    await asyncio.sleep(0.25)
    async with SharedClaims(store, 60)("1.2"):
        pass


async def test_a_workitem_that_was_made_is_no_failure_because_the_store_went_away() -> None:
    class GoesAway:
        async def take_lease(self, name: str, holder: str, now: datetime, *, lease_seconds: float) -> bool:
            return True

        async def end_lease(self, name: str, holder: str) -> None:
            raise StoreUnavailable("away")

    async with SharedClaims(GoesAway(), 60)("1.2"):
        made = True
    assert made
