"""Values of attributes as DICOM JSON has them (PS3.18 §F.2.3): text in UTF-8, names in groups, numbers."""

import math
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes, python_encoding

from pacs.archive.byte_order import NUMBERS

_PLAIN_TEXT = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"})
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})
_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_DELIMITERS = {0x5C, 0x09, 0x0A, 0x0C, 0x0D}
_NAME_DELIMITERS = _DELIMITERS | {0x5E, 0x3D}


@lru_cache(maxsize=256)
def encodings_of(terms: tuple[str, ...]) -> tuple[str, ...]:
    """The Python codecs of a Specific Character Set; unknown terms read as the default repertoire."""
    known = [term if term in python_encoding else "" for term in terms]
    return tuple(convert_encodings(known or [""]))


def _decode(raw: bytes, encodings: Sequence[str], delimiters: set[int]) -> str:
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    return decode_bytes(raw, encodings, delimiters)


def _texts(raw: bytes, vr: str, _big_endian: bool, encodings: Sequence[str]) -> list[Any]:
    text = raw.decode("latin-1") if vr in _PLAIN_TEXT else _decode(raw, encodings, _DELIMITERS)
    if vr in _ONE_VALUE:
        stripped = text.rstrip("\0 ")
        return [stripped] if stripped else []
    return _or_nothing([part.strip("\0 ") or None for part in text.split("\\")])


def _names(raw: bytes, _vr: str, _big_endian: bool, encodings: Sequence[str]) -> list[Any]:
    return _or_nothing([_name(part) for part in _decode(raw, encodings, _NAME_DELIMITERS).split("\\")])


def _name(text: str) -> dict[str, str] | None:
    groups = zip(_REPRESENTATIONS, text.split("="), strict=False)
    return {kind: group.strip("\0 ") for kind, group in groups if group.strip("\0 ^")} or None


def _numerals(raw: bytes, vr: str, _big_endian: bool, _encodings: Sequence[str]) -> list[Any]:
    return _or_nothing([_numeral(part.strip("\0 "), vr) for part in raw.decode("latin-1").split("\\")])


def _numeral(text: str, vr: str) -> float | str | None:
    """A number where the text is one, else the text (§F.2.3 allows both)."""
    try:
        number = int(text) if vr == "IS" else float(text)
    except ValueError:
        return text or None
    is_exact = abs(number) < 2**53 if vr == "IS" else math.isfinite(number)
    return number if is_exact else text


def _numbers(raw: bytes, vr: str, big_endian: bool, _encodings: Sequence[str]) -> list[Any]:
    values = array(NUMBERS[vr], raw[: len(raw) - len(raw) % array(NUMBERS[vr]).itemsize])
    if big_endian is not (sys.byteorder == "big"):
        values.byteswap()
    if vr in {"FL", "FD"}:
        return [value if math.isfinite(value) else None for value in values]
    return values.tolist()


def _tags(raw: bytes, _vr: str, big_endian: bool, _encodings: Sequence[str]) -> list[Any]:
    order = ">HH" if big_endian else "<HH"
    return [f"{group:04X}{number:04X}" for group, number in struct.iter_unpack(order, raw[: len(raw) // 4 * 4])]


def _or_nothing(values: list[Any]) -> list[Any]:
    """An attribute whose values are all empty is empty."""
    return values if any(value is not None for value in values) else []


Convert = Callable[[bytes, str, bool, Sequence[str]], list[Any]]
CONVERTERS: dict[str, Convert] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"), _texts),
    **dict.fromkeys(("DS", "IS"), _numerals),
    **dict.fromkeys(NUMBERS, _numbers),
    "AT": _tags,
    "PN": _names,
}
