"""Group commit, and what becomes of those who wait for a commit that fails."""

import asyncio
import time

import pytest

from persistence import batches
from persistence.batches import Batches
from persistence.errors import StoreUnavailable


class Commits:
    """A store that takes `seconds` for a commit, and fails the first `failures`."""

    def __init__(self, seconds: float, failures: int = 0) -> None:
        self.seconds, self.failures = seconds, failures
        self.committed: list[list[int]] = []

    async def __call__(self, items: list[int]) -> list[int | Exception]:
        await asyncio.sleep(self.seconds)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        self.committed.append(items)
        return list(items)


async def test_what_arrives_during_a_commit_goes_together_into_the_next() -> None:
    commits = Commits(0.01)
    group = Batches[int, int](commits, 3)
    assert await asyncio.gather(*map(group.add, range(8))) == list(range(8))
    assert commits.committed == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_what_arrives_in_the_turn_of_the_loop_after_the_first_needs_no_commit_of_its_own() -> None:
    commits = Commits(0.01)
    group = Batches[int, int](commits, 3)

    async def add_later() -> int:
        await asyncio.sleep(0)
        return await group.add(1)

    outcomes = await asyncio.gather(group.add(0), add_later())
    assert list(outcomes) == [0, 1]
    assert commits.committed == [[0, 1]]


async def test_nobody_waits_for_more_than_one_commit_of_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PATIENCE_SECONDS", 0.05)
    commits = Commits(1.0, failures=1)
    group = Batches[int, int](commits, 3)
    started = time.monotonic()
    outcomes = await asyncio.gather(*map(group.add, range(8)), return_exceptions=True)
    assert time.monotonic() - started < 1.8  # two commits take 2
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert await group.add(9) == 9
    assert commits.committed == [[9]]


async def test_a_commit_that_fails_at_once_is_the_failure_of_its_own_items_alone() -> None:
    group = Batches[int, int](Commits(0.01, failures=1), 3)
    outcomes = await asyncio.gather(*map(group.add, range(5)), return_exceptions=True)
    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [True] * 3 + [False] * 2
    assert outcomes[3:] == [3, 4]
