"""Query (C-FIND) of objects that belong to no patient, by the archive's one way of matching."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from pydicom.dataset import Dataset
from pynetdicom import evt

from pacs.archive import npi_search
from pacs.archive.dimse import datasets
from pacs.archive.dimse.answering import PENDING, Matches, answering
from pacs.archive.dimse.identifiers import answer, keys_of
from pacs.archive.dimse.npi_models import MODELS, Model, model_of
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.index import Index
from pacs.archive.matching import Key, matcher
from pacs.archive.search_parameters import Search
from pacs.attributes import JSONDataset, element, tag

_READ_AT_ONCE = 1_000
_SOP_CLASS, _RETRIEVE_AE_TITLE, _RETRIEVE_URL = map(tag, ("SOPClassUID", "RetrieveAETitle", "RetrieveURL"))
_NO_KEYS = frozenset({_RETRIEVE_AE_TITLE, _RETRIEVE_URL, *map(tag, ("SpecificCharacterSet", "QueryRetrieveLevel"))})


def npi_find_service(index: Index, ae_title: str, call: Caller) -> Service:
    """Answers C-FIND requests; `ae_title` is where what they find can be retrieved."""

    def find(event: evt.Event) -> Matches:
        identifier = datasets.received(event, "Identifier")
        model = model_of(str(event.context.abstract_syntax))
        asked = {name: attribute for name, attribute in identifier.items() if name not in _NO_KEYS}
        for found in _matches(index, call, model, _search(model, asked)):
            yield PENDING, _answer(found, identifier, asked, ae_title)

    handler = answering(find, logged_as="dimse_npi_find_failed")
    contexts = tuple(Offered(abstract_syntax=model.find) for model in MODELS)
    return Service(contexts=contexts, handlers={evt.EVT_C_FIND: handler})


def _search(model: Model, asked: JSONDataset) -> Search:
    """`BadQuery` when the identifier asks for what its VRs do not allow."""
    narrowing = [key for key in keys_of(asked) if matcher(key) is not None]
    of_the_model = Key((_SOP_CLASS,), model.sop_class_uids)
    wanted = frozenset((name,) for name in asked)
    return Search((*narrowing, of_the_model), wanted, include_all=False, limit=_READ_AT_ONCE, offset=0, warnings=())


def _matches(index: Index, call: Caller, model: Model, search: Search) -> Iterator[JSONDataset]:
    """All matches, in few reads of the index."""
    while True:
        page = call(index.read(partial(npi_search.run, resource=model.resource, asked=search, base="")))
        yield from page
        if len(page) < _READ_AT_ONCE:
            return
        search = replace(search, offset=search.offset + _READ_AT_ONCE)


def _answer(found: JSONDataset, identifier: JSONDataset, asked: JSONDataset, ae_title: str) -> Dataset:
    """What is asked for, empty where it is not known (§C.2.2.1.3)."""
    told = {name: element(attribute["vr"], []) for name, attribute in asked.items()} | answer(found, asked)
    if _RETRIEVE_AE_TITLE in identifier:
        told[_RETRIEVE_AE_TITLE] = element("AE", [ae_title])
    return datasets.write(told)
