"""Modality Worklist (PS3.4 Annex K): C-FIND over the workitems that are still to be done."""

from collections.abc import Callable, Iterator
from functools import partial

from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]  # made at import

from pacs.archive import worklist_entries
from pacs.archive.dimse import datasets
from pacs.archive.dimse.answering import PENDING, PENDING_WITHOUT_SOME_KEYS, Matches, answering
from pacs.archive.dimse.identifiers import answer, keys_of
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.worklist import Worklist
from pacs.archive.worklist_entries import EntryPage, Position
from pacs.attributes import JSONDataset


def worklist_service(worklist: Worklist, call: Caller) -> Service:
    """Answers C-FIND requests of modalities."""

    def find(event: Event) -> Matches:
        identifier = datasets.received(event, "Identifier")
        keys = list(keys_of(identifier))
        known = [key for key in keys if worklist_entries.is_supported(key.path)]
        pending = PENDING if len(known) == len(keys) else PENDING_WITHOUT_SOME_KEYS
        for entry in _entries(
            lambda after: call(worklist.read(partial(worklist_entries.page, keys=known, after=after)))
        ):
            yield pending, datasets.write(answer(entry, identifier))

    handler = answering(find, logged_as="dimse_worklist_failed")
    return Service(
        contexts=(Offered(abstract_syntax=ModalityWorklistInformationFind),), handlers={evt.EVT_C_FIND: handler}
    )


def _entries(read: Callable[[Position | None], EntryPage]) -> Iterator[JSONDataset]:
    page = read(None)
    yield from page.entries
    while page.next is not None:
        page = read(page.next)
        yield from page.entries
