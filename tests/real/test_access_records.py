"""Access records of the server as people run it: a stop loses none, `kill -9` those of the last moment at most."""

import asyncio
from pathlib import Path

import httpx

from tests.graph.api import Api
from tests.real.server import ServerProcess

_READ = "query ($p: String!) { studies(patientID: $p) { totalCount } }"
_RECORDS = "query ($p: String!) { accessRecords(patientID: $p, first: 1000) { nodes { action } } }"


async def read(server: ServerProcess, times: int) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        await asyncio.gather(*(Api(client).ask(_READ, p="P") for _ in range(times)))


async def recorded(server: ServerProcess) -> int:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        nodes = (await Api(client).ask(_RECORDS, p="P"))["accessRecords"]["nodes"]
    return [node["action"] for node in nodes].count("graphql:study:search")


async def test_a_stop_keeps_every_record_and_a_kill_all_but_the_last_moments(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        await read(server, 200)
        assert server.stop() == 0
        server.start()
        after_stop = await recorded(server)

        await read(server, 100)
        await asyncio.sleep(1)
        await read(server, 5)
        server.kill(server=True, archive=True)
        server.start()
        after_kill = await recorded(server)
    finally:
        server.stop()

    assert after_stop == 200
    assert 300 <= after_kill <= 305
