"""Files of a form that may be given away: those that are alone in a file."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from graph.engine import spools
from graph.engine.spool import SpooledFile
from graph.engine.spool_files import SpoolFiles
from graph.engine.spools import Spools
from pacs.given_files import GivenFile, NotGiven

_MIB = 1 << 20


@pytest.fixture(autouse=True)
def mebibytes_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "LEAST_BYTES", 2 * _MIB)
    monkeypatch.setattr("graph.engine.spool_files._MOST_BLOCK_BYTES", _MIB)


async def received(form: Spools, *contents: bytes) -> list[SpooledFile]:
    """Files as a form's parser hands them on."""
    files = []
    for content in contents:
        spool, start = form.begin()
        for at in range(0, len(content), 300_000):
            form.add(memoryview(content)[at : at + 300_000])
            await form.keep_up()
        files.append(SpooledFile(spool, start, len(content)))
    await form.finish()
    return files


async def test_large_files_can_be_given_one_by_one_and_read_as_before(tmp_path: Path) -> None:
    form = Spools(SpoolFiles(tmp_path))
    contents = [b"1" * 3 * _MIB, b"2" * 2 * _MIB, b"3" * 5, b"4" * 3 * _MIB, b"5" * 2 * _MIB]
    files = await received(form, *contents)
    given = [await file.give() for file in files]
    assert [one and one.size for one in given] == [3 * _MIB, 2 * _MIB, None, None, 2 * _MIB]
    assert [file.read() for file in files] == contents
    await form.aclose()
    assert all(file.closed for file in files)


async def test_no_form_opens_more_than_some_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "_MOST", 2)
    form = Spools(SpoolFiles(tmp_path))
    contents = [bytes([number]) * 2 * _MIB for number in range(4)]
    files = await received(form, *contents)
    assert [await file.give() is not None for file in files] == [True, False, False, False]
    assert [file.read() for file in files] == contents
    await form.aclose()


async def test_what_is_in_memory_is_not_given(tmp_path: Path) -> None:
    form = Spools(SpoolFiles(tmp_path))
    (file,) = await received(form, b"small")
    assert await file.give() is None
    await form.aclose()


async def test_a_given_file_holds_nothing_else_and_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.engine.spool_files._MOST_KEPT", 2)
    files = SpoolFiles(tmp_path)
    longer = files.take()
    longer.write(b"of another patient" * _MIB)
    await files.give_back(longer, again=True)
    content = b"2" * 3 * _MIB
    form = Spools(files)
    (file,) = await received(form, content)
    given = await file.give()
    assert given is not None
    assert given == GivenFile.of(longer.fileno())
    given.link(tmp_path / "taken")
    assert await file.give() == given
    await form.aclose()
    assert longer.closed
    assert (tmp_path / "taken").read_bytes() == content
    assert os.listdir(tmp_path) == ["taken"]


async def test_a_file_that_was_named_is_not_used_again_whoever_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.engine.spool_files._MOST_KEPT", 2)
    files = SpoolFiles(tmp_path)
    form = Spools(files)
    (file,) = await received(form, b"2" * 3 * _MIB)
    spooled = files_open_in(tmp_path)
    GivenFile.of(spooled).link(tmp_path / "taken")
    await form.aclose()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(spooled)
    assert file.closed


async def test_a_file_is_not_taken_for_one_before_it(tmp_path: Path) -> None:
    """Linux soon uses the numbers of a file that is gone for the next."""
    before = Spools(SpoolFiles(tmp_path))
    (file,) = await received(before, b"1" * 3 * _MIB)
    given = await file.give()
    await before.aclose()
    form = Spools(SpoolFiles(tmp_path))
    await received(form, b"2" * 3 * _MIB)
    assert given is not None
    with pytest.raises(NotGiven):
        given.link(tmp_path / "taken")
    await form.aclose()


async def test_who_leaves_while_a_file_is_cut_does_not_have_another_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.engine.spool_files._MOST_KEPT", 2)
    began, cut = threading.Event(), os.ftruncate

    def slowly(descriptor: int, size: int) -> None:
        began.set()
        time.sleep(0.1)
        cut(descriptor, size)

    files = SpoolFiles(tmp_path)
    longer = files.take()
    longer.write(b"of another patient" * _MIB)
    await files.give_back(longer, again=True)
    form = Spools(files)
    (file,) = await received(form, b"2" * 3 * _MIB)
    monkeypatch.setattr(os, "ftruncate", slowly)
    giving = asyncio.create_task(file.give())
    await asyncio.to_thread(began.wait, 10)
    giving.cancel()
    assert not longer.closed
    await form.aclose()
    assert longer.closed


def files_open_in(folder: Path) -> int:
    """The descriptor of the only file that this process has open there."""
    (found,) = [
        int(name)
        for name in os.listdir("/proc/self/fd")
        if os.path.realpath(f"/proc/self/fd/{name}").startswith(f"{folder}/")
    ]
    return found
