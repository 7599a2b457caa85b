"""A search as SQL: what the index knows is asked of the index, the rest of the datasets that it finds.

The newest study comes first, then series by number, then instances by number; the order is total, so that pages of
`limit` and `offset` neither overlap nor leave anything out.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import orjson

from pacs.archive import packing
from pacs.archive.filters import Filter
from pacs.archive.levels import TABLES, Level
from pacs.archive.search_conditions import conditions_of
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset

_JOINS = {
    Level.SERIES: "{join} series ON series.study = studies.id",
    Level.INSTANCE: "{join} instances ON instances.series = series.id",
}
_ORDER = {
    Level.STUDY: "studies.study_date DESC, studies.study_time DESC, studies.id DESC",
    Level.SERIES: "series.series_number, series.id",
    Level.INSTANCE: "instances.instance_number, instances.id",
}
_FIELDS = {
    Level.STUDY: """studies.id AS study, studies.attributes AS study_attributes, studies.study_instance_uid,
        studies.number_of_series, studies.number_of_instances AS study_instances, studies.changed_at""",
    Level.SERIES: """series.attributes AS series_attributes, series.series_instance_uid,
        series.number_of_instances AS series_instances""",
    Level.INSTANCE: "instances.attributes AS instance_attributes, instances.sop_instance_uid",
}
_WHOLE = ", series.dictionary, (SELECT json FROM metadata WHERE metadata.instance = instances.id) AS metadata"


@dataclass(frozen=True, slots=True)
class Found:
    """One row: the attributes of each level down to the one searched, and the numbers that the index keeps."""

    attributes: Mapping[Level, JSONDataset]
    row: sqlite3.Row


@dataclass(frozen=True, slots=True)
class Statement:
    """The SQL of a search with its parameters, and the test that is left for the datasets."""

    sql: str
    parameters: tuple[str | int, ...]
    rest: Filter


def statement(level: Level, search: Search, *, whole: bool = False) -> Statement:
    """The statement for a search at `level`; `whole` when instances are wanted with all their attributes.

    `BadQuery` for keys that belong below the level.
    """
    conditions, rest = conditions_of(level, search.keys)
    where = f" WHERE {' AND '.join(condition.sql for condition in conditions)}" if conditions else ""
    levels = [found for found in Level if found <= level]
    fields = ", ".join(_FIELDS[found] for found in levels)
    if level is Level.INSTANCE and (whole or rest.narrows):
        fields += _WHOLE
    order = ", ".join(_ORDER[found] for found in levels)
    parameters: tuple[str | int, ...] = tuple(value for condition in conditions for value in condition.parameters)
    is_found_from_above = not any(TABLES[below] + "." in where for below in (Level.SERIES, Level.INSTANCE))
    join = "CROSS JOIN" if is_found_from_above else "JOIN"  # CROSS keeps the order of tables, and with it that of rows
    tables = " ".join(["studies", *(_JOINS[found].format(join=join) for found in levels[1:])])
    sql = f"SELECT {fields} FROM {tables}{where} ORDER BY {order}"  # noqa: S608  # made of constants only
    if not rest.narrows:
        sql += " LIMIT ? OFFSET ?"
        parameters += (-1 if search.limit is None else search.limit, search.offset)
    return Statement(sql, parameters, rest)


def run(connection: sqlite3.Connection, level: Level, search: Search, *, whole: bool = False) -> list[Found]:
    """What a search finds, in order; see `statement`."""
    return list(rows(connection, level, search, whole=whole))


def rows(connection: sqlite3.Connection, level: Level, search: Search, *, whole: bool = False) -> Iterator[Found]:
    """The same as it is found, within the caller's transaction: there may be more than memory has room for."""
    asked = statement(level, search, whole=whole)
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    read = _Reader(level)
    candidates = (read.found(row) for row in cursor.execute(asked.sql, asked.parameters))
    if not asked.rest.narrows:
        return candidates
    fitting = (found for found in candidates if asked.rest.accepts(_merged(found)))
    return islice(fitting, search.offset, search.end)


def modalities(connection: sqlite3.Connection, studies: list[int]) -> dict[int, list[str]]:
    """The modalities of some studies, by study."""
    marks = ", ".join("?" * len(studies))
    rows = connection.execute(
        f"SELECT DISTINCT study, modality FROM series WHERE study IN ({marks}) AND modality <> ''",  # noqa: S608  # marks only
        studies,
    )
    found: dict[int, list[str]] = {study: [] for study in studies}
    for study, modality in rows:
        found[study].append(modality)
    return {study: sorted(names) for study, names in found.items()}


class _Reader:
    """Reads rows; what neighbours share is decoded once."""

    def __init__(self, level: Level) -> None:
        self._names = [f"{name}_attributes" for name in ("study", "series")[: level + 1]]
        self._level = level
        self._decoded: dict[str, tuple[bytes, JSONDataset]] = {}

    def found(self, row: sqlite3.Row) -> Found:
        """One match."""
        attributes = {Level(number): self._shared(name, row[name]) for number, name in enumerate(self._names)}
        if self._level is Level.INSTANCE:
            encoded = row["instance_attributes"]
            if "metadata" in row.keys():  # noqa: SIM118  # a Row iterates over its values
                encoded = packing.unpack(row["metadata"], row["dictionary"])
            attributes[Level.INSTANCE] = orjson.loads(encoded)
        return Found(attributes, row)

    def _shared(self, name: str, encoded: bytes) -> JSONDataset:
        last = self._decoded.get(name)
        if last is None or last[0] != encoded:
            last = self._decoded[name] = (encoded, orjson.loads(encoded))
        return last[1]


def _merged(found: Found) -> JSONDataset:
    """All attributes, the instance's own where levels disagree."""
    merged: JSONDataset = {}
    for level in sorted(found.attributes):
        merged.update(found.attributes[level])
    return merged
