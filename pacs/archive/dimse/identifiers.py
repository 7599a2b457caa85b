"""Identifiers of C-FIND requests (PS3.4 §C.2.2.1): what is to match, and what is to be answered."""

from collections.abc import Iterator
from typing import Any

from pacs.archive.matching import LIST_VRS, Key
from pacs.archive.normal_forms import vr_of
from pacs.attributes import JSONDataset, element
from pacs.errors import BadQuery

_REPRESENTATIONS = ("Alphabetic", "Ideographic", "Phonetic")
_NO_KEYS = frozenset({"00080005", "00080201"})
"""They say how the identifier is to be read (PS3.4 §C.4.1.1.3.1)."""


def keys_of(identifier: JSONDataset, path: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every matching key; universal ones have no values. `BadQuery` for a sequence with several items."""
    for tag, attribute in identifier.items():
        here = (*path, tag)
        if tag in _NO_KEYS or tag.endswith("0000"):
            continue
        values = attribute.get("Value", [])
        if attribute["vr"] != "SQ":
            yield Key(here, _texts(vr_of(tag), values))
        elif len(values) > 1:
            raise BadQuery(f"{'.'.join(here)}: a sequence to match has one item")
        else:
            yield from keys_of(values[0], here) if values and values[0] else [Key(here, ())]


def answer(found: JSONDataset, identifier: JSONDataset) -> JSONDataset:
    """Of what was found, the attributes that the identifier asks for, and no others (§C.2.2.1.3).

    An empty sequence, or one with an empty item, asks for whole items.
    """
    return {tag: _part(found[tag], asked) for tag, asked in identifier.items() if tag in found and tag not in _NO_KEYS}


def _part(found: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    wanted = asked.get("Value", [])
    if found["vr"] != "SQ" or not wanted or not wanted[0] or not isinstance(wanted[0], dict):
        return found
    return element("SQ", [answer(item, wanted[0]) for item in found.get("Value", [])])


def _texts(vr: str, values: list[Any]) -> tuple[str, ...]:
    texts = tuple(text for text in map(_text, values) if text)
    return texts if vr in LIST_VRS or len(texts) < 2 else ("\\".join(texts),)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        # Each representation of a stored name is compared with one that is asked for (PS3.4 §C.2.2.2.1).
        return next((value[kind] for kind in _REPRESENTATIONS if value.get(kind)), "")
    text = "" if value is None else str(value)
    return "" if set(text) == {"*"} else text  # some ask so for everything, whatever the VR
