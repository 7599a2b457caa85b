"""`make bench`: `python -m tests.benchmarks [--json] [suite] …` with the names of `SUITES`, all of them by default."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.benchmarks import archive, dimse, orthanc, pictures, server
from tests.benchmarks.figure import Figure, show


def _server() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from server.rows(Path(folder))


def _archive() -> Iterable[Figure]:
    for row in archive.rows():
        target = "≤ 10 ms" if row.name.startswith("patient query") else ""
        yield Figure(row.name, row.value, "", target=target)


def _dimse() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from dimse.rows(Path(folder))


def _pictures() -> Iterable[Figure]:
    for row in asyncio.run(pictures.rows()):
        yield Figure(f"thumbnail of {row.name}", row.thumbnail_milliseconds, "ms")
    yield Figure("thumbnails of a CT, two workers", asyncio.run(pictures.thumbnails_per_second()), "/s")


def _orthanc() -> Iterable[Figure]:
    if not orthanc.is_installed():
        sys.stderr.write("Orthanc is missing, and left out: apt-get install orthanc orthanc-dicomweb\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from orthanc.rows(Path(folder))


SUITES: dict[str, Callable[[], Iterable[Figure]]] = {
    "server": _server,
    "archive": _archive,
    "dimse": _dimse,
    "pictures": _pictures,
    "orthanc": _orthanc,
}


def main(arguments: list[str]) -> None:
    """Runs the suites that are named and shows their figures."""
    names = [argument for argument in arguments if not argument.startswith("-")] or list(SUITES)
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(SUITES)}")
    show([figure for name in names for figure in SUITES[name]()], as_json="--json" in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
