"""Search (QIDO-RS, PS3.18 §10.6): studies, series and instances as DICOM JSON or XML, and instances as tables."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, representations, search
from pacs.archive.dataset_bodies import Body
from pacs.archive.described import asked_for, describe, needs_whole
from pacs.archive.index import Index
from pacs.archive.levels import COUNTED_TAGS, DEFAULT_TAGS, Level
from pacs.archive.matching import Key
from pacs.archive.search import Found
from pacs.archive.search_parameters import SEARCH_PARAMETERS, Search, parse_search
from pacs.archive.tabled import tables
from pacs.archive.transactions import transaction
from pacs.attributes import JSONDataset, element, tag
from pacs.table_json import MEDIA_TYPE as TABLES

_PATH_KEYS = {"study": tag("StudyInstanceUID"), "series": tag("SeriesInstanceUID")}
_RETRIEVE_URL = tag("RetrieveURL")
_DESCRIBED_AT_ONCE = 500


class SearchService:
    """The Search transaction over one index."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @transaction(name="Search", produces=representations.MEDIA_TYPES, parameters=SEARCH_PARAMETERS)
    async def studies(self, request: Request) -> Response:
        """`GET /studies`."""
        return await self._search(request, Level.STUDY)

    @transaction(name="Search", produces=representations.MEDIA_TYPES, parameters=SEARCH_PARAMETERS)
    async def series(self, request: Request) -> Response:
        """`GET /series` and `GET /studies/{study}/series`."""
        return await self._search(request, Level.SERIES)

    @transaction(name="Search", produces=representations.WITH_TABLES, parameters=SEARCH_PARAMETERS)
    async def instances(self, request: Request) -> Response:
        """`GET /instances`, `GET /studies/{study}/instances`, `GET /studies/{study}/series/{series}/instances`."""
        return await self._search(request, Level.INSTANCE)

    async def _search(self, request: Request, level: Level) -> Response:
        media_type = representations.chosen(request, or_tables=level is Level.INSTANCE)
        asked = _with_path(parse_search(request.url.query), request.path_params)
        tags = _wanted_tags(level, asked, set(request.path_params))
        whole = asked.include_all or needs_whole(tags)
        base = http.base_url(request)

        def answer(connection: sqlite3.Connection) -> Response:
            rows = search.rows(connection, level, asked, whole=whole)
            with Body(media_type) as body:
                body.add(tables(connection, rows, asked) if media_type == TABLES else described(connection, rows))
                return body.answer(asked.warnings)

        def described(connection: sqlite3.Connection, rows: Iterator[Found]) -> Iterator[JSONDataset]:
            while found := list(islice(rows, _DESCRIBED_AT_ONCE)):
                datasets = describe(connection, found, level, tags, include_all=asked.include_all)
                for one, dataset in zip(found, datasets, strict=True):
                    dataset[_RETRIEVE_URL] = element("UR", [_url(one, level, base)])
                    yield dataset

        return await self._index.read(answer)


def _with_path(asked: Search, path: Mapping[str, Any]) -> Search:
    """The search narrowed to the study and series of the URL; a key that contradicts it finds nothing."""
    keys = tuple(Key((_PATH_KEYS[name],), (value,)) for name, value in path.items())
    asked_again = tuple(key for key in asked.keys if key.path not in {fixed.path for fixed in keys})
    contradicted = [key for key in asked.keys if key not in asked_again and key.values not in {k.values for k in keys}]
    return replace(asked, keys=(*keys, *asked_again), limit=0 if contradicted else asked.limit)


def _wanted_tags(level: Level, asked: Search, path: set[str]) -> frozenset[str]:
    """What to return: the usual attributes of the levels that the URL does not fix, and what was asked for."""
    first = Level.SERIES if "study" in path else Level.STUDY
    first = Level.INSTANCE if "series" in path else first
    tags = frozenset[str]().union(*(DEFAULT_TAGS[found] for found in Level if first <= found <= level))
    return tags | asked_for(asked) | (COUNTED_TAGS[level] if asked.include_all else frozenset())


def _url(found: Found, level: Level, base: str) -> str:
    url = f"{base}/studies/{found.row['study_instance_uid']}"
    if level >= Level.SERIES:
        url += f"/series/{found.row['series_instance_uid']}"
    return url + (f"/instances/{found.row['sop_instance_uid']}" if level >= Level.INSTANCE else "")
