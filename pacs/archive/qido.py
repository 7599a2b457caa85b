"""Search (QIDO-RS, PS3.18 §10.6): studies, series and instances as DICOM JSON."""

import datetime as dt
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http, representations, search
from pacs.archive.dataset_bodies import Body
from pacs.archive.index import Index
from pacs.archive.levels import COUNTED_TAGS, DEFAULT_TAGS, Level, level_of
from pacs.archive.matching import Key
from pacs.archive.search import Found
from pacs.archive.search_parameters import SEARCH_PARAMETERS, Search, parse_search
from pacs.archive.transactions import transaction
from pacs.attributes import JSONDataset, element, tag

_PATH_KEYS = {"study": tag("StudyInstanceUID"), "series": tag("SeriesInstanceUID")}
_RETRIEVE_URL, _MODALITIES, _UPDATED = tag("RetrieveURL"), tag("ModalitiesInStudy"), tag("StudyUpdateDateTime")
_COUNTS = {
    Level.STUDY: {
        tag("NumberOfStudyRelatedSeries"): "number_of_series",
        tag("NumberOfStudyRelatedInstances"): "study_instances",
    },
    Level.SERIES: {tag("NumberOfSeriesRelatedInstances"): "series_instances"},
}
_CONSTANTS = {
    tag("SpecificCharacterSet"): {"vr": "CS", "Value": ["ISO_IR 192"]},
    tag("InstanceAvailability"): {"vr": "CS", "Value": ["ONLINE"]},
}
_STORED_APART = DEFAULT_TAGS[Level.INSTANCE] | DEFAULT_TAGS[Level.SERIES] | DEFAULT_TAGS[Level.STUDY]
_MODALITIES_AT_ONCE = 500
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

    @transaction(name="Search", produces=representations.MEDIA_TYPES, parameters=SEARCH_PARAMETERS)
    async def instances(self, request: Request) -> Response:
        """`GET /instances`, `GET /studies/{study}/instances`, `GET /studies/{study}/series/{series}/instances`."""
        return await self._search(request, Level.INSTANCE)

    async def _search(self, request: Request, level: Level) -> Response:
        media_type = representations.chosen(request)
        asked = _with_path(parse_search(request.url.query), request.path_params)
        tags = _wanted_tags(level, asked, set(request.path_params))
        whole = asked.include_all or needs_whole(tags)
        base = http.base_url(request)

        def answer(connection: sqlite3.Connection) -> Response:
            rows = search.rows(connection, level, asked, whole=whole)
            with Body(media_type) as body:
                while found := list(islice(rows, _DESCRIBED_AT_ONCE)):
                    datasets = describe(connection, found, level, tags, include_all=asked.include_all)
                    for one, dataset in zip(found, datasets, strict=True):
                        dataset[_RETRIEVE_URL] = element("UR", [_url(one, level, base)])
                    body.add(datasets)
                return body.answer(asked.warnings)

        return await self._index.read(answer)


def needs_whole(tags: frozenset[str]) -> bool:
    """Whether some of the attributes are only in the whole datasets of instances."""
    return any(level_of(name) is Level.INSTANCE for name in tags - _STORED_APART)


def describe(
    connection: sqlite3.Connection,
    found: list[Found],
    level: Level,
    tags: frozenset[str],
    *,
    include_all: bool = False,
) -> list[JSONDataset]:
    """The attributes `tags` of each match, with those that the archive counts or knows itself."""
    modalities = _modalities(connection, found) if _MODALITIES in tags else {}
    return [_dataset(one, level, tags, include_all, modalities) for one in found]


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
    asked_for = {key.path[0] for key in asked.keys} | {include[0] for include in asked.include}
    return tags | asked_for | (COUNTED_TAGS[level] if asked.include_all else frozenset())


def _modalities(connection: sqlite3.Connection, found: list[Found]) -> dict[int, list[str]]:
    studies = list(dict.fromkeys(one.row["study"] for one in found))
    modalities: dict[int, list[str]] = {}
    for start in range(0, len(studies), _MODALITIES_AT_ONCE):
        modalities |= search.modalities(connection, studies[start : start + _MODALITIES_AT_ONCE])
    return modalities


def _dataset(
    found: Found, level: Level, tags: frozenset[str], include_all: bool, modalities: Mapping[int, list[str]]
) -> JSONDataset:
    """One match, with the attributes of its own level from the innermost dataset that has them."""
    dataset: JSONDataset = {}
    for own, attributes in found.attributes.items():
        everything = include_all and own == level
        dataset.update({name: value for name, value in attributes.items() if everything or name in tags})
    for counted, columns in _COUNTS.items():
        if counted <= level:
            wanted = ((name, found.row[column]) for name, column in columns.items() if name in tags)
            dataset.update({name: element("IS", [count]) for name, count in wanted})
    if _UPDATED in tags:
        dataset[_UPDATED] = element("DT", [f"{_moment(found.row['changed_at']):%Y%m%d%H%M%S.%f%z}"])
    if _MODALITIES in tags:
        dataset[_MODALITIES] = element("CS", modalities[found.row["study"]])
    dataset.update({name: value for name, value in _CONSTANTS.items() if name in tags})
    return dataset


def _url(found: Found, level: Level, base: str) -> str:
    url = f"{base}/studies/{found.row['study_instance_uid']}"
    if level >= Level.SERIES:
        url += f"/series/{found.row['series_instance_uid']}"
    return url + (f"/instances/{found.row['sop_instance_uid']}" if level >= Level.INSTANCE else "")


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
