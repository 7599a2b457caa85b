"""What a process imports before others can start beside it, or at all: modules are most of a start's time."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("graph.server", "graph.app strawberry graphql pydicom pymongo beanie"),
        ("graph.serving", "pynetdicom pymongo beanie"),
        ("pacs.archive.server", "pynetdicom strawberry graphql"),
    ],
)
def test_a_start_imports_nothing_that_can_wait(module: str, unwanted: str) -> None:
    script = f"import sys, {module}; print(*sys.modules)"

    imported = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert module in imported.split()
    assert not set(unwanted.split()) & set(imported.split())
