"""The keys of a search as SQL conditions for the index, and a filter for those that the index does not know."""

from collections.abc import Iterator, Sequence

from pacs.archive.filters import Filter, predicate
from pacs.archive.levels import COLUMNS, COUNTED_TAGS, NAME_TAGS, REQUEST_PATHS, TABLES, Level, level_of
from pacs.archive.matchers import Condition, Matcher
from pacs.archive.matching import PAIRS, Key, matcher, moments
from pacs.attributes import tag
from pacs.errors import BadQuery

_MODALITIES = (tag("ModalitiesInStudy"),)
_UNSUPPORTED = COUNTED_TAGS[Level.STUDY] | COUNTED_TAGS[Level.SERIES]
_SERIES_OF_STUDY = "SELECT 1 FROM series AS inner_series WHERE inner_series.study = studies.id"
_STUDIES_OF_NAME = "SELECT names.study FROM names WHERE names.attribute = ?"
_SERIES_OF_REQUEST = "SELECT requests.series FROM requests"


def conditions_of(level: Level, keys: tuple[Key, ...]) -> tuple[list[Condition], Filter]:
    """Conditions for a search at `level`, and the filter of the keys that have none.

    `BadQuery` for keys that belong below the level, and those that the archive counts itself.
    """
    conditions: list[Condition] = []
    requests: list[Condition] = []
    columns: dict[str, Matcher] = {}
    rest: list[Key] = []
    for key in keys:
        _check_level(level, key)
        wanted = matcher(key)
        if wanted is None:
            continue
        if key.path in COLUMNS:
            columns[key.path[0]] = wanted
        elif key.path in REQUEST_PATHS:
            requests.append(wanted.condition(f"requests.{REQUEST_PATHS[key.path]}"))
        elif condition := _special(key, wanted):
            conditions.append(condition)
        else:
            rest.append(key)
    return [*_column_conditions(columns), *conditions, *_in_one_item(requests)], predicate(rest)


def _column_conditions(wanted: dict[str, Matcher]) -> Iterator[Condition]:
    left = dict(wanted)
    for date, time in PAIRS.items():
        if both := moments(left.get(date), left.get(time)):
            del left[date], left[time]
            yield both.condition(COLUMNS[date,].sql, COLUMNS[time,].sql)
    for attribute, matching in left.items():
        yield matching.condition(COLUMNS[attribute,].sql)


def _in_one_item(requests: Sequence[Condition]) -> list[Condition]:
    """All that is asked of a request is asked of one and the same (PS3.4 §C.2.2.2.6)."""
    if not requests:
        return []
    sql = f"series.id IN ({_SERIES_OF_REQUEST} WHERE {' AND '.join(one.sql for one in requests)})"
    return [Condition(sql, tuple(value for one in requests for value in one.parameters))]


def _special(key: Key, wanted: Matcher) -> Condition | None:
    """Conditions on tables beside the three levels."""
    if key.path == _MODALITIES:
        inner = wanted.condition("inner_series.modality")
        sql = f"EXISTS ({_SERIES_OF_STUDY} AND {inner.sql})"
    elif key.path[0] in NAME_TAGS and len(key.path) == 1:
        inner = wanted.condition("names.form")
        inner = Condition(inner.sql, (key.path[0], *inner.parameters))
        sql = f"studies.id IN ({_STUDIES_OF_NAME} AND {inner.sql})"
    else:
        return None
    return Condition(sql, inner.parameters)


def _check_level(level: Level, key: Key) -> None:
    attribute = key.path[0]
    if level_of(attribute) > level:
        names = f"{TABLES[level_of(attribute)]}, not of {TABLES[level]}"
        raise BadQuery(f"{'.'.join(key.path)} is an attribute of {names}: search there")
    if attribute in _UNSUPPORTED and key.path != _MODALITIES:
        raise BadQuery(f"{'.'.join(key.path)} is counted by the archive and cannot be searched for")
