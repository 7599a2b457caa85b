"""Hostile files are refused, fast and in little memory, and slow nobody else down."""

import asyncio
import os
import statistics
import time
from pathlib import Path

import pytest

from pacs.errors import NoPicture
from pacs.rendering.process import Worker
from pacs.rendering.request import Rendering
from pacs.thumbnails import Renderer
from tests.pace import slowness
from tests.pacs.bombs import BOMBS
from tests.pacs.thumbnail_files import wheel_file

THUMBNAIL = Rendering(viewport=(256, 256), thumbnail=True)
MEMORY_BYTES = 512 << 20
# What repeats itself within a palette is cut off at the palette's size, and shown.
OUTCOMES = {"palette of repeating segments": "shown"}

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="measures processes through /proc")


def peak_mebibytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def processor_seconds(pid: int) -> float:
    """What a busy machine does not change much, unlike the time on the wall."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def outcome(worker: Worker, path: Path) -> str:
    try:
        await worker.render(path, THUMBNAIL, 10)
    except NoPicture as nothing:
        return nothing.reason
    return "shown"


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_within_a_second_and_300_mebibytes(name: str, tmp_path: Path) -> None:
    path = BOMBS[name](tmp_path / "bomb.dcm")
    worker = await Worker.start(MEMORY_BYTES, 10)
    try:
        before = processor_seconds(worker.pid)
        seen = await outcome(worker, path)
        seconds = processor_seconds(worker.pid) - before

        assert (seen == "shown") == (OUTCOMES.get(name) == "shown")
        assert seconds < slowness()
        assert worker.alive
        assert peak_mebibytes(worker.pid) < 300
    finally:
        await worker.stop()


async def test_bombs_slow_nobody_else_by_more_than_50_milliseconds(tmp_path: Path) -> None:
    bombs = [make(tmp_path / f"{number}.dcm") for number, make in enumerate(BOMBS.values())]
    renderer = Renderer(workers=2)

    async def milliseconds() -> float:
        started = time.perf_counter()
        await renderer.render(wheel_file("CT_small.dcm"), THUMBNAIL)
        return (time.perf_counter() - started) * 1000

    async def explode() -> int:
        refused = 0
        for bomb in bombs:
            try:
                await renderer.render(bomb, THUMBNAIL)
            except NoPicture:
                refused += 1
        return refused

    try:
        await asyncio.gather(*(milliseconds() for _ in range(20)))
        alone = statistics.median([await milliseconds() for _ in range(20)])
        exploding = asyncio.create_task(explode())
        beside = []
        while not exploding.done():
            beside.append(await milliseconds())
        assert exploding.result() == len(BOMBS) - len(OUTCOMES)
        assert statistics.median(beside) - alone < 50
    finally:
        await renderer.aclose()
