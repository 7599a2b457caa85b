"""In which media types pixel data can be had (PS3.18 §8.7.3.3): as stored, or uncompressed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from pacs.archive import http
from pacs.archive.negotiation import ANY_SYNTAX, EXPLICIT, LOSSLESS
from pacs.archive.parts import typed

_MEDIA_TYPES: Mapping[str, Sequence[str]] = {
    "image/jpeg": (
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ),
    "image/jls": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "image/jp2": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
    "image/jpx": ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"),
    "image/jphc": ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    "video/mpeg": (
        "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.100.1",
        "1.2.840.10008.1.2.4.101",
        "1.2.840.10008.1.2.4.101.1",
    ),
    "video/mp4": (
        "1.2.840.10008.1.2.4.102",
        "1.2.840.10008.1.2.4.102.1",
        "1.2.840.10008.1.2.4.103",
        "1.2.840.10008.1.2.4.103.1",
        "1.2.840.10008.1.2.4.104",
        "1.2.840.10008.1.2.4.104.1",
        "1.2.840.10008.1.2.4.105",
        "1.2.840.10008.1.2.4.105.1",
        "1.2.840.10008.1.2.4.106",
        "1.2.840.10008.1.2.4.106.1",
    ),
    "video/h265": ("1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"),
}
"""PS3.18 table 8.7.3-5, and the fragmentable kinds of the same video encodings."""

_ALIASES = {"image/x-jls": "image/jls", "image/x-dicom-rle": "image/dicom-rle", "video/mpeg2": "video/mpeg"}
"""Names of earlier editions, which dicomweb-client still asks for (measured, 0.61)."""

MEDIA_TYPES = {syntax: name for name, syntaxes in _MEDIA_TYPES.items() for syntax in syntaxes}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer: the pixels decoded or as they lie in the file, under a type, in parts or as one body."""

    decoded: bool
    media_type: str
    content_type: str
    in_parts: bool


def is_video(transfer_syntax_uid: str) -> bool:
    """Whether the frames of this transfer syntax depend on each other and cannot be had one by one."""
    return MEDIA_TYPES.get(transfer_syntax_uid, "").startswith("video/")


def native_choices(request: Request) -> Iterator[Choice]:
    """The ways to send uncompressed pixels, or any other value, in little endian; the client's best first."""
    for found in http.media_ranges(request):
        if found.admits_within(http.OCTETS) and found.parameters.get("transfer-syntax") in {None, ANY_SYNTAX, EXPLICIT}:
            yield Choice(False, http.OCTETS, http.OCTETS, found.admits(http.MULTIPART))


def compressed_choices(request: Request, stored: str) -> Iterator[Choice]:
    """The ways to send pixels that are compressed in the transfer syntax `stored`; the client's best first.

    Who takes anything and names no transfer syntax gets pixels decoded that were compressed without loss, and else as
    they are stored. Octets in any transfer syntax (`*`) are as stored as well: so do other servers, and viewers rely
    on it.
    """
    own = MEDIA_TYPES.get(stored)
    for found in http.media_ranges(request):
        in_parts = found.admits(http.MULTIPART)
        wanted, syntax = _wanted(found), found.parameters.get("transfer-syntax")
        as_stored = [own] if own and wanted.admits(own) and syntax in {None, ANY_SYNTAX, stored} else []
        if wanted.admits(http.OCTETS) and not as_stored and syntax in {ANY_SYNTAX, stored}:
            as_stored = [http.OCTETS]
        decoded = [http.OCTETS] if wanted.admits(http.OCTETS) and syntax in {None, EXPLICIT} else []
        choices = [
            *(Choice(True, name, name, in_parts) for name in decoded if not is_video(stored)),
            *(Choice(False, name, typed(name, stored), in_parts) for name in as_stored),
        ]
        yield from choices if stored in LOSSLESS else reversed(choices)


def acceptable(choices: Iterable[Choice], parts: int) -> list[Choice]:
    """Those that can carry so many parts."""
    return [choice for choice in choices if choice.in_parts or parts == 1]


def _wanted(found: http.MediaRange) -> http.MediaRange:
    name = found.parameters.get("type", "*/*") if found.admits(http.MULTIPART) else found.name
    return http.MediaRange(_ALIASES.get(name.lower(), name.lower()), {})
