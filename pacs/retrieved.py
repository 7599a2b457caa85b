"""Is what a PACS sends the object that was asked for, and how long will it be?"""

from collections.abc import AsyncIterator, Mapping

from pacs import file_meta
from pacs.errors import BadDicom, PacsFault

AS_STORED = "as-stored"
"""The preference (RFC 7240) of who wants a file bit for bit, even where PS3.18 §8.7.3 forbids its transfer syntax.

The embedded PACS knows it; other servers send what they have, or pass it over."""

_MOST_HEAD_BYTES = 64 * 1024
_MOST_DIGITS = 18


def length_of(headers: Mapping[str, str]) -> int | None:
    """How many bytes a body has, as its headers (names in lower case) tell; None where they do not.

    The length of a compressed body is not that of what comes out, and some servers compress unasked.
    """
    length = headers.get("content-length", "")
    is_told = length.isdecimal() and len(length) <= _MOST_DIGITS and "content-encoding" not in headers
    return int(length) if is_told else None


async def checked(chunks: AsyncIterator[bytes], sop_instance_uid: str) -> AsyncIterator[bytes]:
    """The chunks of a Part 10 file, none of them before its Media Storage SOP Instance UID (0002,0003) is read.

    `PacsFault` when it is another object's, or when this is no Part 10 file. One without that UID is let pass: a PACS
    may hold files that never had it.
    """
    head = bytearray()
    is_known = False
    async for chunk in chunks:
        if is_known:
            yield chunk
            continue
        head += chunk
        is_known = _is_the_one(bytes(head), sop_instance_uid, is_whole=len(head) >= _MOST_HEAD_BYTES)
        if is_known:
            yield bytes(head)
    if not is_known:
        _is_the_one(bytes(head), sop_instance_uid, is_whole=True)
        yield bytes(head)


def check(content: bytes, sop_instance_uid: str) -> None:
    """The same for a whole file."""
    _is_the_one(content[:_MOST_HEAD_BYTES], sop_instance_uid, is_whole=True)


def _is_the_one(head: bytes, sop_instance_uid: str, *, is_whole: bool) -> bool:
    """False when more is needed to tell."""
    try:
        found = file_meta.instance_uid(head)
    except BadDicom as error:
        if is_whole:
            raise PacsFault("the PACS sent something that is not a DICOM file") from error
        return False
    if found is not None and found != sop_instance_uid:
        raise PacsFault("the PACS sent another object than the one asked for")
    return True
