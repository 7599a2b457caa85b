"""Reads the part of YAML that compose.yaml is written in; whatever else stands there is an error.

Mappings and lists by indentation, JSON in one line, plain text, comments, anchors, aliases and merges. A test holds it
to a real reader of YAML.
"""

import json
import re
from typing import Any

_ENTRY = re.compile(r"(?P<key>[\w<.-]+):(?: +(?P<rest>.*))?")
_COMMENT = re.compile(r"(^|  )#.*")
_CONSTANTS = {"true": True, "false": False}


def parse(text: str) -> dict[str, Any]:
    """The document, a mapping; `ValueError` where it is not of this part of YAML."""
    found = _Reader(text).block(0)
    if not isinstance(found, dict):
        raise ValueError("the document is no mapping")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        lines = (_COMMENT.sub("", line).rstrip() for line in text.splitlines())
        self._lines = [(len(line) - len(line.lstrip()), line.strip()) for line in lines if line]
        self._anchors: dict[str, Any] = {}

    def block(self, indent: int) -> Any:
        """What stands at `indent` from here on."""
        found = self._list(indent) if self._at(indent) and self._lines[0][1].startswith("- ") else self._mapping(indent)
        if self._lines and self._lines[0][0] > indent:
            raise ValueError(f"out of place: {self._lines[0][1]}")
        return found

    def _at(self, indent: int) -> bool:
        return bool(self._lines) and self._lines[0][0] == indent

    def _list(self, indent: int) -> list[Any]:
        found = []
        while self._at(indent):
            if not self._lines[0][1].startswith("- "):
                raise ValueError(f"no item of the list: {self._lines[0][1]}")
            self._lines[0] = (indent + 2, self._lines[0][1][2:])
            found.append(self.block(indent + 2))
        return found

    def _mapping(self, indent: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        while self._at(indent):
            entry = _ENTRY.fullmatch(self._lines.pop(0)[1])
            if entry is None or entry["key"] in found:
                raise ValueError(f"no entry, or a second one, near {self._lines[:1]}")
            value = self._value(entry["rest"] or "", indent)
            if entry["key"] == "<<":
                merged = value
            else:
                found[entry["key"]] = value
        return merged | found

    def _value(self, rest: str, indent: int) -> Any:
        if rest.startswith("&"):
            name, _, rest = rest[1:].partition(" ")
            self._anchors[name] = self._value(rest, indent)
            return self._anchors[name]
        if not rest:
            return self.block(self._lines[0][0]) if self._lines and self._lines[0][0] > indent else None
        if rest.startswith("*"):
            return self._anchors[rest[1:]]
        if rest[0] in '["{':
            return json.loads(rest)
        if rest[0] in "'|>!%@`":
            raise ValueError(f"not read here: {rest}")
        return _CONSTANTS[rest] if rest in _CONSTANTS else int(rest) if rest.isdigit() else rest
