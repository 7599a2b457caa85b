"""Modality Worklist (PS3.4 Annex K): C-FIND over the workitems that are still to be done."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]  # made at import

from pacs.archive import worklist_entries
from pacs.archive.dimse import datasets
from pacs.archive.dimse.identifiers import answer, keys_of
from pacs.archive.dimse.service import Caller, Offered, Service
from pacs.archive.dimse.statuses import status
from pacs.archive.worklist import Worklist
from pacs.archive.worklist_entries import EntryPage, Position
from pacs.attributes import JSONDataset
from pacs.errors import BadDicom, BadQuery

log = structlog.get_logger(__name__)

_PENDING, _PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01
_CANCELED = 0xFE00
_OUT_OF_RESOURCES = 0xA700
_DOES_NOT_MATCH_CLASS = 0xA900

Answers = Iterator[tuple[int | Dataset, Dataset | None]]


def worklist_service(worklist: Worklist, call: Caller) -> Service:
    """Answers C-FIND requests of modalities."""

    def find(event: Event) -> Answers:
        try:
            identifier = datasets.received(event, "Identifier")
            keys = list(keys_of(identifier))
            known = [key for key in keys if worklist_entries.is_supported(key.path)]
            pending = _PENDING if len(known) == len(keys) else _PENDING_WITHOUT_SOME_KEYS
            for entry in _entries(
                lambda after: call(worklist.read(partial(worklist_entries.page, keys=known, after=after)))
            ):
                if event.is_cancelled:
                    yield _CANCELED, None
                    return
                yield pending, datasets.write(answer(entry, identifier))
        except (BadDicom, BadQuery) as error:
            yield status(_DOES_NOT_MATCH_CLASS, str(error)), None
        except (OSError, TimeoutError, sqlite3.Error) as error:
            log.error("dimse_worklist_failed", reason=type(error).__name__)
            yield status(_OUT_OF_RESOURCES, "the worklist cannot be read now"), None

    return Service(
        contexts=(Offered(abstract_syntax=ModalityWorklistInformationFind),), handlers={evt.EVT_C_FIND: find}
    )


def _entries(read: Callable[[Position | None], EntryPage]) -> Iterator[JSONDataset]:
    page = read(None)
    yield from page.entries
    while page.next is not None:
        page = read(page.next)
        yield from page.entries
