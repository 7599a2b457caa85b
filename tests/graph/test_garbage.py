"""What a server makes of Python's search for garbage."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph import garbage
from graph.http_server import prepared
from graph.settings import Settings


@pytest.fixture
def as_before() -> Iterator[None]:
    """The search as it was, in the end."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


@pytest.mark.usefixtures("as_before")
def test_what_is_there_at_the_start_is_not_searched_and_what_comes_is_searched_less_often(tmp_path: Path) -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()

    garbage.pause()
    app = prepared(Settings(data_dir=tmp_path), workers=1).app

    assert gc.isenabled()
    assert not any(found is app for found in gc.get_objects())
    assert gc.get_freeze_count() > frozen
    assert all(now > before for now, before in zip(gc.get_threshold(), usual, strict=True))
