"""What all tests share, and what makes them quicker without changing what they see."""

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from httpx import create_ssl_context
from hypothesis import HealthCheck, settings

from graph.archive_process import running_archive

# How long an example takes is no property of what is tested: other tests run beside it.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Lets the garbage collector pass over the modules and tests that stay until the end anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """The certificates of all authorities, which httpx reads again for each client, in 10 ms (measured)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", cache(create_ssl_context))
        yield


@pytest.fixture(autouse=True)
def no_spool_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test sees what its own uploads leave behind."""
    monkeypatch.setattr("graph.engine.spool_files._MOST_KEPT", 0)


@pytest.fixture(scope="session")
def archive_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An embedded PACS for all tests of this process; every test makes patients of its own."""
    arguments = ["--data-dir", str(tmp_path_factory.mktemp("archive"))]
    with running_archive(arguments, dict(os.environ)) as path:
        yield path
