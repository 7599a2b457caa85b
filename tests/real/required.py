"""Tests against real servers skip where the server is missing, and fail there under `REAL=required`."""

import os

import pytest


def need(present: object, how_to_get_it: str) -> None:
    """Skips the test unless `present`; under `REAL=required` it fails."""
    if present:
        return
    if os.environ.get("REAL") == "required":
        pytest.fail(how_to_get_it)
    pytest.skip(how_to_get_it)
