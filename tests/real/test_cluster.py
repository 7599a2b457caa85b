"""Three servers behind nginx, each on a gateway of its own to one engine; all are killed in turn, under load."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.benchmarks.figure import percentile
from tests.graph.webhook_receiver import Receiver, listening
from tests.pace import slowness
from tests.real.archive import ArchiveProcess
from tests.real.load import Announcer, Follower, first_cursor, under_load
from tests.real.mongo import MongoServer, fresh_database
from tests.real.nginx import nginx
from tests.real.server import ServerProcess

REPLICAS, ANNOUNCERS, FOLLOWERS, RECEIVERS, ROUNDS = 3, 6, 50, 2, 10
PAUSE_SECONDS = 0.15
QUIET_SECONDS = 5.0
LONGEST_P99_SECONDS = 1.0
"""From the post to a subscriber on any replica, 0.3 on a machine with nothing else to do. A machine that is slower just
now gets as much longer, and fewer exams at once: of what one cannot keep up with, a queue would be measured."""
PATIENCE_SECONDS = 90.0


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ArchiveProcess]:
    with ArchiveProcess(tmp_path) as archive:
        yield archive


class Cluster:
    """The replicas, and how their parts die and come back."""

    def __init__(self, folder: Path, mongo: MongoServer, pacs: ArchiveProcess, receivers: list[Receiver]) -> None:
        gateways = [mongo.url] + [mongo.gateway() for _ in range(REPLICAS - 1)]
        self.mongo = mongo
        name = fresh_database(mongo.url).rpartition("/")[2]
        self.databases = [f"{gateway}{name}" for gateway in gateways]
        self.replicas = []
        for number, database in enumerate(self.databases):
            (folder / str(number)).mkdir()
            self.replicas.append(
                ServerProcess(
                    folder / str(number),
                    PACS_URL=pacs.url,
                    WORKLIST_URL=pacs.url,
                    DATABASE_URL=database,
                    CALLBACK_URLS=",".join(receiver.url for receiver in receivers),
                    VIEWER_SESSION_KEY="the same secret of thirty-two characters",
                    LOG_LEVEL="warning",
                )
            )

    def start(self) -> None:
        for replica in self.replicas:
            replica.launch()
        for replica in self.replicas:
            replica.wait_until_ready()

    def stop(self) -> None:
        for replica in self.replicas:
            replica.stop()

    def kill(self, part: str, number: int) -> None:
        """kill -9."""
        if part == "replica":
            self.replicas[number % REPLICAS].kill(server=True, archive=False)
        elif part == "gateway":
            self.mongo.signal_gateway(self.databases[number % REPLICAS], signal.SIGKILL)
        else:
            self.mongo.kill("engine")

    def bring_back(self, part: str, number: int) -> None:
        if part == "replica":
            self.replicas[number % REPLICAS].start()
        else:
            self.mongo.restart()
        for replica in self.replicas:
            replica.wait_until_ready()


@pytest.mark.timeout(600)
async def test_ten_rounds_of_kills_lose_nothing_repeat_nothing_and_keep_the_order(
    mongo: MongoServer, tmp_path: Path, pacs: ArchiveProcess
) -> None:
    times = slowness()
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(listening(Receiver())) for _ in range(RECEIVERS)]
        cluster = Cluster(tmp_path, mongo, pacs, receivers)
        await asyncio.to_thread(cluster.start)
        stack.push_async_callback(asyncio.to_thread, cluster.stop)
        front = stack.enter_context(nginx(tmp_path, [replica.port for replica in cluster.replicas]))
        start = await first_cursor(cluster.replicas[0].url)
        announcers = [Announcer(front.internal_url, PAUSE_SECONDS * times) for _ in range(ANNOUNCERS)]
        followers = [Follower(front.url, start, tls=front.tls) for _ in range(FOLLOWERS)]
        async with under_load(announcers, followers):
            await asyncio.sleep(2)
            quiet = (time.perf_counter(), time.perf_counter() + QUIET_SECONDS)
            await asyncio.sleep(QUIET_SECONDS)
            for number in range(ROUNDS):
                part = ("replica", "gateway", "engine")[number % 3]
                before = sum(len(one.acknowledged) for one in announcers)
                await asyncio.to_thread(cluster.kill, part, number)
                await asyncio.sleep(1)
                await asyncio.to_thread(cluster.bring_back, part, number)
                await asyncio.sleep(1)
                after = sum(len(one.acknowledged) for one in announcers)
                sys.stdout.write(
                    f"round {number + 1}: killed {part}; {after - before} callbacks acknowledged meanwhile\n"
                )
        acknowledged = {study: began for one in announcers for study, began in one.acknowledged.items()}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(acknowledged.keys() - set(receiver.studies) for receiver in receivers):
                await asyncio.sleep(0.2)

    delays = [
        heard - acknowledged[study]
        for follower in followers
        for study, heard in follower.heard.items()
        if study in acknowledged and quiet[0] < acknowledged[study] < quiet[1]
    ]
    refusals = [refusal.status for one in announcers for refusal in one.refusals]
    repeated = [len(receiver.ids) - len(set(receiver.ids)) for receiver in receivers]
    sys.stdout.write(
        f"{len(acknowledged)} callbacks acknowledged, {len(refusals)} refused and posted again; "
        f"{sum(one.sockets for one in followers)} sockets of {FOLLOWERS} subscribers; webhooks repeated: {repeated}; "
        f"post to subscriber p50 {percentile(delays, 50) * 1000:.0f} ms, p99 {percentile(delays, 99) * 1000:.0f} ms\n"
    )
    assert len({tuple(follower.heard) for follower in followers}) == 1
    assert [follower.repeats for follower in followers] == [0] * FOLLOWERS
    assert sum(one.sockets for one in followers) > FOLLOWERS
    assert percentile(delays, 99) < LONGEST_P99_SECONDS * times
