"""The processes that make pictures: they start as they are needed, and may die."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pacs.errors import NO_PICTURE, NoPicture
from pacs.rendering.process import Worker
from pacs.rendering.request import Rendering
from pacs.rendering.slot import Slot
from pacs.thumbnails import Renderer
from tests.pacs.thumbnail_files import image_dataset, save, wheel_file

THUMBNAIL = Rendering(viewport=(128, 128), thumbnail=True)


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    made = Renderer(workers=2)
    yield made
    await made.aclose()


linux_only = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")


def worker_pids() -> set[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in children if b"pacs.rendering.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.fixture
def slow_file(tmp_path: Path) -> Path:
    """A named pipe that nobody writes to: whoever opens it waits."""
    path = tmp_path / "slow.dcm"
    os.mkfifo(path)
    return path


@linux_only
async def test_a_process_starts_when_more_pictures_are_asked_for_than_there_are_processes(renderer: Renderer) -> None:
    seen = []
    for at_once in (1, 1, 3):
        pictures = (renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL) for _ in range(at_once))
        assert all(picture.body for picture in await asyncio.gather(*pictures))
        seen.append(len(worker_pids()))

    assert seen == [1, 1, 2]


@linux_only
async def test_a_picture_that_takes_too_long_is_one_failure_and_a_new_worker(slow_file: Path) -> None:
    renderer = Renderer(workers=1, timeout_seconds=0.5)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        before = worker_pids()

        with pytest.raises(NoPicture) as caught:
            await renderer.render(slow_file, THUMBNAIL)

        assert (caught.value.reason, caught.value.transient) == ("timed_out", True)
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
        assert len(worker_pids()) == 1
        assert worker_pids().isdisjoint(before)
    finally:
        await renderer.aclose()
    assert worker_pids() == set()


@linux_only
async def test_a_worker_that_crashes_is_one_failure_and_a_new_worker(slow_file: Path) -> None:
    renderer = Renderer(workers=1)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        waiting = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0.1)

        os.kill(worker_pids().pop(), signal.SIGSEGV)

        with pytest.raises(NoPicture) as caught:
            await waiting
        assert caught.value.reason == "crashed"
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    finally:
        await renderer.aclose()


@linux_only
async def test_a_worker_that_ends_while_it_has_nothing_to_do_leaves_nothing_open() -> None:
    slot = Slot(partial(Worker.start, 512 << 20, 10.0), recycle_after=100)
    try:
        worker = await slot.worker()
        assert worker is not None
        before = len(os.listdir("/proc/self/fd"))

        os.kill(worker.pid, signal.SIGKILL)
        while worker.alive:
            await asyncio.sleep(0.01)

        assert await slot.worker() not in (worker, None)
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        await slot.close()


@linux_only
async def test_a_picture_that_needs_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    large = save(image_dataset(np.zeros((2000, 2000), "u2")), tmp_path / "large.dcm")
    renderer = Renderer(workers=1, memory_bytes=17 << 20)
    try:
        with pytest.raises(NoPicture) as caught:
            await renderer.render(large, Rendering(content_type="image/png"))
        assert caught.value.reason == "out_of_memory"
        assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    finally:
        await renderer.aclose()


@linux_only
async def test_workers_are_replaced_after_their_share_of_pictures() -> None:
    renderer = Renderer(workers=1, recycle_after=3)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        first = worker_pids()
        while worker_pids() & first:
            assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
        await asyncio.sleep(0)
        assert len(worker_pids()) == 1
    finally:
        await renderer.aclose()


async def test_who_comes_beyond_the_queue_is_told_so(slow_file: Path) -> None:
    renderer = Renderer(workers=1, most_waiting=1, timeout_seconds=1)
    try:
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        first = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(renderer.render(slow_file, THUMBNAIL))
        await asyncio.sleep(0)
        with pytest.raises(NoPicture) as caught:
            await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        assert (caught.value.reason, caught.value.transient) == ("busy", True)
    finally:
        await renderer.aclose()
    for left in (first, second):
        with pytest.raises(NoPicture, match=NO_PICTURE["busy"]):
            await left
    with pytest.raises(RuntimeError, match="closed"):
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)


@linux_only
async def test_who_goes_away_costs_no_worker(renderer: Renderer) -> None:
    await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
    before = worker_pids()
    impatient = [asyncio.create_task(renderer.render(wheel_file("693_J2KI.dcm"), THUMBNAIL)) for _ in range(20)]
    await asyncio.sleep(0.02)
    for task in impatient:
        task.cancel()

    assert (await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)).body
    assert worker_pids() >= before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"frame": 0}, "frames count from 1"),
        ({"viewport": (100000, 100000)}, "1 to 4096"),
        ({"viewport": (0, 1)}, "1 to 4096"),
        ({"quality": 0}, "1 to 100"),
        ({"content_type": "image/webp"}, "image/jpeg, image/png, image/gif"),
    ],
)
def test_a_wrong_rendering_says_what_is_right(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Rendering(**wrong)  # type: ignore[arg-type]  # wrong on purpose
