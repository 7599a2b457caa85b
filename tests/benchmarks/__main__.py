"""`make bench`: `python -m tests.benchmarks [--json] [name] …` with names of `WORK`, all of `TARGETS` by default."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.benchmarks import archive, dimse, pictures
from tests.benchmarks.answers import large_answer
from tests.benchmarks.callbacks import callbacks
from tests.benchmarks.exams import query, requests, tree
from tests.benchmarks.figure import Figure, show
from tests.benchmarks.gibibyte import gibibyte
from tests.benchmarks.replicas import replicas
from tests.benchmarks.scale import scale
from tests.benchmarks.starts import start
from tests.benchmarks.subscribers import subscribers
from tests.benchmarks.thumbnails import thumbnails
from tests.benchmarks.transfers import downloads, uploads
from tests.benchmarks.workers import workers
from tests.real.orthanc import is_installed

Rows = Callable[[Path], Iterable[Figure]]


def _archive(_: Path) -> Iterable[Figure]:
    for row in archive.rows():
        met = row.value <= 10 if row.name.startswith("patient query") else None
        yield Figure(row.name, row.value, "", target="" if met is None else "≤ 10 ms", met=met)


def _pictures(_: Path) -> Iterable[Figure]:
    for row in asyncio.run(pictures.rows()):
        yield Figure(f"thumbnail of {row.name}", row.thumbnail_milliseconds, "ms")
    yield Figure("thumbnails of a CT, two workers", asyncio.run(pictures.thumbnails_per_second()), "/s")


TARGETS: dict[str, Rows] = {
    "query": query,
    "tree": tree,
    "large-answer": large_answer,
    "requests": requests,
    "uploads": uploads,
    "gibibyte": gibibyte,
    "downloads": downloads,
    "thumbnails": thumbnails,
    "callbacks": callbacks,
    "subscribers": subscribers,
    "replicas": replicas,
    "start": start,
    "workers": workers,
}
"""What has a target."""

WORK: dict[str, Rows] = {
    **TARGETS,
    "archive": _archive,
    "dimse": dimse.rows,
    "pictures": _pictures,
    "scale": scale,
}
"""All that can be measured."""

_NEED_ORTHANC = {"query", "tree", "requests", "uploads", "downloads", "thumbnails", "dimse"}


def main(arguments: list[str]) -> None:
    """Does the work that is named and shows its figures."""
    if {argument for argument in arguments if argument.startswith("-")} - {"--json"}:
        sys.exit(f"{__doc__}\n\nNames: {', '.join(WORK)}")
    names = [argument for argument in arguments if not argument.startswith("-")] or list(TARGETS)
    unknown = [name for name in names if name not in WORK]
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(WORK)}")
    if not is_installed() and (lacking := [name for name in names if name in _NEED_ORTHANC]):
        sys.stderr.write(f"{', '.join(lacking)} left out: apt-get install orthanc orthanc-dicomweb\n")
        names = [name for name in names if name not in lacking]
    show([figure for name in names for figure in _figures(name)], as_json="--json" in arguments)


def _figures(name: str) -> list[Figure]:
    sys.stderr.write(f"{name} …\n")
    with tempfile.TemporaryDirectory() as folder:
        return list(WORK[name](Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
