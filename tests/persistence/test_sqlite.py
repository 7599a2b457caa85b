"""What only the embedded store promises: one server, full disks, plans without scans, files of other programs."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from persistence.errors import StoreInUse, StoreUnavailable, StoreUnusable, StoreUnwritable
from persistence.filters import EventFilter
from persistence.records import now
from persistence.sqlite import SqliteStore
from persistence.sqlite.database import Database
from persistence.sqlite.events import page_query
from persistence.store import Store, open_store
from tests.persistence.events import append, new_event, sequences

_WRITER = """
import asyncio, pathlib, sys
from persistence.store import open_store
from tests.persistence.events import new_event

async def main():
    store = await open_store(None, pathlib.Path(sys.argv[1]))
    async def write():
        while True:
            event = await store.append_event(new_event())
            print(event.sequence, event.study_instance_uid, flush=True)
    await asyncio.gather(*(write() for _ in range(8)))

asyncio.run(main())
"""


def _start_writer(data_dir: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(data_dir)], stdout=subprocess.PIPE, text=True)


async def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[int, str] = {}
    for _ in range(3):
        with _start_writer(tmp_path) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(200)]
            writer.send_signal(signal.SIGKILL)
            lines += [line for line in writer.stdout if line.endswith("\n")]
        acknowledged |= {int(sequence): uid for sequence, uid in (line.split() for line in lines)}
    store = await open_store(None, tmp_path)
    kept = {event.sequence: event.study_instance_uid for event in await store.events_after(0, limit=100_000)}
    assert len(acknowledged) >= 600
    assert acknowledged.items() <= kept.items()
    assert sorted(kept) == list(range(1, len(kept) + 1))
    await store.close()


async def test_a_second_server_on_the_directory_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with _start_writer(tmp_path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(StoreInUse, match=r"another dicom-graph server works on .*DATA_DIR"):
            await open_store(None, tmp_path)
        writer.kill()
    store = await open_store(None, tmp_path)
    with pytest.raises(StoreInUse):
        await open_store(None, tmp_path)
    await store.close()
    await (await open_store(None, tmp_path)).close()


async def test_the_database_is_for_its_owner_alone(store: Store, tmp_path: Path) -> None:
    await append(store, 1)
    open_to_others = {entry.name: entry.stat().st_mode & 0o077 for entry in os.scandir(tmp_path)}
    assert {"server.lock", "state.sqlite", "state.sqlite-wal"} <= open_to_others.keys()
    assert set(open_to_others.values()) == {0}


async def test_a_url_names_the_file(tmp_path: Path) -> None:
    store = await open_store(f"sqlite://{tmp_path}/new%20folder/x.db", tmp_path / "unused")
    await append(store, 1)
    await store.close()
    assert (tmp_path / "new folder" / "x.db").is_file()
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://host/db", "'postgres' is not a kind of store: write sqlite:///path"),
        ("", "not a kind of store"),
        ("sqlite://relative/path", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite:///folder/", "three slashes"),
        ("sqlite:///a?mode=ro", "three slashes"),
    ],
)
async def test_a_wrong_url_is_explained(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        await open_store(url, tmp_path)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def _newer(path: Path) -> None:
    Database(path)._disconnect()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1000")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda path: path.write_bytes(b"no database" * 1000), "cannot be opened: file is not a database"),
        (lambda path: path.mkdir(), "cannot be opened"),
        (_foreign, "belongs to another program"),
        (_newer, "newer version"),
    ],
)
async def test_an_unusable_file_is_explained_and_left_alone(prepare: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    prepare(path)
    before = path.read_bytes() if path.is_file() else b""
    for _ in range(2):  # the lock is free again
        with pytest.raises(StoreUnusable, match=sentence):
            await open_store(None, tmp_path)
    assert not path.is_file() or path.read_bytes() == before


async def test_a_data_directory_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable, match="cannot be written"):
        await open_store(None, tmp_path / "file")


async def test_on_a_full_disk_nothing_is_acknowledged_and_the_log_stays_whole(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite")
    writing = store._database._writing
    pages = writing.execute("PRAGMA page_count").fetchone()[0]
    writing.execute(f"PRAGMA max_page_count = {pages + 20}")
    big = [store.append_event(new_event(body={"x": "x" * 10_000})) for _ in range(50)]
    outcomes = await asyncio.gather(*big, return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert await store.last_sequence() == 0

    writing.execute("PRAGMA max_page_count = 1000000")
    assert sequences(await append(store, 2)) == [1, 2]
    await store.close()


async def test_after_a_write_that_failed_it_answers_for_itself_again_only_when_one_works(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite")
    writing = store._database._writing
    writing.execute("PRAGMA query_only = ON")
    await store.ping()  # nobody has tried
    with pytest.raises(StoreUnavailable):
        await append(store, 1)
    for _ in range(2):
        with pytest.raises(StoreUnwritable):
            await store.ping()

    writing.execute("PRAGMA query_only = OFF")
    await store.ping()
    assert sequences(await append(store, 1)) == [1]
    await store.ping()
    await store.close()


async def test_a_write_of_nothing_is_no_sign_of_a_disk_with_room(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite")
    writing = store._database._writing
    writing.execute(f"PRAGMA max_page_count = {writing.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreUnavailable):
        await store.append_event(new_event(body={"x": "x" * 10_000}))
    assert await store.claim_delivery("http://receiver.example/", now(), lease_seconds=1) is None
    assert store._database._is_doubted
    await append(store, 1)
    assert not store._database._is_doubted
    await store.close()


async def test_one_failing_write_does_not_fail_its_neighbours(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite")

    def good(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO issued_uids VALUES ('good')")
        return "good"

    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO issued_uids VALUES ('bad')")
        raise LookupError("on purpose")

    outcomes = await asyncio.gather(database.write(bad), database.write(good), return_exceptions=True)
    assert [repr(outcome) for outcome in outcomes] == ["LookupError('on purpose')", "'good'"]
    kept = await database.read(lambda connection: connection.execute("SELECT uid FROM issued_uids").fetchall())
    assert kept == [("good",)]
    await database.close()


async def test_a_cancelled_caller_does_not_stop_the_others(store: Store) -> None:
    tasks = [asyncio.create_task(store.append_event(new_event())) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [event.sequence for event in outcomes[1:] if not isinstance(event, BaseException)] == list(range(2, 11))


async def test_closing_finishes_the_writes_under_way_and_refuses_later_ones(tmp_path: Path) -> None:
    store = await open_store(None, tmp_path)
    tasks = [asyncio.create_task(store.append_event(new_event())) for _ in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert sequences(await asyncio.gather(*tasks)) == list(range(1, 11))
    with pytest.raises(StoreUnavailable, match="closed"):
        await append(store, 1)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


@pytest.mark.parametrize(
    "wanted",
    [
        EventFilter(),
        EventFilter(patient_id="A"),
        EventFilter(modalities=("CT", "MR")),
        EventFilter(patient_id="A", modalities=("CT", "MR")),
    ],
)
async def test_no_page_of_events_scans_or_sorts(wanted: EventFilter, tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite")
    sql, values = page_query(wanted, 5, 100)
    plan = await database.read(lambda connection: connection.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall())
    steps = [row[3] for row in plan]
    scans = [step for step in steps if re.match(r"SCAN (?!\(?subquery|\d+ CONSTANT)", step, re.IGNORECASE)]
    assert any(step.startswith("SEARCH exam_events USING") for step in steps), steps
    assert not scans, steps
    assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps), steps
    await database.close()
