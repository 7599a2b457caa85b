"""JSON of Orthanc's REST API, read strictly: what it is not used to say is a `PacsFault`."""

import re
from collections.abc import Mapping
from typing import Any

from pacs.errors import PacsFault

IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")


def identifier(value: object) -> str:
    """An Orthanc identifier, fit to stand in a path."""
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise odd()
    return value


def text(value: object) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """An object, and nothing else."""
    if not isinstance(value, Mapping):
        raise odd()
    return value


def odd() -> PacsFault:
    """The complaint."""
    return PacsFault("this is not how Orthanc's REST API answers")
