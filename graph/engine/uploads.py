"""Files that come with a GraphQL request, as resolvers see them; see `form` for how they arrive."""

from dataclasses import dataclass, field
from typing import Any

import strawberry

from graph.engine.spool import SpooledFile
from graph.engine.spool_files import SpoolFiles
from graph.engine.turns import Turns
from graph.errors import bad_input


@dataclass(frozen=True)
class UploadLimits:
    """The most that one upload may hold, where it waits, and in whose turn it comes in."""

    max_json_bytes: int
    max_file_bytes: int
    max_files: int
    max_request_bytes: int
    spool_files: SpoolFiles = field(default_factory=SpoolFiles)
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True)
class UploadedFile:
    """A file as a resolver gets it: open for reading from its start, closed when the request ends."""

    filename: str | None
    size: int
    """Bytes that were sent; where `too_large`, `file` has none of them."""
    file: SpooledFile
    too_large: bool = False


def _parse_upload(value: Any) -> UploadedFile:
    if not isinstance(value, UploadedFile):
        raise bad_input("A file is sent as a part of a multipart/form-data request.")
    return value


def _no_literal(*_: Any) -> UploadedFile:
    raise bad_input("A file is given as a variable, never in the document.")


def _no_output(_: Any) -> None:
    raise TypeError("a file is never part of an answer")


UPLOAD = strawberry.scalar(
    name="Upload",
    description="A file, sent as the GraphQL multipart request specification says.",
    serialize=_no_output,
    parse_value=_parse_upload,
    parse_literal=_no_literal,
)
