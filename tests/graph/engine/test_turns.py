"""Forms that arrive at the same time: fast ones one after another, and none waits for a slow one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from graph.engine import turns
from graph.engine.turns import Turns


async def pieces(name: str, count: int = 5) -> AsyncIterator[bytes]:
    """As they come from a client that is faster than we are: each is there a round of the event loop later."""
    for number in range(count):
        await asyncio.sleep(0)
        yield f"{name}{number}".encode()


async def take(form: Turns, source: AsyncIterator[bytes], taken: list[bytes]) -> None:
    async with aclosing(form.taken(source)) as mine:
        async for piece in mine:
            taken.append(piece)
            await asyncio.sleep(0)  # as for the disk


async def test_fast_forms_are_taken_one_after_another() -> None:
    form, taken = Turns(), list[bytes]()
    await asyncio.gather(*(take(form, pieces(name), taken) for name in "abc"))
    assert taken == [f"{name}{number}".encode() for name in "abc" for number in range(5)]


async def test_a_form_that_takes_long_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_SECONDS", 1e-9)
    form, taken = Turns(), list[bytes]()
    tasks = [asyncio.create_task(take(form, pieces(name, 50), taken)) for name in "ab"]
    async with asyncio.timeout(5):
        while len(taken) < 20:
            await asyncio.sleep(0)
    assert {piece[:1] for piece in taken} == {b"a", b"b"}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_nobody_waits_for_a_client_that_pauses() -> None:
    goes_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"s0"
        await goes_on.wait()
        yield b"s1"

    form, taken = Turns(), list[bytes]()
    paused = asyncio.create_task(take(form, slow(), taken))
    async with asyncio.timeout(5):
        while not taken:
            await asyncio.sleep(0)
        await take(form, pieces("a"), taken)
        assert taken == [b"s0", b"a0", b"a1", b"a2", b"a3", b"a4"]
        goes_on.set()
        await paused
    assert taken[-1] == b"s1"


async def test_what_goes_wrong_with_one_form_is_its_own() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"b0"
        raise ConnectionResetError

    form, taken = Turns(), list[bytes]()
    failed, _ = await asyncio.gather(
        take(form, broken(), taken), take(form, pieces("a"), taken), return_exceptions=True
    )
    assert isinstance(failed, ConnectionResetError)
    assert taken[-5:] == [b"a0", b"a1", b"a2", b"a3", b"a4"]


@pytest.mark.parametrize("rounds", range(12))
async def test_who_leaves_gives_up_the_turn(rounds: int) -> None:
    form, taken = Turns(), list[bytes]()
    leaving = asyncio.create_task(take(form, pieces("l", 50), []))
    for _ in range(rounds):
        await asyncio.sleep(0)
    leaving.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(leaving, take(form, pieces("a"), taken), return_exceptions=True)
    assert taken == [b"a0", b"a1", b"a2", b"a3", b"a4"]
    assert form._forms == 0
