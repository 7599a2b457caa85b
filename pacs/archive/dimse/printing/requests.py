"""DIMSE-N requests to the printer, and what they are answered."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_CREATE, N_SET
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicColorPrintManagementMeta,
    BasicGrayscalePrintManagementMeta,
    PresentationLUT,
    Printer,
    PrinterInstance,
)

from pacs.archive.dimse.printing.film import clear_unfinished
from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.printer import printer
from pacs.archive.dimse.printing.refused import INVALID_VALUE, NO_SUCH_INSTANCE, PROCESSING_FAILURE, Refused
from pacs.archive.dimse.printing.session import Answer, PrintSession
from pacs.archive.dimse.service import Offered, Service
from pacs.archive.dimse.statuses import status
from pacs.archive.faults import report
from pacs.uids import new_uid

Reply = tuple[Dataset, Dataset | None]

_LARGEST_IMAGE_BYTES = 128 * 1024 * 1024  # 8,000 × 8,000 pixels of 16 bits


def print_service(prints: Path) -> Service:
    """Basic Grayscale and Basic Color Print Management, with Presentation LUTs; films are kept in `prints` as PDFs."""
    requests = PrintRequests(prints)
    return Service(
        contexts=(
            Offered(abstract_syntax=BasicGrayscalePrintManagementMeta, dataset_bytes=_LARGEST_IMAGE_BYTES),
            Offered(abstract_syntax=BasicColorPrintManagementMeta, dataset_bytes=_LARGEST_IMAGE_BYTES),
            Offered(abstract_syntax=PresentationLUT),
            Offered(abstract_syntax=Printer),
        ),
        handlers={
            evt.EVT_N_CREATE: requests.create,
            evt.EVT_N_SET: requests.set,
            evt.EVT_N_ACTION: requests.action,
            evt.EVT_N_DELETE: requests.delete,
            evt.EVT_N_GET: requests.get,
        },
        ended=requests.forget,
    )


class PrintRequests:
    """Handlers of N-CREATE, N-SET, N-ACTION, N-DELETE and N-GET; each association has its own print objects."""

    def __init__(self, prints: Path) -> None:
        self._prints = prints
        self._memory = PrinterMemory()
        self._sessions: dict[Association, PrintSession] = {}
        self._turn = threading.Lock()
        clear_unfinished(prints)

    def create(self, event: Event) -> Reply:
        """N-CREATE; the printer names the object where the request does not."""
        request = cast(N_CREATE, event.request)
        uid = str(request.AffectedSOPInstanceUID or new_uid())
        color = event.context.abstract_syntax == BasicColorPrintManagementMeta

        def operation() -> Answer:
            code, answer = self._session(event).create(
                str(request.AffectedSOPClassUID), uid, _decoded(event, "attribute_list"), color=color
            )
            reply = Dataset()
            reply.update(answer or Dataset())
            if request.AffectedSOPInstanceUID is None:
                reply.AffectedSOPInstanceUID = uid
            return code, reply

        return _answered(operation)

    def set(self, event: Event) -> Reply:
        """N-SET."""
        return _answered(lambda: self._session(event).set(*_requested(event), _decoded(event, "modification_list")))

    def action(self, event: Event) -> Reply:
        """N-ACTION."""
        return _answered(lambda: self._session(event).action(*_requested(event), event.action_type or 0))

    def delete(self, event: Event) -> Dataset:
        """N-DELETE."""
        return _answered(lambda: self._session(event).delete(*_requested(event)))[0]

    def get(self, event: Event) -> Reply:
        """N-GET of the printer."""

        def operation() -> Answer:
            if _requested(event) != (Printer, PrinterInstance):
                raise Refused(NO_SUCH_INSTANCE, "only the Printer SOP Instance can be read")
            return 0x0000, printer(self._prints, event.attribute_identifiers)

        return _answered(operation)

    def forget(self, association: Association) -> None:
        """The association has ended, and its print objects with it (PS3.4 H.2.4)."""
        with self._turn:
            session = self._sessions.pop(association, None)
        if session is not None:
            session.close()

    def _session(self, event: Event) -> PrintSession:
        with self._turn:
            if event.assoc not in self._sessions:
                self._sessions[event.assoc] = PrintSession(self._prints, self._memory)
            return self._sessions[event.assoc]


def _requested(event: Event) -> tuple[str, str]:
    request = cast(N_SET, event.request)  # N-ACTION, N-DELETE and N-GET name what they want alike
    return str(request.RequestedSOPClassUID), str(request.RequestedSOPInstanceUID)


def _decoded(event: Event, name: str) -> Dataset:
    """A dataset of the request, every value of it; pydicom decodes them when they are first read."""
    try:
        dataset: Dataset = getattr(event, name)
        for _ in dataset.iterall():
            pass
    except Exception as error:  # whatever pydicom comes to over bytes of a peer
        raise Refused(INVALID_VALUE, "a value of the dataset is not what its VR allows") from error
    return dataset


def _answered(operation: Callable[[], Answer]) -> Reply:
    try:
        code, attributes = operation()
    except Refused as refused:
        return status(refused.status, refused.comment), None
    except OSError as error:
        return status(PROCESSING_FAILURE, report("dimse_film_not_printed", error).sentence), None
    return status(code), attributes
