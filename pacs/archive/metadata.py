"""A dataset as DICOM JSON (PS3.18 Annex F), made during the one walk that checks a file.

Text becomes UTF-8 whatever its character set (PS3.5 §6.1). Long values become a `BulkDataURI`, whose path below the
instance names them by tag and item: `bulkdata/7FE00010`, `bulkdata/00880200/0/7FE00010`. No value longer than
`LONGEST_TEXT_BYTES` is read.
"""

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from pacs.archive.byte_order import little_endian
from pacs.archive.json_values import CONVERTERS, encodings_of
from pacs.attributes import JSONDataset
from pacs.element_headers import ITEM, PIXEL_DATA, Element
from pacs.sources import Source

LONGEST_BINARY_BYTES = 1024
LONGEST_TEXT_BYTES = 64 * 1024

_CHARACTER_SET, _PIXEL_REPRESENTATION, _LUT_DESCRIPTORS = 0x00080005, 0x00280103, {0x00281101, 0x00281102, 0x00281103}
_PIXELS = {0x7FE00008, 0x7FE00009, PIXEL_DATA}
_RELATIVE = b'"BulkDataURI":"'
_DEFAULT_ENCODINGS = ("iso8859",)
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "US or SS"}


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
        convert = CONVERTERS.get(vr)
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
            scope.encodings = encodings_of(tuple(str(value or "") for value in values))
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
