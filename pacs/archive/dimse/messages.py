"""The messages of one association (PS3.7): bounded in memory, datasets of C-STORE requests streamed into sinks."""

import queue
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.pdu_primitives import P_DATA

from pacs.archive.dimse.memory import LARGE_BYTES
from pacs.archive.dimse.service import Sink

if TYPE_CHECKING:
    from pynetdicom.association import Association

log = structlog.get_logger(__name__)

LARGEST_PDU_BYTES = 256 * 1024
"""What is announced as the most that one PDU may hold, and the most that is sent in one to those who take any."""

_COMMAND_BYTES = 64 * 1024
_MOST_WAITING = 16
_IDLE_SECONDS = 0.05
_COMMAND, _LAST = 1, 2
_BROKEN = "Evt19"  # an invalid PDU: the upper layer aborts


class Reception(Protocol):
    """What an association takes, by presentation context."""

    def sink(self, context_id: int, sop_class: Any, sop_instance: Any) -> Sink | None:
        """Where the dataset of a C-STORE goes; None for memory."""

    def dataset_bytes(self, context_id: int) -> int:
        """The most that a dataset in memory may have."""

    def take_large(self) -> None:
        """Waits for room for a dataset that turns out to be a large one; `ValueError` when there is none."""


class Messages(DIMSEServiceProvider):
    """pynetdicom's, for an association of ours."""

    def __init__(self, association: "Association", reception: Reception) -> None:
        super().__init__(association)
        self._reception = reception
        self._bytes = 0
        self._is_broken = False

    @property
    def maximum_pdu_size(self) -> int:
        """The most that the peer takes in one PDU, and not more than is good for either."""
        return min(super().maximum_pdu_size or LARGEST_PDU_BYTES, LARGEST_PDU_BYTES)

    def get_msg(self, block: bool = False) -> Any:
        """The next message. One that does not block still waits a moment, instead of asking again at once."""
        if block:
            return super().get_msg(block=True)
        try:
            return self.msg_queue.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            return None, None

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Takes fragments of messages; what breaks the protocol ends the association."""
        if self._is_broken:
            return
        try:
            for context_id, fragment in primitive.presentation_data_value_list:
                self._receive(context_id, fragment)
        except Exception as error:  # bytes of a peer: anything may be wrong with them
            log.info("dimse_broken_message", reason=type(error).__name__)
            self._is_broken = True
            self.dul.event_queue.put(_BROKEN)

    def close(self) -> None:
        """Discards what came in and was not answered."""
        discard(self.message)
        self.message = None
        while True:
            try:
                _, message = self.msg_queue.get_nowait()
            except queue.Empty:
                return
            discard(message)

    def _receive(self, context_id: int, fragment: bytes) -> None:
        if context_id not in self.assoc._accepted_cx:
            raise ValueError("a message in a context that was not accepted")
        self._check_size(context_id, fragment)
        single = P_DATA()
        single.presentation_data_value_list.append((context_id, fragment))
        super().receive_primitive(single)
        if fragment[0] & _LAST:
            self._bytes = 0
        if self.msg_queue.qsize() > _MOST_WAITING:
            raise ValueError("more requests at once than were agreed")
        if fragment[0] & _COMMAND and isinstance(self.message, C_STORE_RQ) and self.message.context_id is not None:
            self._stream(self.message)

    def _check_size(self, context_id: int, fragment: bytes) -> None:
        before = self._bytes
        self._bytes += len(fragment) - 1  # without the control header
        if self.message is not None and self.message._data_set_file is not None:
            return
        most = _COMMAND_BYTES if fragment[0] & _COMMAND else self._reception.dataset_bytes(context_id)
        if self._bytes > most:
            raise ValueError("a message larger than is taken")
        if before <= LARGE_BYTES < self._bytes:
            self._reception.take_large()

    def _stream(self, message: Any) -> None:
        """From now on the dataset of this C-STORE goes into a sink, where its context has one."""
        command = message.command_set
        sink = self._reception.sink(message.context_id, command.AffectedSOPClassUID, command.AffectedSOPInstanceUID)
        if sink is not None:
            message._data_set_file = _SinkFile(sink)


class _SinkFile:
    """A sink in the place of the temporary file that pynetdicom writes datasets to."""

    name = ""

    def __init__(self, sink: Any) -> None:
        self.sink = sink
        self.file = self

    def write(self, data: bytes) -> None:
        self.sink.write(data)

    def flush(self) -> None:
        """Sinks need none."""

    def close(self) -> None:
        self.sink.discard()


def discard(message: Any) -> None:
    """Discards the sink of a message or of a request, where it has one."""
    held = getattr(message, "_data_set_file", None) or getattr(message, "_dataset_file", None)
    if held is not None:
        held.close()
