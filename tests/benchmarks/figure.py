"""A measured figure, and how figures are shown."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import quantiles

import orjson
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `ratio` to a `yardstick` (same unit) that was measured in the same run.

    `target` says in words what it should be, and `met` whether it is; None where it is not for the machine to say.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    target: str = ""
    yardstick: float | None = None
    met: bool | None = None


def percentile(values: list[float], percent: int) -> float:
    """The value that `percent` of 100 stay below."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def machine() -> str:
    """What the figures were measured on."""
    model = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ": unknown processor")
    memory = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), ": 0")
    gib = int(memory.split()[1]) / 1024**2
    return f"{os.cpu_count()} × {model.split(':')[1].strip()}, {gib:.0f} GiB, Python {platform.python_version()}"


def show(figures: Iterable[Figure], *, as_json: bool) -> None:
    """Prints the figures: a table for people, or JSON."""
    if as_json:
        answer = {"machine": machine(), "figures": [asdict(figure) for figure in figures]}
        sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table("work", "measured", "beside", "ratio", "target", "met", title=machine())
    for figure in figures:
        beside = f"{figure.yardstick:,.4g}" if figure.yardstick is not None else ""
        ratio = f"{figure.ratio:.2f} ×" if figure.ratio is not None else ""
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:,.4g} {figure.unit}", beside, ratio, figure.target, met)
    Console(width=150).print(table)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []
