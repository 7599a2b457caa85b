"""QIDO-RS parameters within one study (PS3.18 §8.3.4): the PACS is asked for the study alone, the rest is done here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from graph.errors import bad_input
from pacs.attributes import Dataset, parse_date
from pacs.queries import DateRange

_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_ALL = "all"
_ANY = frozenset({"", "*"})
_MOST_FIELDS = 200


@dataclass
class StudySearch:
    """What a client asks for: attributes to include, values to match, and which part of the list."""

    include: set[str] = field(default_factory=set)
    wanted: dict[str, str] = field(default_factory=dict)
    offset: int = 0
    limit: int | None = None

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]]) -> "StudySearch":
        """Reads a query string's pairs; `BAD_USER_INPUT` names what cannot be read. Unknown attributes match all."""
        search = cls()
        for name, value in parameters:
            if name == "includefield":
                search.include |= {_keyword(part) for part in value.split(",") if part}
            elif name in ("limit", "offset"):
                setattr(search, name, _count(name, value))
            elif name != "fuzzymatching" and "." not in name and value not in _ANY:
                keyword = _keyword(name, required=False)
                if keyword and keyword != _ALL:
                    search.wanted[keyword] = value
        if len(search.include) > _MOST_FIELDS:
            raise bad_input(f"includefield names more than {_MOST_FIELDS} attributes")
        return search

    @property
    def fields(self) -> set[str]:
        """What to ask the PACS to include: also what is matched here."""
        return {_ALL} if _ALL in self.include else self.include | self.wanted.keys()

    def choose(self, datasets: Iterable[Dataset]) -> list[Dataset]:
        """Those that match, and of them the part that is asked for."""
        found = [one for one in datasets if all(_matches(one, *pair) for pair in self.wanted.items())]
        end = None if self.limit is None else self.offset + self.limit
        return found[self.offset : end]


def _keyword(name: str, *, required: bool = True) -> str:
    """The keyword of a keyword or tag, `all` included."""
    if name == _ALL or tag_for_keyword(name) is not None:
        return name
    keyword = keyword_for_tag(int(name, 16)) if _TAG.fullmatch(name) else ""
    if tag_for_keyword(keyword) is None:  # of a repeating group: many tags have the keyword
        keyword = ""
    if not keyword and required and not _TAG.fullmatch(name):
        raise bad_input("includefield takes keywords, tags of eight hexadecimal digits, or all")
    return keyword or (name if required else "")


def _count(name: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise bad_input(f"{name} must be a number from 0")
    return int(value)


def _matches(dataset: Dataset, keyword: str, wanted: str) -> bool:
    """Any value fits; UIDs may be a list, dates a range, texts have wildcards. An absent attribute does not match."""
    values = dataset.texts(keyword) or [name.alphabetic for name in [dataset.name(keyword)] if name and name.alphabetic]
    if keyword.endswith("UID"):
        return any(value in re.split(r"[,\\]", wanted) for value in values)
    if keyword.endswith("Date"):
        start, dash, end = wanted.partition("-")
        days = DateRange(parse_date(start), parse_date(end if dash else start))
        return any(parse_date(value) in days for value in values)
    pattern = wanted.casefold().replace("[", "[[]")  # DICOM knows no sets of characters
    return any(fnmatchcase(value.casefold(), pattern) for value in values)
