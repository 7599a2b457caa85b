"""Blocks that a thread makes, one ahead."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from pacs.blocks import read_ahead


async def test_the_next_block_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def blocks() -> Iterator[bytes]:
        yield b"first"
        made.set()
        yield b"second"

    ahead = read_ahead(blocks())
    assert await anext(ahead) == b"first"
    assert await asyncio.to_thread(made.wait, 5)
    assert [block async for block in ahead] == [b"second"]


async def test_once_closed_no_thread_is_at_work_any_more() -> None:
    at_work = threading.Event()
    done = []

    def blocks() -> Iterator[bytes]:
        yield b"first"
        at_work.set()
        time.sleep(0.05)
        done.append(True)
        yield b"second"

    ahead = read_ahead(blocks())
    await anext(ahead)
    assert await asyncio.to_thread(at_work.wait, 5)
    await ahead.aclose()
    assert done == [True]


async def test_a_failure_of_the_thread_is_the_readers() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"first"
        raise OSError("gone")

    ahead = read_ahead(blocks())
    assert await anext(ahead) == b"first"
    with pytest.raises(OSError, match="gone"):
        await anext(ahead)
