"""Files for uploads to wait in, which are used again."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from graph.engine import spool_files
from graph.engine.spool import Spool, SpooledFile
from graph.engine.spool_files import SpoolFiles
from tests.graph.engine.serving import eventually

_MIB = 1 << 20


@pytest.fixture(autouse=True)
def some_are_kept(monkeypatch: pytest.MonkeyPatch, no_spool_is_kept: None) -> None:  # undone here
    monkeypatch.setattr(spool_files, "_MOST_KEPT", 2)


async def test_a_file_is_used_again_and_shows_what_is_written_last(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path)
    seen: list[int] = []
    for content in (bytes([1]) * 3 * _MIB, bytes([2]) * 2 * _MIB):
        spool = Spool(files)
        for start in range(0, len(content), _MIB):
            spool.add(memoryview(content[start : start + _MIB]))
            await spool.keep_up()
        await spool.finish()
        assert SpooledFile(spool, 0, len(content)).read() == content
        assert spool.read(0, 5 * _MIB) == content
        seen += _nameless(tmp_path)
        await spool.aclose()
    assert len(set(seen)) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("size", "again"), [(64 * _MIB + 1, True), (_MIB, False)], ids=["a large one", "after a fault"]
)
async def test_others_are_closed(tmp_path: Path, size: int, again: bool) -> None:
    files = SpoolFiles(tmp_path)
    file = files.take()
    await files.give_back(file, size, again=again)
    assert file.closed


async def test_no_more_are_kept_than_a_few_and_none_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_files, "_KEPT_SECONDS", 0.05)
    files = SpoolFiles(tmp_path)
    taken = [files.take() for _ in range(3)]
    for file in taken:
        await files.give_back(file, _MIB, again=True)
    assert [file.closed for file in taken] == [False, False, True]
    await eventually(lambda: all(file.closed for file in taken))
    with files.take() as new:
        assert not new.closed


async def test_they_end_with_who_keeps_them(tmp_path: Path) -> None:
    async def kept() -> BinaryIO:
        files = SpoolFiles(tmp_path)
        file = files.take()
        await files.give_back(file, _MIB, again=True)
        return file

    file = await kept()
    await asyncio.sleep(0)
    assert file.closed


def _nameless(folder: Path) -> list[int]:
    """The inodes of this process's open files there that have no name."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(descriptor)
            if target.startswith(str(folder)) and target.endswith("(deleted)"):
                found.append(os.stat(int(descriptor.name)).st_ino)
        except OSError:  # the one by which the folder is read
            continue
    return found
