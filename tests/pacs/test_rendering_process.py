"""A worker process that is being started."""

import asyncio

import pytest

from pacs.rendering.process import Worker


async def test_a_cancellation_in_the_moment_that_a_worker_is_ready_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, ready = asyncio.Event(), asyncio.Event()

    async def receive(_: Worker) -> None:
        waiting.set()
        await ready.wait()

    monkeypatch.setattr(Worker, "_receive", receive)
    starting = asyncio.create_task(Worker.start(64 << 20, 5))
    await waiting.wait()
    ready.set()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_worker_that_is_stopped_by_somebody_impatient_is_gone_all_the_same() -> None:
    worker = await Worker.start(64 << 20, 5)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as `asyncio.run` does at its end
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert not worker.alive
