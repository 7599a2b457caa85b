"""A dataset as DICOM JSON (PS3.18 Annex F), made during the one walk that checks a file.

Text becomes UTF-8 whatever its character set (PS3.5 §6.1). Long values become a `BulkDataURI`, whose path below the
instance names them by tag and item: `bulkdata/7FE00010`, `bulkdata/00880200/0/7FE00010`. No value longer than
`LONGEST_TEXT_BYTES` is read.
"""

import base64
import math
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydicom.charset import convert_encodings, decode_bytes, python_encoding

from pacs.attributes import JSONDataset
from pacs.elements import ITEM, PIXEL_DATA, Element
from pacs.sources import Source

LONGEST_BINARY_BYTES = 1024
LONGEST_TEXT_BYTES = 64 * 1024

_CHARACTER_SET, _PIXEL_REPRESENTATION, _LUT_DESCRIPTORS = 0x00080005, 0x00280103, {0x00281101, 0x00281102, 0x00281103}
_PIXELS = {0x7FE00008, 0x7FE00009, PIXEL_DATA}
_RELATIVE = b'"BulkDataURI":"'
_DEFAULT_ENCODINGS = ("iso8859",)
_WORDS = {"OW": "H", "OL": "I", "OF": "I", "OD": "Q", "OV": "Q"}
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_PLAIN_TEXT = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"})
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})
_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "US or SS"}
_DELIMITERS = {0x5C, 0x09, 0x0A, 0x0C, 0x0D}
_NAME_DELIMITERS = _DELIMITERS | {0x5E, 0x3D}


class _Scope:
    """A dataset or item under construction, with what governs the reading of its values."""

    __slots__ = ("encodings", "json", "path", "sequence_path", "sequence_values", "signed")

    def __init__(self, json: JSONDataset, path: str, encodings: Sequence[str], signed: bool) -> None:
        self.json = json
        self.path = path
        self.encodings = encodings
        self.signed = signed
        self.sequence_values: list[JSONDataset] = []
        self.sequence_path = ""


class MetadataBuilder:
    """Collects the elements of one walk; `json` is the dataset so far.

    Its `BulkDataURI`s are relative to the instance; `absolute` completes them.
    """

    def __init__(self) -> None:
        self.json: JSONDataset = {}
        self._scopes = [_Scope(self.json, "", _DEFAULT_ENCODINGS, signed=False)]

    def add(self, source: Source, element: Element) -> None:
        """Takes one element, in the order of the walk; its value is read now or never."""
        scopes = self._scopes
        depth = element.depth
        if element.tag == ITEM:
            self._open_item(depth)
            return
        scope = scopes[depth]
        tag = f"{element.tag:08X}"
        vr = resolve_vr(element, signed=scope.signed)
        if vr == "SQ":
            scope.sequence_values = []
            scope.sequence_path = f"{scope.path}{tag}/"
            scope.json[tag] = {"vr": "SQ", "Value": scope.sequence_values}
            return
        scope.json[tag] = self._attribute(source, element, vr, scope, tag)

    def finish(self) -> JSONDataset:
        """The whole dataset: sequences without items lose their `Value` (§F.2.5)."""
        _drop_empty(self.json)
        return self.json

    def _open_item(self, depth: int) -> None:
        parent = self._scopes[depth - 1]
        item: JSONDataset = {}
        path = f"{parent.sequence_path}{len(parent.sequence_values)}/"
        parent.sequence_values.append(item)
        del self._scopes[depth:]
        self._scopes.append(_Scope(item, path, parent.encodings, parent.signed))

    def _attribute(self, source: Source, element: Element, vr: str, scope: _Scope, tag: str) -> dict[str, Any]:
        convert = _CONVERTERS.get(vr)
        longest = LONGEST_TEXT_BYTES if convert else LONGEST_BINARY_BYTES
        if element.encapsulated or element.length > longest or element.tag in _PIXELS:
            return {"vr": vr, "BulkDataURI": f"bulkdata/{scope.path}{tag}"}
        if element.length == 0:
            return {"vr": vr}
        raw = source.read(element.offset, element.length)
        if convert is None:
            return {"vr": vr, "InlineBinary": base64.b64encode(little_endian(raw, vr, element.big_endian)).decode()}
        values = convert(raw, vr, element.big_endian, scope.encodings)
        if element.tag == _CHARACTER_SET:
            scope.encodings = _encodings(tuple(str(value or "") for value in values))
            values = ["ISO_IR 192"]
        elif element.tag == _PIXEL_REPRESENTATION:
            scope.signed = values == [1]
        return {"vr": vr, "Value": values} if values else {"vr": vr}


def absolute(encoded: bytes, instance_url: str) -> bytes:
    """Encoded metadata with complete `BulkDataURI`s. Text cannot be mistaken for one: its quotes are escaped."""
    return encoded.replace(_RELATIVE, _RELATIVE + orjson.dumps(instance_url)[1:-1] + b"/")


def resolve_vr(element: Element, *, signed: bool) -> str:
    """The VR of an element that the dictionary leaves open; `signed` is its dataset's Pixel Representation."""
    vr = _AMBIGUOUS.get(element.vr, element.vr)
    if vr == "US or SS":
        return "SS" if signed and element.tag not in _LUT_DESCRIPTORS else "US"
    return vr


def swapped(raw: bytes, vr: str) -> bytes:
    """A big endian value in little endian."""
    code = _WORDS.get(vr) or _NUMBERS.get(vr) or ("H" if vr == "AT" else None)
    if code is None:
        return raw
    words = array(code, raw[: len(raw) - len(raw) % array(code).itemsize])
    words.byteswap()
    return words.tobytes() + raw[len(words) * words.itemsize :]


def little_endian(raw: bytes, vr: str, big_endian: bool) -> bytes:
    """Binary values as DICOM JSON and bulk data have them: in little endian words."""
    return swapped(raw, vr) if big_endian and vr in _WORDS else raw


@lru_cache(maxsize=256)
def _encodings(terms: tuple[str, ...]) -> tuple[str, ...]:
    """The Python codecs of a Specific Character Set; unknown terms read as the default repertoire."""
    known = [term if term in python_encoding else "" for term in terms]
    return tuple(convert_encodings(known or [""]))


def _drop_empty(dataset: JSONDataset) -> None:
    stack = [dataset]
    while stack:
        for attribute in stack.pop().values():
            if attribute["vr"] != "SQ":
                continue
            if attribute["Value"]:
                stack.extend(attribute["Value"])
            else:
                del attribute["Value"]


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
    values = array(_NUMBERS[vr], raw[: len(raw) - len(raw) % array(_NUMBERS[vr]).itemsize])
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


_Convert = Callable[[bytes, str, bool, Sequence[str]], list[Any]]
_CONVERTERS: dict[str, _Convert] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"), _texts),
    **dict.fromkeys(("DS", "IS"), _numerals),
    **dict.fromkeys(_NUMBERS, _numbers),
    "AT": _tags,
    "PN": _names,
}
