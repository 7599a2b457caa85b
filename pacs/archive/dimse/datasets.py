"""Datasets of DIMSE messages ↔ the DICOM JSON Model (PS3.18 Annex F), which everything behind them works with."""

import base64
import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import VR, format_number_as_ds
from pynetdicom.events import Event

from pacs.archive.metadata import MetadataBuilder
from pacs.attributes import JSONDataset
from pacs.element_headers import encoding_of
from pacs.elements import walk
from pacs.sources import FileSource

_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_UNICODE_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_INTEGER_VRS = frozenset({"US", "SS", "UL", "SL", "SV", "UV"})
_FLOAT_VRS = frozenset({"FL", "FD"})
_KNOWN_VRS = frozenset(member.value for member in VR if len(member.value) == 2)
_DS_LENGTH = 16
_SPECIFIC_CHARACTER_SET = "00080005"


def read(encoded: io.BytesIO | None, transfer_syntax_uid: str) -> JSONDataset:
    """The dataset of a message; empty for none. Text is UTF-8 afterwards. `InvalidDicom` when it is no dataset."""
    if encoded is None:
        return {}
    size = encoded.getbuffer().nbytes
    builder = MetadataBuilder()
    source = FileSource(encoded, size)
    for element in walk(source, 0, encoding_of(transfer_syntax_uid)):
        builder.add(source, element)
    return builder.finish()


def received(event: Event, name: str) -> JSONDataset:
    """A dataset of a request: its `Identifier`, `AttributeList`, … See `read`."""
    return read(getattr(event.request, name), event.context.transfer_syntax)


def write(json: JSONDataset) -> Dataset:
    """The dataset for a message, in UTF-8 (ISO_IR 192). Values are sent as they are, valid for their VR or not.

    What a VR cannot be encoded as at all (a word for a number) is left out.
    """
    return _dataset(json | {_SPECIFIC_CHARACTER_SET: {"vr": "CS", "Value": ["ISO_IR 192"]}})


def _dataset(json: JSONDataset) -> Dataset:
    made = Dataset()
    for key, element in sorted(json.items()):
        number, vr = int(key, 16), _vr(key, str(element.get("vr")))
        value = _sequence(element) if vr == "SQ" else _value(vr, element)
        made[number] = DataElement(Tag(number), vr, value, validation_mode=config.IGNORE)
    return made


@lru_cache(maxsize=4096)
def _vr(key: str, given: str) -> str:
    """The dictionary's VR, where it has one and only one."""
    try:
        known = dictionary_VR(int(key, 16))
    except KeyError:
        known = given
    if known in _KNOWN_VRS:
        return known
    return given if given in _KNOWN_VRS else "UN"


def _sequence(element: dict[str, Any]) -> list[Dataset]:
    return [_dataset(item) for item in element.get("Value", []) if isinstance(item, dict)]


def _value(vr: str, element: dict[str, Any]) -> Any:
    if "InlineBinary" in element:
        return base64.b64decode(element["InlineBinary"])
    convert = _converter(vr)
    found = [convert(value) for value in element.get("Value", [])]
    if vr in _INTEGER_VRS | _FLOAT_VRS | {"AT"}:
        found = [value for value in found if value is not None]
    return found if len(found) > 1 else found[0] if found else None


def _converter(vr: str) -> Callable[[Any], Any]:
    if vr == "PN":
        return _name
    if vr in ("DS", "IS"):
        return _numeral
    if vr in _INTEGER_VRS:
        return _number(int)
    if vr in _FLOAT_VRS:
        return _number(float)
    if vr == "AT":
        return _number(lambda value: int(value, 16))
    return _text if vr in _UNICODE_VRS else _plain_text


def _name(value: Any) -> str:
    if not isinstance(value, dict):
        return _text(value)
    return "=".join(str(value.get(kind) or "") for kind in _REPRESENTATIONS).rstrip("=")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _plain_text(value: Any) -> str:
    """Text of a VR that knows ASCII only."""
    return _text(value).encode("ascii", "replace").decode()


def _numeral(value: Any) -> str:
    text = _plain_text(value)
    return format_number_as_ds(value) if isinstance(value, float) and len(text) > _DS_LENGTH else text


def _number(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except (TypeError, ValueError):
            return None

    return converted
