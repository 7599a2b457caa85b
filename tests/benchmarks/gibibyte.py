"""1 GiB in and out of the embedded PACS; a copy of the same file is the yardstick."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.figure import Figure
from tests.benchmarks.measuring import (
    ROUNDS,
    blocked_milliseconds,
    milliseconds_of,
    peak_bytes,
    reset_peak,
    unblocked,
)
from tests.benchmarks.watched import WatchedServer
from tests.real.server import ServerProcess, rss_bytes
from tests.real.test_serve import big_file, curl_upload

_MB = 1e6
_MIB = 1 << 20
_TARGET = "≥ 250 MB/s; × a file copy"


def gibibyte(folder: Path) -> Iterator[Figure]:
    """Medians of some uploads and downloads, and the memory that they add to the API at most."""
    server = WatchedServer(folder, LOG_LEVEL="error", STABLE_AGE_SECONDS="3600")
    server.start()
    try:
        yield from _measured(server, folder)
    finally:
        server.stop()


def _measured(server: ServerProcess, folder: Path) -> Iterator[Figure]:
    copied, sent, fetched, added, blocked = [], [], [], [], []
    for _ in range(ROUNDS):
        big = big_file(folder / "big.dcm", 1024 * _MIB)
        megabytes = big.stat().st_size / _MB
        copied.append(megabytes / milliseconds_of(_copied, big) * 1000)
        before = rss_bytes(server.pid)
        reset_peak(server.pid)
        blocked_milliseconds(server)
        started = time.perf_counter()
        result = curl_upload(server.url, big)
        sent.append(megabytes / (time.perf_counter() - started))
        fetched.append(megabytes / milliseconds_of(_fetched, result["instance"]["fileURL"]) * 1000)
        blocked.append(blocked_milliseconds(server))
        added.append((peak_bytes(server.pid) - before) / _MIB)
    copy = median(copied)
    for name, rates in (("upload of 1 GiB", sent), ("download of 1 GiB", fetched)):
        reached = median(rates)
        yield Figure(name, reached, "MB/s", reached / copy, _TARGET, copy, reached >= 250)
    yield Figure("memory added by both", max(added), "MiB", target="≤ 64 MiB", met=max(added) <= 64)
    yield unblocked("1 GiB in and out", blocked)


def _copied(big: Path) -> None:
    shutil.copyfile(big, big.with_suffix(".copy"))


def _fetched(url: str) -> None:
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", url], check=True)
