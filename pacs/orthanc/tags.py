"""Attributes as Orthanc tells them from its index: texts, whatever their VR."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pacs.attributes import JSONDataset, element, tag

_is_number = re.compile(r"[+-]?\d{1,9}", re.ASCII).fullmatch
"""What nobody can read otherwise. Of `1\\2` a search has 1, of `1.0` and `1e3` nothing, and of numbers beyond 32 bits
what is left of them (measured on 1.10.1)."""


class IndexTags:
    """The attributes that are wanted, with their VRs, by keyword."""

    def __init__(self, vrs: Mapping[str, str]) -> None:
        self._wanted = tuple((tag(keyword), keyword, vr) for keyword, vr in vrs.items())

    def read(self, tags: object) -> JSONDataset | None:
        """Those that have a value, as a search has them; None where only a search can tell that."""
        if not isinstance(tags, Mapping):
            return None
        told: JSONDataset = {}
        for name, keyword, vr in self._wanted:
            if text := tags.get(keyword):
                if not isinstance(text, str) or (vr == "IS" and not _is_number(text)):
                    return None
                told[name] = {"vr": vr, "Value": [text]}
        return told


def elements(*told: tuple[str, str, object]) -> Iterator[tuple[str, Any]]:
    """What is known from elsewhere: keyword, VR, and value."""
    return ((tag(keyword), element(vr, [value])) for keyword, vr, value in told)
