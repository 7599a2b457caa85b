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


def _imported(script: str, **environment: str) -> set[str]:
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment)
    return set(said.stdout.split())


def test_the_embedded_pacs_is_started_before_the_application_is_imported(tmp_path: Path) -> None:
    imported = _imported(_UNTIL_THE_PACS_STARTS, DATA_DIR=str(tmp_path), PORT="0")

    assert "persistence.sqlite" in imported
    assert not {"graph.app", "uvicorn", "strawberry", "graphql", "pydicom", "pymongo", "beanie"} & imported


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("graph.http_server", "pynetdicom pymongo beanie"), ("pacs.archive.server", "pynetdicom strawberry graphql")],
)
def test_nothing_is_imported_that_few_need(module: str, unwanted: str) -> None:
    imported = _imported(f"import sys, {module}; print(*sys.modules)")

    assert module in imported
    assert not set(unwanted.split()) & imported
