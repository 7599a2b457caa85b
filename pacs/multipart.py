"""Multipart bodies (RFC 2046 §5.1), most of all multipart/related, as streams, both ways, in constant memory."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value

_MAX_HEADER_BYTES = 16 * 1024
_MAX_PREAMBLE_BYTES = 64 * 1024
_MAX_BOUNDARY_LENGTH = 70  # RFC 2046 §5.1.1


class BrokenMultipart(ValueError):
    """The bytes are not the multipart body that their Content-Type promises, or end before its closing boundary."""


@dataclass(frozen=True)
class MediaType:
    """A Content-Type or one range of an Accept header: `essence` in lower case, parameters by lower-case name."""

    essence: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, header: str) -> "MediaType":
        """Reads a header value; quoted parameters lose their quotes, extended ones (RFC 2231) their encoding.

        Where one of them cannot be decoded there are none.
        """
        message = Message()
        message["Content-Type"] = header
        try:
            parameters = message.get_params(failobj=[]) or []
            values = {name.lower(): collapse_rfc2231_value(value) for name, value in parameters[1:]}
        except ValueError:  # a charset that is no text's, a number of thousands of digits
            values = {}
        return cls(header.partition(";")[0].strip().lower(), values)


@dataclass(frozen=True)
class Part:
    """One part: its headers by lower-case name, and its body, to be read before the next part is asked for."""

    headers: dict[str, str]
    body: AsyncIterator[bytes]


def boundary_of(content_type: str) -> str:
    """The boundary of a multipart Content-Type; `BrokenMultipart` when it is none or has none."""
    media_type = MediaType.parse(content_type)
    boundary = media_type.parameters.get("boundary", "")
    is_boundary = 0 < len(boundary) <= _MAX_BOUNDARY_LENGTH and boundary.isascii()
    if not media_type.essence.startswith("multipart/") or not is_boundary:
        raise BrokenMultipart("the Content-Type is not multipart with a boundary")
    return boundary


def new_boundary() -> str:
    """A boundary that no file contains: 128 random bits."""
    return secrets.token_hex(16)


def opening(boundary: str, content_type: str, *, first: bool = True, form_name: str | None = None) -> bytes:
    """What stands before a part's body; `form_name` makes it the file of a form (RFC 7578 §4.2)."""
    head = f"--{boundary}\r\n" if first else f"\r\n--{boundary}\r\n"
    if form_name is not None:
        head += f'Content-Disposition: form-data; name="{form_name}"; filename="{form_name}"\r\n'
    return f"{head}Content-Type: {content_type}\r\n\r\n".encode("ascii")


def closing(boundary: str) -> bytes:
    """What stands after the last part's body."""
    return f"\r\n--{boundary}--\r\n".encode("ascii")


async def read_parts(boundary: str, source: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The parts of a multipart body, one after another; what is left of a body when the next is asked for is skipped.

    Raises `BrokenMultipart` when the closing boundary is missing: then the last part was not whole.
    """
    reader = _Reader(source)
    delimiter = b"\r\n--" + boundary.encode("ascii")
    await reader.short(delimiter, _MAX_PREAMBLE_BYTES, "what stands before the first boundary is")
    while (rest := await reader.line()) != b"--":
        if rest:
            raise BrokenMultipart("something stands behind a boundary in its line")
        headers = _headers(await reader.block())
        body = reader.until(delimiter)
        yield Part(headers, body)
        async for _ in body:
            pass


class _Reader:
    """Bytes of a stream, cut at marks that may lie across its chunks."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._buffer = b"\r\n"  # so that the first boundary, at the very start, looks like all others

    async def until(self, mark: bytes) -> AsyncGenerator[bytes, None]:
        """Everything before the next `mark`, which is consumed."""
        keep = len(mark) - 1
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > keep:
                yield self._buffer[:-keep]
                self._buffer = self._buffer[-keep:]
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        if found:
            yield found

    async def line(self) -> bytes:
        """What stands on the boundary's line: nothing, or `--` when it closes the body."""
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return b"--"
        return (await self.short(b"\r\n")).strip(b" \t")

    async def block(self) -> bytes:
        """The header lines of a part; there may be none."""
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"\r\n"):
            self._buffer = self._buffer[2:]
            return b""
        return await self.short(b"\r\n\r\n")

    async def short(
        self, mark: bytes, most_bytes: int = _MAX_HEADER_BYTES, what: str = "the headers of a part are"
    ) -> bytes:
        """Everything before the next `mark`, which must not be far."""
        found = b""
        async for piece in self.until(mark):
            found += piece
            if len(found) > most_bytes:
                raise BrokenMultipart(f"{what} too long")
        return found

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._source)
        except StopAsyncIteration:
            raise BrokenMultipart("the body ends before its closing boundary") from None


def _headers(block: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in block.decode("latin-1").split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}
