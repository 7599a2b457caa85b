"""The beginning of a DICOM file: preamble, prefix and File Meta Information (PS3.10 §7.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from pydicom._uid_dict import UID_dictionary

from pacs.element_headers import EXPLICIT_LITTLE, UNDEFINED, Encoding, encoding_of, read_header
from pacs.errors import InvalidDicom, NotDicom
from pacs.sources import FileSource, InflatedSource, ReadableFile, Source, truncated

_PREAMBLE_BYTES = 128
_META_START = 132
_LONGEST_VALUE_BYTES = 1024
_META_GROUP = b"\x02\x00"
_EXECUTABLES = {b"MZ": "Windows", b"\x7fELF": "Linux", b"\xcf\xfa\xed\xfe": "macOS", b"\xce\xfa\xed\xfe": "macOS"}
_DEFLATED = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
_NEVER_IN_A_FILE = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.", "1.2.840.10008.1.20")

TRANSFER_SYNTAXES = frozenset(
    uid
    for uid, entry in UID_dictionary.items()
    if entry[1] == "Transfer Syntax" and not uid.startswith(_NEVER_IN_A_FILE)
)
"""Every transfer syntax that a file can have: no MIME or XML encapsulation, no SMPTE streams, no papyrus."""

SYNTAX, CLASS, INSTANCE = 0x00020010, 0x00020002, 0x00020003
LENGTH, VERSION, IMPLEMENTATION = 0x00020000, 0x00020001, 0x00020012
SOURCE_AE, SENDING_AE = 0x00020016, 0x00020017


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Group 0002: its short values as text by tag, and the offset of the dataset in bytes.

    `length_matches` tells whether (0002,0000) is there and true.
    """

    values: Mapping[int, str]
    dataset_offset: int
    length_matches: bool

    @property
    def transfer_syntax_uid(self) -> str:
        """(0002,0010), known to be one of `TRANSFER_SYNTAXES`."""
        return self.values[SYNTAX]


def read_meta(file: ReadableFile, size: int) -> FileMeta:
    """The File Meta Information of a file of `size` bytes; `NotDicom` or `InvalidDicom` when it has none to trust."""
    _check_preamble(file, size)
    values, offset, length_matches = _group(file, size)
    _check_syntax(values)
    return FileMeta(values, offset, length_matches)


def instance_uid(head: bytes) -> str | None:
    """(0002,0003) of the file that begins with `head`, whatever else is wrong with it; None when it has none.

    `NotDicom`, or `InvalidDicom` when `head` is too short to tell.
    """
    if head[_PREAMBLE_BYTES:_META_START] != b"DICM":
        raise NotDicom("no DICOM file: 'DICM' is not at byte 128 (PS3.10 §7.1)")
    values, offset, _ = _group(BytesIO(head), len(head))
    if INSTANCE not in values and offset + 8 > len(head):
        raise truncated(offset)
    return values.get(INSTANCE)


def _group(file: ReadableFile, size: int) -> tuple[dict[int, str], int, bool]:
    """The values of group 0002, the offset behind it, and whether its length is told and true."""
    source = FileSource(file, size)
    values: dict[int, str] = {}
    offset = first_after_length = _META_START
    while offset + 8 <= size and source.read(offset, 2) == _META_GROUP:
        tag, _, length, header_bytes = read_header(source, offset, source.read(offset, 8), EXPLICIT_LITTLE)
        start = offset + header_bytes
        if length == UNDEFINED or start + length > size:
            raise InvalidDicom("truncated within the File Meta Information")
        raw = source.read(start, length) if length <= _LONGEST_VALUE_BYTES else b""
        values[tag] = _text(tag, raw)
        offset = start + length
        first_after_length = offset if tag == LENGTH else first_after_length
    return values, offset, values.get(LENGTH, "") == str(offset - first_after_length)


def open_dataset(file: ReadableFile, size: int, meta: FileMeta) -> tuple[Source, int, Encoding]:
    """A source over the dataset, the offset in it to walk from, and its encoding."""
    syntax = meta.transfer_syntax_uid
    if syntax in _DEFLATED:
        return InflatedSource(file, size, meta.dataset_offset), 0, encoding_of(syntax)
    return FileSource(file, size), meta.dataset_offset, encoding_of(syntax)


def _check_preamble(file: ReadableFile, size: int) -> None:
    file.seek(0)
    start = file.read(_META_START)
    if size < _META_START or start[_PREAMBLE_BYTES:] != b"DICM":
        raise NotDicom("no DICOM file: 'DICM' is not at byte 128 (PS3.10 §7.1)")
    for magic, system in _EXECUTABLES.items():
        if start.startswith(magic):
            raise InvalidDicom(f"the preamble is that of a {system} program")


def _check_syntax(values: Mapping[int, str]) -> None:
    syntax = values.get(SYNTAX, "")
    if not syntax:
        raise InvalidDicom("TransferSyntaxUID (0002,0010) is missing")
    if syntax not in TRANSFER_SYNTAXES:
        known = syntax if re.fullmatch(r"[0-9.]{1,64}", syntax) else "the value"
        raise InvalidDicom(f"TransferSyntaxUID (0002,0010): {known} is no transfer syntax of a file")


def _text(tag: int, raw: bytes) -> str:
    if tag == LENGTH:
        return str(int.from_bytes(raw, "little"))
    return raw.decode("latin-1").rstrip("\0 ").lstrip(" ")
