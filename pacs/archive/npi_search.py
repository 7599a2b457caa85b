"""Search among objects that belong to no patient (PS3.18 §12.6), in the order in which they were stored.

SQL tells their resource, class and UID; everything else is matched on their datasets, by the rules of all searches. As
long as no attribute is asked for that searches do not return unasked, only those attributes are read.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice

import orjson

from pacs.archive.filters import Filter, predicate
from pacs.archive.matchers import Condition
from pacs.archive.matching import Key, matcher
from pacs.archive.metadata import absolute
from pacs.archive.npi import Resource
from pacs.archive.npi_collection import url
from pacs.archive.npi_store import unpacked
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset, tag

_COLUMNS = {(tag("SOPInstanceUID"),): "sop_instance_uid", (tag("SOPClassUID"),): "sop_class_uid"}
_RETRIEVE_URL = tag("RetrieveURL")
_EVERYTHING = -1  # SQLite's LIMIT for none

_Row = tuple[str, bytes]


def run(connection: sqlite3.Connection, resource: Resource, asked: Search, base: str) -> list[JSONDataset]:
    """What a search of a resource finds. `BadQuery` when a key's value is not what its VR allows."""
    named = {key.path[0] for key in asked.keys} | {path[0] for path in asked.include}
    tags = resource.attributes | named
    whole = asked.include_all or bool(named - resource.attributes)
    conditions, rest = _conditions(asked.keys)
    where = " AND ".join(["resource = ?", *(condition.sql for condition in conditions)])
    column = "json" if whole else "attributes"
    query = f"SELECT sop_instance_uid, {column} FROM non_patient_instances WHERE {where} ORDER BY id"  # noqa: S608  # made of constants only
    parameters = (resource.name, *(value for condition in conditions for value in condition.parameters))
    limit = _EVERYTHING if asked.limit is None else asked.limit
    if rest.narrows:
        rows: Iterator[_Row] = connection.execute(query, parameters)
    else:
        rows = connection.execute(f"{query} LIMIT ? OFFSET ?", (*parameters, limit, asked.offset))
    found = (_dataset(resource, row, base, whole=whole) for row in rows)
    return [
        {name: value for name, value in dataset.items() if asked.include_all or name in tags or name == _RETRIEVE_URL}
        for dataset in (_page(found, rest, asked) if rest.narrows else found)
    ]


def _page(found: Iterator[JSONDataset], rest: Filter, asked: Search) -> Iterator[JSONDataset]:
    return islice((dataset for dataset in found if rest.accepts(dataset)), asked.offset, asked.end)


def _conditions(keys: tuple[Key, ...]) -> tuple[list[Condition], Filter]:
    """Conditions on columns, and a filter of the keys that have none."""
    matchers = [(key.path, wanted) for key in keys if key.path in _COLUMNS and (wanted := matcher(key))]
    conditions = [wanted.condition(_COLUMNS[path]) for path, wanted in matchers]
    return conditions, predicate([key for key in keys if key.path not in _COLUMNS])


def _dataset(resource: Resource, row: _Row, base: str, *, whole: bool) -> JSONDataset:
    sop_instance_uid, encoded = row
    own = url(resource, sop_instance_uid, base)
    dataset: JSONDataset = orjson.loads(absolute(unpacked(encoded) if whole else encoded, own))
    dataset[_RETRIEVE_URL] = {"vr": "UR", "Value": [own]}
    return dataset
