"""Tables as they are sent: a JSON list, each `{"rows": 500, "same": {…}, "each": {…}, "others": {…}}`; see `Table`."""

from collections.abc import Iterable
from typing import Any

from pacs.tables import Table

MEDIA_TYPE = "application/vnd.dicom-graph.tables+json"
"""Ours: a vendor's type (RFC 6838 §3.2), since the standard has none for many datasets that share much."""


def write(table: Table) -> dict[str, Any]:
    """A table as JSON."""
    return {"rows": len(table), "same": table.same, "each": table.each, "others": table.others}


def read(tables: Iterable[Any]) -> list[Table]:
    """Tables as `write` makes them, of rows that differ in something. ValueError where one is something else."""
    return list(map(_read, tables))


def _read(json: Any) -> Table:
    try:
        count, same, each, others = json["rows"], json["same"], json["each"], json["others"]
        columns = [*others.values(), *(element["Value"] for element in each.values())]
        told = [*same, *each, *others]
        vrs = [element["vr"] for element in each.values()]
    except (TypeError, KeyError, AttributeError):
        raise ValueError("no table") from None
    if type(count) is not int or type(same) is not dict or any(type(column) is not list for column in columns):
        raise ValueError("no table")
    if count < 0 or (count > 1 and not columns) or any(len(column) != count for column in columns):
        raise ValueError("a table of another length than its columns")
    if len(set(told)) != len(told) or not all(type(vr) is str and vr for vr in vrs):
        raise ValueError("a table that tells an attribute twice, or of no VR")
    return Table(count, same, each, others)
