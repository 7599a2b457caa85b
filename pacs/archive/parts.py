"""Streamed answers: parts of a multipart body, or one of them alone (PS3.18 §8.6.1)."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from starlette.responses import Response

from pacs import multipart
from pacs.archive import http
from pacs.archive.answers import Streamed


@dataclass(frozen=True, slots=True)
class Part:
    """What one part holds: its type with all parameters, its size in bytes where that is known, its bytes."""

    content_type: str
    length: int | None
    pieces: AsyncGenerator[bytes, None]


def typed(media_type: str, transfer_syntax_uid: str) -> str:
    """A media type that names its transfer syntax (§8.7.3.5.2)."""
    return f"{media_type}; transfer-syntax={transfer_syntax_uid}"


def multipart_response(
    parts: Sequence[Part], media_type: str, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """The parts, all of them of `media_type`."""
    boundary = multipart.new_boundary()
    openings = [multipart.opening(boundary, part.content_type, first=number == 0) for number, part in enumerate(parts)]
    closing = multipart.closing(boundary)
    lengths = [part.length for part in parts if part.length is not None]

    async def body() -> AsyncIterator[bytes]:
        for opening, part in zip(openings, parts, strict=True):
            async with aclosing(part.pieces) as pieces:
                yield opening + await anext(pieces, b"")  # together: what fails at once has no status sent before it
                async for piece in pieces:
                    yield piece
        yield closing

    given = {"content-type": f'{http.MULTIPART}; type="{media_type}"; boundary={boundary}', **(headers or {})}
    if len(lengths) == len(parts):
        given["content-length"] = str(sum(map(len, openings)) + sum(lengths) + len(closing))
    return Streamed(body(), status, headers=given)


def single_response(part: Part, headers: dict[str, str] | None = None) -> Response:
    """One part as the whole body."""
    given = {"content-type": part.content_type, **(headers or {})}
    if part.length is not None:
        given["content-length"] = str(part.length)
    return Streamed(part.pieces, headers=given)
