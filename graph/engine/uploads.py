"""Files that come with a GraphQL request (the GraphQL multipart request specification).

The body is read as it arrives: each file goes to an unlinked temporary file. About `_WRITE_BYTES` wait in memory while
others are written. A file over the limit is cut and marked, so that the others succeed. The files are closed when the
request ends, however it ends.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import strawberry
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from graph.errors import ContractError, bad_input

_WRITE_BYTES = 1 << 20
_JSON_PARTS = ("operations", "map")


@dataclass(frozen=True)
class UploadLimits:
    """The most that one upload may hold, and where it waits."""

    max_json_bytes: int
    max_file_bytes: int
    max_files: int
    max_request_bytes: int
    spool_dir: Path | None = None
    """None: the system's temporary folder."""


@dataclass(frozen=True)
class UploadedFile:
    """A file as a resolver gets it: open for reading from its start, closed when the request ends."""

    filename: str | None
    size: int
    """Bytes that were sent; where `too_large`, `file` has none of them."""
    file: BinaryIO
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


@dataclass
class _Part:
    name: str
    filename: str | None
    file: BinaryIO | None
    size: int = 0
    too_large: bool = False


@dataclass(frozen=True)
class Form:
    """The parts of one form."""

    operations: bytes
    map: bytes
    files: dict[str, UploadedFile]


@asynccontextmanager
async def read_form(content_type: str, chunks: AsyncIterator[bytes], limits: UploadLimits) -> AsyncIterator[Form]:
    """The form of one request, its files open.

    Raises ContractError: BAD_USER_INPUT (400) for what is no such form, with status 413 for a body over the limit.
    """
    reader = _FormReader(limits)
    try:
        await reader.read(_boundary(content_type), chunks)
        yield reader.form()
    finally:
        await asyncio.shield(asyncio.to_thread(reader.close))


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise bad_input("The Content-Type of a multipart request names its boundary.")
    return boundary


class _FormReader:
    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._json: dict[str, bytearray] = {}
        self._parts: dict[str, _Part] = {}
        self._part: _Part | None = None
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._waiting: list[tuple[_Part, bytes]] = []
        self._writing: asyncio.Future[None] | None = None
        self._complete = False

    async def read(self, boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
        try:
            parser = MultipartParser(
                boundary,
                {  # a table of events, as the parser names them
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value_part,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
            await self._feed(parser, chunks)
        except FormParserError as error:
            raise bad_input("The body is not multipart/form-data.") from error
        if not self._complete:
            raise bad_input("The body ends before its last part does.")
        await asyncio.to_thread(self._rewind)

    async def _feed(self, parser: MultipartParser, chunks: AsyncIterator[bytes]) -> None:
        """While some bytes are written, the next ones come."""
        received = waiting = 0
        try:
            async for chunk in chunks:
                received += len(chunk)
                if received > self._limits.max_request_bytes:
                    raise too_large_body(self._limits.max_request_bytes)
                parser.write(chunk)
                waiting += len(chunk)
                if waiting >= _WRITE_BYTES:
                    await self._written()
                    block, self._waiting, waiting = self._waiting, [], 0
                    self._writing = asyncio.ensure_future(asyncio.to_thread(_write, block))
            await self._written()
        finally:
            if self._writing is not None:
                await asyncio.gather(self._writing, return_exceptions=True)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def form(self) -> Form:
        missing = [name for name in _JSON_PARTS if name not in self._json]
        if missing:
            raise bad_input(f"The form has no part named `{missing[0]}`.")
        files = {
            part.name: UploadedFile(part.filename, part.size, part.file, part.too_large)
            for part in self._parts.values()
            if part.file is not None
        }
        return Form(bytes(self._json["operations"]), bytes(self._json["map"]), files)

    def close(self) -> None:
        for part in self._parts.values():
            if part.file is not None:
                part.file.close()

    def _begin(self) -> None:
        self._part = None
        self._header_name = self._header_value = self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise bad_input("A part of the form has no name.")
        name = _text(options[b"name"])
        if name in self._json or name in self._parts:
            raise bad_input("Two parts of the form have the same name.")
        if name in _JSON_PARTS:
            self._json[name] = bytearray()
            self._part = _Part(name, None, None)
            return
        if len(self._parts) >= self._limits.max_files:
            raise bad_input(f"The form has too many files; the most is {self._limits.max_files}.")
        filename = _text(options[b"filename"]) if b"filename" in options else None
        spool = tempfile.TemporaryFile(dir=self._limits.spool_dir)  # noqa: SIM115  # closed with the form
        self._part = self._parts[name] = _Part(name, filename, spool)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        assert part is not None  # noqa: S101  # the parser gives data only after headers
        part.size += end - start
        if part.file is None:
            if part.size > self._limits.max_json_bytes:
                raise too_large_body(self._limits.max_json_bytes, f"The part `{part.name}`")
            self._json[part.name] += data[start:end]
        elif part.size > self._limits.max_file_bytes:
            part.too_large = True
        else:
            self._waiting.append((part, data[start:end]))

    def _end(self) -> None:
        self._complete = True

    def _rewind(self) -> None:
        _write(self._waiting)
        self._waiting = []
        for part in self._parts.values():
            if part.file is not None:
                part.file.seek(0)
                if part.too_large:
                    part.file.truncate()


def _write(waiting: list[tuple[_Part, bytes]]) -> None:
    for part, data in waiting:
        if part.file is not None and not part.too_large:
            part.file.write(data)


def too_large_body(max_bytes: int, what: str = "The request") -> ContractError:
    """The refusal (413) of a body, or a part of it, over its limit."""
    return bad_input(f"{what} is over the limit of {max_bytes} bytes.", status=413)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
