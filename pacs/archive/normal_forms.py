"""The form in which values of attributes are compared: by meaning, so that 1030 is 103000 and 01 is 1."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR

from pacs.attributes import PADDING

_NUMBER_VRS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"})
_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_TIME_LENGTH = len("HHMMSS.FFFFFF")
_DATETIME_LENGTH = len("YYYYMMDDHHMMSS.FFFFFF")
_ZONE = re.compile(r"[+-]\d{4}$", re.ASCII)


@lru_cache(maxsize=4096)
def vr_of(tag: str) -> str:
    """The dictionary's VR of a tag written as eight hexadecimal digits; LO for private and unknown ones."""
    try:
        return dictionary_VR(int(tag, 16))
    except KeyError:
        return "LO"


def normal_forms(vr: str, values: Iterable[Any]) -> list[str]:
    """The values of a JSON attribute in the form that matchers compare: a name gives one for each representation
    and one for all together.
    """
    return [normal(vr, text) for value in values for text in _texts(vr, value)]


def normal(vr: str, text: str) -> str:
    """A value, or part of one, in the form that is compared."""
    text = text.strip(PADDING)
    if vr == "PN":
        return text.rstrip("^= ").casefold()
    if vr == "DA":
        return text.replace(".", "").replace("-", "")
    if vr == "TM":
        return _padded(text.replace(":", ""), "000000.000000", _TIME_LENGTH)
    if vr == "DT":
        return _padded(_ZONE.sub("", text), "00000101000000.000000", _DATETIME_LENGTH)
    return _number(text) if vr in _NUMBER_VRS else text


def latest(vr: str, text: str) -> str:
    """The latest moment that a bound may mean: 12 is until 12:59:59.999999."""
    if vr == "DA":
        return normal(vr, text)
    highest, length = ("235959.999999", _TIME_LENGTH) if vr == "TM" else ("99991231235959.999999", _DATETIME_LENGTH)
    return _padded(_ZONE.sub("", text) if vr == "DT" else text, highest, length)


def _texts(vr: str, value: Any) -> list[str]:
    if value is None:
        return []
    if vr == "PN":
        return _groups(value) if isinstance(value, Mapping) else [value]
    return [str(value)]


def _groups(name: Mapping[str, str]) -> list[str]:
    """The representations of a name, and the name as a whole where it is more than its first."""
    groups = [name.get(kind, "") for kind in _REPRESENTATIONS]
    whole = "=".join(groups).rstrip("=")
    return list(dict.fromkeys([*filter(None, groups), whole])) if whole else []


def _padded(text: str, lowest: str, length: int) -> str:
    """The earliest moment that a time of reduced precision may mean."""
    return (text + lowest[len(text) :])[:length] if text else ""


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)
