"""What a search for instances finds as tables, one for each series, with the attributes that were asked for alone."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby

from pacs import table_json
from pacs.archive.described import asked_for, describe
from pacs.archive.levels import COUNTED_TAGS, Level, part_of
from pacs.archive.search import Found
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset, tag
from pacs.errors import BadQuery
from pacs.tables import Table

_PLACE = {tag("PatientID"), tag("StudyInstanceUID"), tag("SeriesInstanceUID")}
_KNOWN = frozenset(_PLACE | COUNTED_TAGS[Level.STUDY] | COUNTED_TAGS[Level.SERIES] | {tag("SpecificCharacterSet")})
"""What the archive knows of a series as a whole, whatever its files say, and however they write it."""


def tables(connection: sqlite3.Connection, found: Iterable[Found], asked: Search) -> Iterator[JSONDataset]:
    """Tables of the matches, which stand in the order of a search. `BadQuery` when all attributes are asked for."""
    if asked.include_all:
        raise BadQuery("tables have the attributes that includefield names, and not all")
    tags = asked_for(asked)
    for _, group in groupby(found, key=lambda one: (one.row["study"], one.row["series_instance_uid"])):
        first = next(group)
        own = [part_of(one.attributes[Level.INSTANCE], tags) for one in chain([first], group)]
        outer = {level: attributes for level, attributes in first.attributes.items() if level < Level.INSTANCE}
        (shared,) = describe(connection, [replace(first, attributes=outer)], Level.INSTANCE, tags)
        known = part_of(shared, _KNOWN)
        yield table_json.write(Table.of([{**shared, **one, **known} for one in own], tags))
