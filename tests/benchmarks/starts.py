"""From the command to the first answer, with the embedded PACS."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import ROUNDS
from tests.real.server import ServerProcess


def start(folder: Path) -> Iterator[Figure]:
    """The median of some starts on the same data."""
    server = ServerProcess(folder, LOG_LEVEL="error")
    seconds = []
    for _ in range(ROUNDS):
        seconds.append(server.start())
        server.stop()
    middle = median(seconds)
    yield Figure("start to ready", middle, "s", target="≤ 2 s", met=middle <= 2)
