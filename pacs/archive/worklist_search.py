"""Searches of the worklist (PS3.18 §11.9): what columns and indexes can tell in SQL, the rest on the datasets."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import orjson

from pacs.archive.filters import predicate
from pacs.archive.matchers import Condition
from pacs.archive.matching import Key, matcher
from pacs.archive.search_parameters import Search
from pacs.archive.worklist_store import COLUMNS, INDEXED

_EVERYTHING = -1  # SQLite's LIMIT for none

# What is put into a query's text below comes from tables of this program; what a client sent is always a parameter.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True)
class Page:
    """Workitems as encoded JSON, the latest scheduled first, and how many more there are behind them."""

    datasets: list[bytes]
    remaining: int


def search(connection: sqlite3.Connection, wanted: Search) -> Page:
    """The workitems that match. `BadQuery` when a key's value is not what its VR allows."""
    conditions = _conditions(wanted.keys)
    if _is_exact(wanted.keys):
        return _in_sql(connection, conditions, wanted)
    accepted = _accepted(connection, conditions, wanted.keys)
    page = list(islice(accepted, wanted.offset, wanted.end))
    return Page(page, remaining=sum(1 for _ in accepted))


def uids(connection: sqlite3.Connection, keys: Sequence[Key]) -> list[str]:
    """The UIDs of all that match."""
    where, parameters = _where(_conditions(keys))
    rows = connection.execute(f"SELECT uid, dataset FROM workitem {where}", parameters)
    fits = predicate(keys)
    return [uid for uid, dataset in rows if not fits.narrows or fits.accepts(orjson.loads(dataset))]


def rows(
    connection: sqlite3.Connection, keys: Sequence[Key], after: tuple[str, str] | None, limit: int
) -> list[tuple[str, str, bytes]]:
    """Start, UID and encoded dataset of the workitems behind `after`, the earliest first.

    None that matches is missing; some that do not may be there, where columns and indexes cannot tell.
    """
    behind = [Condition("(start, uid) > (?, ?)", after)] if after else []
    where, parameters = _where([*_conditions(keys), *behind])
    query = f"SELECT start, uid, dataset FROM workitem {where} ORDER BY start, uid LIMIT ?"
    return connection.execute(query, (*parameters, limit)).fetchall()


def _in_sql(connection: sqlite3.Connection, conditions: list[Condition], wanted: Search) -> Page:
    where, parameters = _where(conditions)
    limit = _EVERYTHING if wanted.limit is None else wanted.limit
    query = f"SELECT dataset FROM workitem {where} ORDER BY start DESC, uid DESC LIMIT ? OFFSET ?"
    found = [dataset for (dataset,) in connection.execute(query, (*parameters, limit, wanted.offset))]
    if wanted.limit is None or len(found) < wanted.limit:
        return Page(found, remaining=0)
    (total,) = connection.execute(f"SELECT count(*) FROM workitem {where}", parameters).fetchone()
    return Page(found, remaining=max(0, total - wanted.offset - len(found)))


def _accepted(connection: sqlite3.Connection, conditions: list[Condition], keys: Sequence[Key]) -> Iterator[bytes]:
    where, parameters = _where(conditions)
    fits = predicate(keys)
    rows = connection.execute(f"SELECT dataset FROM workitem {where} ORDER BY start DESC, uid DESC", parameters)
    return (dataset for (dataset,) in rows if fits.accepts(orjson.loads(dataset)))


def _conditions(keys: Iterable[Key]) -> list[Condition]:
    """What SQL can tell: no workitem that matches is left out, some that do not may be left in."""
    found: list[Condition] = []
    for key in keys:
        wanted = matcher(key)
        if wanted is None:
            continue
        if key.path in COLUMNS:
            found.append(wanted.condition(COLUMNS[key.path]))
        elif key.path in INDEXED:
            inner = wanted.condition("value")
            sql = f"uid IN (SELECT uid FROM workitem_key WHERE path = ? AND {inner.sql})"
            found.append(Condition(sql, (INDEXED[key.path], *inner.parameters)))
    return found


def _is_exact(keys: Iterable[Key]) -> bool:
    """Whether SQL tells all: two keys within one sequence must match in one item, which it does not see."""
    narrowing = [key for key in keys if matcher(key) is not None]
    sequences = Counter(key.path[0] for key in narrowing if len(key.path) > 1)
    return all(key.path in COLUMNS or key.path in INDEXED for key in narrowing) and all(
        count == 1 for count in sequences.values()
    )


def _where(conditions: Sequence[Condition]) -> tuple[str, tuple[str, ...]]:
    sql = " AND ".join(condition.sql for condition in conditions)
    return f"WHERE {sql}" if sql else "", tuple(one for condition in conditions for one in condition.parameters)
