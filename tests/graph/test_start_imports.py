"""What a process imports before others can start beside it, or at all: modules are most of a start's time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_UNTIL_THE_PACS_STARTS = """
import sys
from contextlib import contextmanager
from graph import server

@contextmanager
def starting(arguments, environment):
    print(*sys.modules)
    raise SystemExit
    yield

server.starting_archive = starting
server.run()
"""


def _imported(script: str, folder: Path) -> set[str]:
    """The modules that a script prints, which runs in a folder of its own."""
    command = [sys.executable, "-c", script]
    environment = os.environ | {"DATA_DIR": str(folder), "PORT": "0"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=folder, timeout=60)
    return set(said.stdout.split())


def test_the_embedded_pacs_is_started_before_the_application_is_imported(tmp_path: Path) -> None:
    imported = _imported(_UNTIL_THE_PACS_STARTS, tmp_path)

    assert "persistence.sqlite" in imported
    assert not {"graph.app", "uvicorn", "strawberry", "graphql", "pydicom", "pymongo", "beanie"} & imported


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("graph.http_server", "pynetdicom pymongo beanie"), ("pacs.archive.server", "pynetdicom strawberry graphql")],
)
def test_nothing_is_imported_that_few_need(module: str, unwanted: str, tmp_path: Path) -> None:
    imported = _imported(f"import sys, {module}; print(*sys.modules)", tmp_path)

    assert module in imported
    assert not set(unwanted.split()) & imported
