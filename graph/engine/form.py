"""A form with files (the GraphQL multipart request specification), read as it arrives.

The files of a form wait in spools. A file over the limit is cut and marked, so that the others succeed. The files
are closed when the request ends, however it ends.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from graph.engine.spool import Spool, SpooledFile
from graph.engine.spools import Spools
from graph.engine.uploads import UploadedFile, UploadLimits
from graph.errors import ContractError, bad_input

_JSON_PARTS = ("operations", "map")


@dataclass
class _Part:
    name: str
    filename: str | None
    spool: Spool
    start: int
    """Where it lies in the spool."""
    size: int = 0


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
        await asyncio.shield(reader.spools.aclose())


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise bad_input("The Content-Type of a multipart request names its boundary.")
    return boundary


class _FormReader:
    def __init__(self, limits: UploadLimits) -> None:
        self.spools = Spools(limits.spool_files)
        self._limits = limits
        self._json: dict[str, bytearray] = {}
        self._files: dict[str, _Part] = {}
        self._part: _Part | None = None
        self._header_name = self._header_value = b""
        self._disposition = b""
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
        await self.spools.finish()

    async def _feed(self, parser: MultipartParser, chunks: AsyncIterator[bytes]) -> None:
        """While some bytes are written, the next ones come."""
        received = 0
        async with aclosing(self._limits.turns.taken(chunks)) as taken:
            async for chunk in taken:
                received += len(chunk)
                if received > self._limits.max_request_bytes:
                    raise too_large_body(self._limits.max_request_bytes)
                parser.write(chunk)
                await self.spools.keep_up()

    def form(self) -> Form:
        missing = [name for name in _JSON_PARTS if name not in self._json]
        if missing:
            raise bad_input(f"The form has no part named `{missing[0]}`.")
        files = {name: self._file(part) for name, part in self._files.items()}
        return Form(bytes(self._json["operations"]), bytes(self._json["map"]), files)

    def _file(self, part: _Part) -> UploadedFile:
        too_large = part.size > self._limits.max_file_bytes
        file = SpooledFile(part.spool, part.start, 0 if too_large else part.size)
        return UploadedFile(part.filename, part.size, file, too_large)

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
        if name in self._json or name in self._files:
            raise bad_input("Two parts of the form have the same name.")
        filename = _text(options[b"filename"]) if b"filename" in options else None
        self._part = _Part(name, filename, *self.spools.begin())
        if name in _JSON_PARTS:
            self._json[name] = bytearray()
            return
        if len(self._files) >= self._limits.max_files:
            raise bad_input(f"The form has too many files; the most is {self._limits.max_files}.")
        self._files[name] = self._part

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        assert part is not None  # noqa: S101  # the parser gives data only after headers
        part.size += end - start
        if part.name in self._json:
            if part.size > self._limits.max_json_bytes:
                raise too_large_body(self._limits.max_json_bytes, f"The part `{part.name}`")
            self._json[part.name] += data[start:end]
        elif part.size <= self._limits.max_file_bytes:
            self.spools.add(memoryview(data)[start:end])

    def _end(self) -> None:
        self._complete = True


def too_large_body(max_bytes: int, what: str = "The request") -> ContractError:
    """The refusal (413) of a body, or a part of it, over its limit."""
    return bad_input(f"{what} is over the limit of {max_bytes} bytes.", status=413)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
