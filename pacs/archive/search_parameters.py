"""The query string of a search (PS3.18 §8.3.4): keys to match, attributes to include, pages."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from pydicom.datadict import tag_for_keyword

from pacs.archive.matching import LIST_VRS, Key
from pacs.archive.normal_forms import vr_of
from pacs.attributes import tag
from pacs.errors import BadQuery

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MOST_NAMES = 5
_NEVER_MATCHED = (tag("SpecificCharacterSet"),)
_LIST_SEPARATOR = re.compile(r"[,\\]")
_MAX_KEYS = 100
_NOT_DONE = {
    "fuzzymatching": "The fuzzymatching parameter is not supported. Only literal matching has been performed.",
    "emptyvaluematching": (
        "The emptyvaluematching parameter is not supported. Empty Value Matching has not been performed."
    ),
    "multiplevaluematching": (
        "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."
    ),
}
"""What searches may be asked to do besides and do not; the warnings are the standard's (§8.3.4.2, .5 and .6)."""

_OPTIONS = ("limit", "offset", "fuzzymatching")
SEARCH_PARAMETERS = (*_OPTIONS, "includefield")
"""What a search may have beside the attributes that are to match, which are named by keyword, tag or path."""

_LARGEST = 2**63 - 1
_MOST_DIGITS = len(str(_LARGEST))


@dataclass(frozen=True, slots=True)
class Search:
    """A search as the query string asks for it (PS3.18 §8.3.4).

    `include` holds paths of attributes wanted besides the usual ones, `include_all` stands for `includefield=all`.
    `limit` is None for everything. `warnings` are sentences for the client about what was not done.
    """

    keys: tuple[Key, ...]
    include: frozenset[tuple[str, ...]]
    include_all: bool
    limit: int | None
    offset: int
    warnings: tuple[str, ...]

    @property
    def end(self) -> int | None:
        """The number of the match that is no longer wanted; None when all after `offset` are."""
        return None if self.limit is None else min(self.offset + self.limit, _LARGEST)


def parse_search(query: str, *, ignored: Iterable[str] = (), strict: bool = False) -> Search:
    """The search in a raw query string. `BadQuery` names the parameter whose value is not understood.

    A parameter that is not supported is passed over with a warning, as §8.3 will have it; `strict`, it is a `BadQuery`.
    `ignored` are parameters that mean something else to the caller.
    """
    keys: dict[tuple[str, ...], tuple[str, ...]] = {}
    include: set[tuple[str, ...]] = set()
    options = dict.fromkeys((*_OPTIONS, *_NOT_DONE, "accept", "charset"), "")
    include_all = False
    unsupported: list[str] = []
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        if name == "includefield":
            wanted = {part.strip() for part in value.split(",") if part.strip()}
            include_all = include_all or "all" in wanted
            include.update(attribute_path(part) for part in wanted - {"all"})
        elif name in options:
            options[name] = value
        elif name in ignored:
            continue
        elif strict or _is_attribute(name):
            _add_key(keys, name, value)
        else:
            unsupported.append(name)
    not_done = [sentence for option, sentence in _NOT_DONE.items() if options[option].lower() == "true"]
    return Search(
        keys=tuple(Key(path, values) for path, values in keys.items()),
        include=frozenset(include),
        include_all=include_all,
        limit=_count("limit", options["limit"]),
        offset=_count("offset", options["offset"]) or 0,
        warnings=(*not_done, *_passed_over(unsupported)),
    )


@lru_cache(maxsize=4096)
def attribute_path(name: str) -> tuple[str, ...]:
    """The tags that a keyword, a tag or a dotted path of them stands for. `BadQuery` when it is none."""
    return tuple(_tag(part, name) for part in name.split("."))


def _is_attribute(name: str) -> bool:
    try:
        attribute_path(name)
    except BadQuery:
        return False
    return True


def _passed_over(names: Sequence[str]) -> list[str]:
    """A sentence about parameters that are not supported, if there are any, with those names that fit into a header."""
    if not names:
        return []
    told = " ".join([name for name in dict.fromkeys(names) if _NAME.fullmatch(name)][:_MOST_NAMES])
    return ["Parameters that are not supported have been ignored" + (f" ({told})" if told else "")]


def _add_key(keys: dict[tuple[str, ...], tuple[str, ...]], name: str, value: str) -> None:
    path = attribute_path(name)
    if path == _NEVER_MATCHED:  # PS3.4 §C.2.2.2
        return
    is_list = vr_of(path[-1]) in LIST_VRS
    values = tuple(_LIST_SEPARATOR.split(value)) if is_list else (value,)
    if path in keys and not is_list:
        raise BadQuery(f"{name}: given more than once")
    keys[path] = keys.get(path, ()) + values
    if len(keys) > _MAX_KEYS:
        raise BadQuery(f"more than {_MAX_KEYS} matching keys")


def _tag(part: str, name: str) -> str:
    if _TAG.fullmatch(part):
        return part.upper()
    number = tag_for_keyword(part) if part else None
    if number is None:
        raise BadQuery(f"{name[:64]!r} is neither an attribute nor a parameter of a search")
    return f"{number:08X}"


def _count(name: str, text: str) -> int | None:
    if not text:
        return None
    digits = text.lstrip("0")
    if not (text.isascii() and text.isdecimal()) or len(digits) > _MOST_DIGITS or int(digits or "0") > _LARGEST:
        raise BadQuery(f"{name}: a whole number of at least 0 is needed")
    return int(digits or "0")
