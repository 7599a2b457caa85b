import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from pacs.archive.database import DatabaseUnusable
from pacs.archive.search_parameters import parse_search
from pacs.archive.worklist import Worklist
from pacs.archive.worklist_steps import UpsRefused
from tests.pacs.archive.ups_server import ups

WRITER = """
import asyncio, sys
from pathlib import Path
from pacs.archive.worklist import Worklist
from tests.pacs.archive.ups_server import ups

async def main():
    worklist = Worklist(Path(sys.argv[1]))
    await worklist.open()
    payload = ups()
    async def write(lane):
        for number in range(100_000):
            uid = f"2.25.{lane}{number:06}"
            await worklist.create(uid, payload)
            print(uid, flush=True)
    await asyncio.gather(*(write(lane) for lane in range(1, 5)))

asyncio.run(main())
"""


async def test_a_killed_server_has_every_workitem_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "worklist.sqlite"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    acknowledged = [(await writer.stdout.readline()).decode().strip() for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    rest = (await writer.stdout.read()).decode()
    await writer.wait()
    acknowledged += [line for line in rest.splitlines(keepends=False) if line] if rest.endswith("\n") else []

    worklist = Worklist(path)
    await worklist.open()

    assert len(acknowledged) >= 50
    for uid in acknowledged:
        assert (await worklist.retrieve(uid))["00080018"]["Value"] == [uid]
    await worklist.close()


async def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    worklist = Worklist(tmp_path / "worklist.sqlite")
    await worklist.open()
    await worklist.create("2.25.1", ups())

    with pytest.raises(UpsRefused):
        await worklist.create("2.25.1", ups(patient_id="P2"))

    assert len((await worklist.search(parse_search("PatientID=P2"))).datasets) == 0
    assert len((await worklist.search(parse_search(""))).datasets) == 1
    await worklist.close()


async def test_a_file_that_is_no_worklist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "worklist.sqlite"
    path.write_bytes(b"something else, and long enough to be taken for a database" * 20)

    with pytest.raises(DatabaseUnusable, match=r"worklist\.sqlite cannot be opened"):
        await Worklist(path).open()


async def test_a_worklist_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "worklist.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(DatabaseUnusable, match="newer version"):
        await Worklist(path).open()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    worklist = Worklist(tmp_path / "worklist.sqlite")
    await worklist.open()
    await worklist.close()

    assert (tmp_path / "worklist.sqlite").stat().st_mode & 0o077 == 0
