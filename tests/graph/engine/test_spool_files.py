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
    monkeypatch.setattr(spool_files, "_MOST_BLOCK_BYTES", _MIB)


async def test_a_file_is_used_again_and_shows_what_is_written_last(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path)
    kept = files.take()
    kept.write(bytes([1]) * 3 * _MIB)
    await files.give_back(kept, again=True)
    content = bytes([2]) * 2 * _MIB
    spool = Spool(files)
    for start in range(0, len(content), _MIB):
        spool.add(memoryview(content[start : start + _MIB]))
        await spool.keep_up()
    await spool.finish()
    assert SpooledFile(spool, 0, len(content)).read() == content
    assert spool.read(0, 5 * _MIB) == content
    for _ in range(2):
        await spool.aclose()
    with files.take() as first, files.take() as second:
        assert first is kept
        assert second is not kept
    assert os.listdir(tmp_path) == []


async def test_many_spools_gather_less_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_files, "_MOST_BLOCK_BYTES", 4 * _MIB)
    files = SpoolFiles(tmp_path)
    spools = [Spool(files) for _ in range(16)]
    assert files.block_bytes == 4 * _MIB
    spools += [Spool(files) for _ in range(16)]
    assert files.block_bytes == 2 * _MIB
    spools += [Spool(files) for _ in range(96)]
    assert files.block_bytes == _MIB
    assert [await _is_written(spool, _MIB) for spool in spools[:2]] == [True, True]
    for spool in spools:
        await spool.aclose()
        await spool.aclose()
    assert files.open_spools == 0
    assert not await _is_written(Spool(files), 3 * _MIB)


async def _is_written(spool: Spool, size: int) -> bool:
    spool.add(memoryview(bytes(size)))
    await spool.keep_up()
    await spool.finish()
    is_written = await spool.give() is not None
    await spool.aclose()
    return is_written


async def test_one_that_was_not_written_whole_is_closed(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path)
    file = files.take()
    await files.give_back(file, again=False)
    assert file.closed


async def test_no_more_are_kept_than_some_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_files, "_MOST_KEPT_BYTES", 3 * _MIB)
    files = SpoolFiles(tmp_path)
    taken = [files.take() for _ in range(2)]
    for file in taken:
        file.truncate(2 * _MIB)
        await files.give_back(file, again=True)
    assert [file.closed for file in taken] == [False, True]


async def test_none_are_kept_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = SpoolFiles(tmp_path)
    taken = [files.take() for _ in range(2)]
    for file in taken:
        await files.give_back(file, again=True)
    spool = Spool(files)
    spool.add(memoryview(bytes(_MIB)))
    with monkeypatch.context() as patch:
        patch.setattr("graph.engine.spool.write_whole", _no_space)
        await spool.keep_up()
        with pytest.raises(OSError, match="no space"):
            await spool.finish()
    await spool.aclose()
    assert [file.closed for file in taken] == [True, True]


async def test_no_more_are_kept_than_a_few_and_none_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_files, "_KEPT_SECONDS", 0.05)
    files = SpoolFiles(tmp_path)
    taken = [files.take() for _ in range(3)]
    for file in taken:
        await files.give_back(file, again=True)
    assert [file.closed for file in taken] == [False, False, True]
    await eventually(lambda: all(file.closed for file in taken))
    with files.take() as another:
        assert another not in taken


async def test_they_end_with_who_keeps_them(tmp_path: Path) -> None:
    async def kept() -> BinaryIO:
        files = SpoolFiles(tmp_path)
        file = files.take()
        await files.give_back(file, again=True)
        return file

    file = await kept()
    await asyncio.sleep(0)
    assert file.closed


def _no_space(*_: object) -> None:
    raise OSError("no space")
