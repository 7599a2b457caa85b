"""Twenty rounds of kill -9 while a scanner works.

Every request for commitment that was taken is answered, and answered right; every step that was begun can be ended.
"""

import asyncio
import contextlib
import gc
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.pacs.archive.dimse.modality import Modality, ended, started
from tests.real.scanner import Scanner
from tests.real.server import ServerProcess, free_port
from tests.samples import Exam

ROUNDS = 20
CT = "1.2.840.10008.5.1.4.1.1.2"
REPORT_SECONDS = 60.0
ABSENT = {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": "1.2.3.4.5"}


@dataclass
class Asking:
    """Threads that begin steps and ask for commitment, again and again."""

    scanner: Scanner
    stored: dict[str, str]
    taken: set[str] = field(default_factory=set)
    """Transaction UIDs of requests that got 0000."""
    begun: set[str] = field(default_factory=set)
    """Performed procedure steps that got 0000."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopping.is_set():
            uid = new_uid()
            with contextlib.suppress(ConnectionError, RuntimeError, ValueError, OSError):
                if self.scanner.asks_now(uid, self.stored, ABSENT) == 0x0000:
                    self.taken.add(uid)
                if self.scanner.begins_now(uid, **started()) == 0x0000:
                    self.begun.add(uid)

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.run) for _ in range(2)]
        self.stopping.clear()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()


async def told(modality: Modality, waiting: set[str]) -> int:
    """Takes reports until all that are waited for have come; how many came."""
    count = 0
    async with asyncio.timeout(REPORT_SECONDS):
        while waiting:
            report = await modality.next()
            (safe,) = report.information.ReferencedSOPSequence
            (lost,) = report.information.FailedSOPSequence
            assert lost.ReferencedSOPInstanceUID == ABSENT["ReferencedSOPInstanceUID"] != safe.ReferencedSOPInstanceUID
            waiting.discard(str(report.information.TransactionUID))
            count += 1
    return count


@pytest.fixture
def leaks_collected() -> Iterator[None]:
    """Collects, within the test, the sockets that pynetdicom leaves open when a connection is refused."""
    yield
    gc.collect()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("leaks_collected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of those sockets
async def test_what_a_scanner_was_told_holds_after_a_kill(tmp_path: Path) -> None:
    port, modality, dice = free_port(), Modality(), random.Random(11)
    with modality.listening():
        peers = f"SCANNER=127.0.0.1:{modality.port}"
        server = ServerProcess(tmp_path, DIMSE_PORT=str(port), DIMSE_PEERS=peers, LOG_LEVEL="warning")
        server.start()
        image = Exam().image()
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            await Api(client).upload(image.content)
        stored = {"ReferencedSOPClassUID": CT, "ReferencedSOPInstanceUID": image.instance}
        asking, known, reports, steps = Asking(Scanner(port), stored), 0, 0, 0
        for number in range(ROUNDS):
            is_server_killed = number % 2 == 0
            with asking.going_on():
                await asyncio.sleep(0.3 + dice.random() / 2)
                await asyncio.to_thread(server.kill, server=is_server_killed, archive=True)
            await asyncio.to_thread(server.start if is_server_killed else server.wait_until_ready)
            waiting = set(asking.taken)
            asking.taken.clear()
            known += len(waiting)
            reports += await told(modality, waiting)
            ends = [await asking.scanner.ends(uid, **ended()) for uid in asking.begun]
            steps += len(ends)
            assert set(ends) <= {0x0000}
            asking.begun.clear()
            sys.stdout.write(
                f"round {number + 1}: {known} requests taken, all answered by {reports} reports; {steps} steps kept\n"
            )
        server.stop()
    assert min(known, steps) >= ROUNDS
