"""Store (PS3.4 Annex B): objects of every storage class, private ones too, written as they are sent.

A dataset goes to disk while it comes in. Then it takes the way of every object, with the same rules: checked, synced,
filed; it is answered once file and index are safe. Statuses are those of PS3.4 table B.2-1 and PS3.7 annex C.
"""

import sqlite3
from contextlib import suppress

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt

from pacs import file_meta
from pacs.archive.dimse.entity import IMPLEMENTATION_CLASS_UID
from pacs.archive.dimse.service import Caller, Sending, Service, Sink, sink_of
from pacs.archive.dimse.statuses import status
from pacs.archive.faults import report
from pacs.archive.files import FileStore
from pacs.archive.filing import Filing
from pacs.archive.incoming import Incoming
from pacs.archive.outcomes import CANNOT_UNDERSTAND, OUT_OF_RESOURCES
from pacs.archive.received import Received
from pacs.archive.transcoding import meta_bytes
from pacs.errors import BadDicom

log = structlog.get_logger(__name__)

_SUCCESS, _DOES_NOT_MATCH = 0x0000, 0xA900


class Arrival(Sink):
    """A dataset on its way to disk, behind the file header that it is to have."""

    def __init__(self, incoming: Incoming, sending: Sending) -> None:
        self.sending = sending
        self._incoming = incoming
        self._failure: OSError | None = None
        texts = {
            file_meta.CLASS: sending.sop_class_uid,
            file_meta.INSTANCE: sending.sop_instance_uid,
            file_meta.SYNTAX: sending.transfer_syntax_uid,
            file_meta.IMPLEMENTATION: IMPLEMENTATION_CLASS_UID,
            file_meta.SOURCE_AE: sending.calling_ae_title,
        }
        self.write(meta_bytes(texts))

    def write(self, data: bytes) -> None:
        """Takes the next bytes; after a failure they are dropped, until there is a request to refuse."""
        if self._failure is None:
            try:
                self._incoming.add(data)
            except OSError as error:
                self._failure = error
                self.discard()

    def finish(self) -> Received:
        """The object, checked and durable. `BadDicom`, `OSError`."""
        if self._failure is not None:
            raise self._failure
        return self._incoming.finish()

    def discard(self) -> None:
        """Removes what is left."""
        with suppress(OSError):
            self._incoming.discard()
        with suppress(OSError):  # the next start clears up
            self._incoming.path.unlink(missing_ok=True)


class _Refused(Exception):
    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status


def store_service(filing: Filing, files: FileStore, call: Caller) -> Service:
    """Stores objects. It names no classes: whatever is a storage class is stored."""

    def sink(sending: Sending) -> Arrival:
        return Arrival(Incoming(files.new_incoming()), sending)

    def store(event: evt.Event) -> Dataset:
        try:
            arrival: Arrival = sink_of(event)
            _file(_check(arrival), filing, call)
        except _Refused as refused:
            return status(refused.status, str(refused))
        except (OSError, sqlite3.Error, TimeoutError) as error:
            return status(OUT_OF_RESOURCES, report("dimse_store_failed", error).sentence)
        return status(_SUCCESS)

    return Service(contexts=(), handlers={evt.EVT_C_STORE: store}, sink=sink)


def _check(arrival: Arrival) -> Received:
    """The object, if it is what the command said."""
    try:
        received = arrival.finish()
    except BadDicom as error:
        raise _Refused(CANNOT_UNDERSTAND, str(error)) from error
    if received.header.flaws:
        log.info("archive_untidy_file", flaws=received.header.flaws)
    if received.header.sop_class_uid != arrival.sending.sop_class_uid:
        raise _Refused(_DOES_NOT_MATCH, "the SOPClassUID is not that of the request")
    return received


def _file(received: Received, filing: Filing, call: Caller) -> None:
    (outcome,) = call(filing.file([received]))
    if not outcome.is_success:
        log.info("dimse_store_refused", outcome=outcome.name)
        raise _Refused(outcome.value, outcome.sentence)
