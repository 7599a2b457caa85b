"""Query (C-FIND of PS3.4 Annex C): Patient Root and Study Root, at every level, by the archive's one way of matching.

Searches may be relational (§C.4.1.2.2.1): keys of the levels above may be left out. A key below the level of the query
cannot narrow it, and a query that wants that is refused; an empty one is not answered.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from pacs.archive.described import describe, needs_whole
from pacs.archive.dimse import datasets, patients
from pacs.archive.dimse.answering import PENDING, PENDING_WITHOUT_SOME_KEYS, Matches, answering
from pacs.archive.dimse.identifiers import answer, keys_of
from pacs.archive.dimse.query_levels import QueryLevel, query_level
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.index import Index
from pacs.archive.matching import Key, matcher
from pacs.archive.search import run
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset, element, tag
from pacs.errors import BadQuery

_READ_AT_ONCE = 5_000
_LEVEL, _RETRIEVE_AE_TITLE = tag("QueryRetrieveLevel"), tag("RetrieveAETitle")
_OF_THE_ANSWER = frozenset({_LEVEL, _RETRIEVE_AE_TITLE, tag("SpecificCharacterSet"), tag("TimezoneOffsetFromUTC")})


@dataclass(frozen=True, slots=True)
class _Query:
    """What is asked: `wanted` are the attributes to return, of `identifier` only those that the level has."""

    level: QueryLevel
    identifier: JSONDataset
    wanted: frozenset[str]
    search: Search

    @property
    def pending(self) -> int:
        """The status of a match; another one when not all that is asked for can be told."""
        told = self.wanted | _OF_THE_ANSWER
        return PENDING if told >= self.identifier.keys() else PENDING_WITHOUT_SOME_KEYS


def find_service(index: Index, ae_title: str, call: Caller) -> Service:
    """Answers C-FIND requests of workstations; `ae_title` is where what they find can be retrieved."""

    def find(event: evt.Event) -> Matches:
        query = _query(str(event.context.abstract_syntax), datasets.received(event, "Identifier"))
        for found in _matches(index, call, query):
            yield query.pending, _answer(found, query, ae_title)

    models = (PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind)
    handler = answering(find, logged_as="dimse_find_failed")
    contexts = tuple(Offered(abstract_syntax=model) for model in models)
    return Service(contexts=contexts, handlers={evt.EVT_C_FIND: handler})


def _query(model: str, identifier: JSONDataset) -> _Query:
    """`BadQuery` when the identifier has no level of the model, or keys below it."""
    level = query_level(model, identifier)
    asked = {name: attribute for name, attribute in identifier.items() if name not in _OF_THE_ANSWER}
    narrowing = tuple(key for key in keys_of(asked) if matcher(key) is not None)
    for key in narrowing:
        _check(level, key)
    wanted = frozenset(name for name in asked if level.has(name))
    search = Search(narrowing, frozenset(), include_all=False, limit=_READ_AT_ONCE, offset=0, warnings=())
    return _Query(level, identifier, wanted, search)


def _check(level: QueryLevel, key: Key) -> None:
    if not level.has(key.path[0]):
        raise BadQuery(f"{'.'.join(key.path)} is no key at {level.name} level")


def _matches(index: Index, call: Caller, query: _Query) -> Iterator[JSONDataset]:
    """All matches, in few reads of the index: one that finds up to 5,000 sees one state of it."""
    seen: set[str] = set()
    offset = 0
    while True:
        page, is_last = call(index.read(partial(_page, query=query, offset=offset, seen=seen)))
        yield from page
        if is_last:
            return
        offset += _READ_AT_ONCE


def _page(connection: sqlite3.Connection, query: _Query, offset: int, seen: set[str]) -> tuple[list[JSONDataset], bool]:
    found = run(connection, query.level.searched, replace(query.search, offset=offset), whole=needs_whole(query.wanted))
    is_last = len(found) < _READ_AT_ONCE
    if query.level.is_patient:
        return patients.describe(connection, found, query.wanted, seen), is_last
    return describe(connection, found, query.level.searched, query.wanted), is_last


def _answer(found: JSONDataset, query: _Query, ae_title: str) -> Dataset:
    """What is asked for, empty where it is not known (§C.2.2.1.3), and who has it."""
    asked = {name: attribute for name, attribute in query.identifier.items() if name in query.wanted}
    told = {name: element(attribute["vr"], []) for name, attribute in asked.items()} | answer(found, asked)
    told[_LEVEL] = element("CS", [query.level.name])
    told[_RETRIEVE_AE_TITLE] = element("AE", [ae_title])
    return datasets.write(told)
