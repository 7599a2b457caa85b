"""Callbacks, 32 at once, each safe before it is answered; inserts of the same bodies directly are the yardstick."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pymongo
from pymongo.write_concern import WriteConcern

from pacs.uids import new_uid
from tests.benchmarks.figure import Figure, percentile
from tests.benchmarks.measuring import ROUNDS, Times, blocked_milliseconds, milliseconds_of, rate, unblocked
from tests.benchmarks.watched import WatchedServer
from tests.real.mongo import fresh_database

_AT_ONCE = 32
_CALLBACKS = 3_200
_TARGET = "≥ 1,000/s, ≥ 0.5 × "


def callbacks(folder: Path) -> Iterator[Figure]:
    """In SQLite; and in MongoDB where MONGODB_URL names one."""
    yield from _measured(folder, "SQLite", None)
    if url := os.environ.get("MONGODB_URL"):
        folder = folder / "mongodb"
        folder.mkdir()
        yield from _measured(folder, "MongoDB", fresh_database(url))


def _measured(folder: Path, store: str, url: str | None) -> Iterator[Figure]:
    server = WatchedServer(folder, LOG_LEVEL="error", **({"DATABASE_URL": url} if url else {}))
    server.start()
    try:
        each: list[float] = []
        posted: list[float] = []
        inserted: list[float] = []
        blocked: list[float] = []
        for number in range(ROUNDS):
            bodies = [orjson.dumps({"StudyInstanceUID": new_uid(), "PatientID": f"P{n}"}) for n in range(_CALLBACKS)]
            blocked_milliseconds(server)
            posted.append(milliseconds_of(_post_all, server.port, bodies, each))
            blocked.append(blocked_milliseconds(server))
            insert, place = (_into_mongo, url) if url else (_into_sqlite, str(folder / f"raw-{number}.sqlite"))
            inserted.append(milliseconds_of(insert, place, bodies))
    finally:
        server.stop()
    figure = rate(f"callbacks, {_AT_ONCE} at once, {store}", _CALLBACKS, "/s", Times((posted, inserted)), "", 0.5)
    met = bool(figure.met) and figure.value >= 1000
    yield Figure(figure.name, figure.value, "/s", figure.ratio, f"{_TARGET}{store}", figure.yardstick, met)
    yield Figure(f"a callback among {_AT_ONCE}, {store}, p99", percentile(each, 99), "ms")
    yield unblocked(f"callbacks, {store}", blocked)


def _post_all(port: int, bodies: list[bytes], each: list[float]) -> None:
    asyncio.run(_post(port, bodies, each))


async def _post(port: int, bodies: list[bytes], each: list[float]) -> None:
    queue = iter(bodies)

    async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in queue:
            started = time.perf_counter()
            head = f"POST /new-exam-callback HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
            each.append((time.perf_counter() - started) * 1000)
        writer.close()

    connections = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(_AT_ONCE)))
    await asyncio.gather(*(post(*connection) for connection in connections))


def _into_sqlite(path: str, bodies: list[bytes]) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (b BLOB)")
    for body in bodies:
        database.execute("INSERT INTO t VALUES (?)", (body,))
    database.close()


def _into_mongo(url: str, bodies: list[bytes]) -> None:
    with pymongo.MongoClient[dict[str, bytes]](url) as client:
        table = client.get_default_database().get_collection("raw", write_concern=WriteConcern(w="majority", j=True))
        for body in bodies:
            table.insert_one({"b": body})
