"""What a search for instances finds as tables, one for each series, with the attributes that were asked for alone."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from pacs import table_json
from pacs.archive.described import asked_for, describe
from pacs.archive.levels import Level
from pacs.archive.search import Found
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset
from pacs.errors import BadQuery
from pacs.tables import Table


def tables(connection: sqlite3.Connection, found: Iterable[Found], asked: Search) -> Iterator[JSONDataset]:
    """Tables of the matches, which stand in the order of a search. `BadQuery` when all attributes are asked for."""
    if asked.include_all:
        raise BadQuery("tables have the attributes that includefield names, and not all")
    tags = asked_for(asked)
    for _, group in groupby(found, key=lambda one: (one.row["study"], one.row["series_instance_uid"])):
        rows = list(group)
        outer = {level: own for level, own in rows[0].attributes.items() if level < Level.INSTANCE}
        (shared,) = describe(connection, [replace(rows[0], attributes=outer)], Level.INSTANCE, tags)
        merged = [shared | one.attributes[Level.INSTANCE] for one in rows]
        yield table_json.write(Table.of(merged, tags))
