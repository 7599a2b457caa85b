"""What a server makes of Python's search for garbage."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.serving import prepared
from graph.settings import Settings


@pytest.fixture
def as_before() -> Iterator[None]:
    """The search as it was, in the end."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("as_before")
def test_what_is_there_at_the_start_is_not_searched_and_what_comes_is_searched_less_often(tmp_path: Path) -> None:
    usual = gc.get_threshold()

    app = prepared(Settings(data_dir=tmp_path), workers=1).app

    assert not any(found is app for found in gc.get_objects())
    assert gc.get_freeze_count() > 10_000
    assert all(now > before for now, before in zip(gc.get_threshold(), usual, strict=True))
