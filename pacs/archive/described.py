"""The datasets of what a search found: the attributes that are wanted, of each level, and those that are counted."""

import datetime as dt
import sqlite3
from collections.abc import Mapping

from pacs.archive import search
from pacs.archive.levels import DEFAULT_TAGS, Level, level_of
from pacs.archive.search import Found
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset, element, tag

_MODALITIES, _UPDATED = tag("ModalitiesInStudy"), tag("StudyUpdateDateTime")
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


def asked_for(asked: Search) -> frozenset[str]:
    """The attributes that a search names."""
    return frozenset({key.path[0] for key in asked.keys} | {include[0] for include in asked.include})


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


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
