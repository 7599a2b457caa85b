"""How long work takes, and what it costs a process."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from tests.benchmarks.figure import Figure, percentile
from tests.real.server import ServerProcess

ROUNDS = 5
"""How often what takes seconds is measured; what takes milliseconds, more often."""

Work = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Milliseconds of the same work done in several ways, in turn: one list a way."""

    ways: tuple[list[float], ...]

    def median(self, way: int) -> float:
        """The middle one."""
        return median(self.ways[way])

    def percentile(self, way: int, percent: int) -> float:
        """What `percent` of 100 stay below."""
        return percentile(self.ways[way], percent)


def in_turn(rounds: int, *ways: Work, warm_up: int = 1) -> Times:
    """Each way once a round, so that what else the machine does hits all of them."""
    taken: tuple[list[float], ...] = tuple([] for _ in ways)
    for number in range(rounds + warm_up):
        for work, times in zip(ways, taken, strict=True):
            milliseconds = milliseconds_of(work)
            if number >= warm_up:
                times.append(milliseconds)
    return Times(taken)


def milliseconds_of(work: Callable[..., object], *arguments: object) -> float:
    """How long it takes once."""
    started = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - started) * 1000


def beside(name: str, times: Times, target: str, most: float) -> Figure:
    """The median of the first way as a multiple of the second, which may be at most `most`."""
    ours, theirs = times.median(0), times.median(1)
    return Figure(name, ours, "ms", ours / theirs, target, theirs, ours / theirs <= most)


def rate(name: str, amount: float, unit: str, times: Times, target: str, least: float) -> Figure:
    """`amount` a second by the first way, as a multiple of the second, which must be at least `least`."""
    ours, theirs = (1000 * amount / times.median(way) for way in (0, 1))
    return Figure(name, ours, unit, ours / theirs, target, theirs, ours / theirs >= least)


def blocked_milliseconds(server: ServerProcess) -> float:
    """The longest that the event loop of a `WatchedServer` kept others waiting since this was last asked."""
    return float(httpx.get(f"{server.url}/watchdog", timeout=60).text)


def unblocked(work: str, blocked: list[float]) -> Figure:
    """The median of what `blocked_milliseconds` told of each round of some work."""
    longest = median(blocked)
    return Figure(f"longest wait in the event loop, {work}", longest, "ms", target="≤ 25 ms", met=longest <= 25)


def cpu_seconds(pid: int) -> float:
    """What a process and its threads have computed so far (to the nanosecond, unlike its ticks)."""
    nanoseconds = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):
            nanoseconds += int(schedstat.read_text().split()[0])
    return nanoseconds / 1e9


def reset_peak(pid: int) -> None:
    """Lets `peak_bytes` begin anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory that a process held since `reset_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
