"""The upper layer protocol (PS3.8) of one association: its thread, and the queues to and from it."""

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import A_RELEASE, P_DATA

from pacs.archive.dimse.connection import Connection

if TYPE_CHECKING:
    from pynetdicom.association import Association

log = structlog.get_logger(__name__)

_MOST_WAITING = 8
_LOOK_SECONDS = 0.1


class UpperLayer(DULServiceProvider):
    """pynetdicom's, with bounds: it sends no faster than the peer reads, and always ends."""

    def __init__(self, association: "Association") -> None:
        super().__init__(association)
        self.name = "dimse-upper-layer"
        self.daemon = True
        self._run_loop_delay = 0.0  # `Connection.ready` waits instead
        self._sent = threading.Event()
        self.to_user_queue = _Indications(association)

    def run_reactor(self) -> None:
        """Runs until the association ends; whoever waits for a message then is told."""
        try:
            super().run_reactor()
        except Exception as error:  # whatever it is, the association is over
            log.info("dimse_broken_protocol", reason=type(error).__name__)
        finally:
            self._kill_thread = True
            if self.socket is not None:
                self.socket._shutdown_socket()
            self._sent.set()
            self.assoc.dimse.msg_queue.put((None, None))

    def send_pdu(self, primitive: Any) -> None:
        """Hands over what is to be sent; waits while the peer is behind. `ConnectionAbortedError` when it is gone."""
        if isinstance(primitive, P_DATA):
            self._await_room()
        super().send_pdu(primitive)
        self._wake()

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Any:
        """The next indication; None after `timeout` seconds, or once the upper layer has ended."""
        if not wait:
            return super().receive_pdu()
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (remaining := deadline - time.monotonic()) > 0:
            is_alive = self.is_alive()
            found: Any = super().receive_pdu(wait=True, timeout=min(_LOOK_SECONDS, remaining))
            if found is not None or not is_alive:
                return found
        return None

    def stop_dul(self) -> bool:
        """Stops the thread when the protocol is idle; whether it was."""
        self._wake()
        return super().stop_dul()

    def _await_room(self) -> None:
        while self.to_provider_queue.qsize() >= _MOST_WAITING and not self.is_ending():
            self._sent.clear()
            self._sent.wait(_LOOK_SECONDS)
        if self.is_ending():
            raise ConnectionAbortedError("the association has ended")

    def is_ending(self) -> bool:
        """Whether nothing is sent or received any more."""
        return not self.is_alive() or self._kill_thread

    def _send(self, pdu: Any) -> None:
        super()._send(pdu)
        self._sent.set()

    def _wake(self) -> None:
        if isinstance(self.socket, Connection):
            self.socket.wake()


class _Indications(queue.Queue[Any]):
    """What the upper layer tells its user; a release also ends a wait for the next message."""

    def __init__(self, association: "Association") -> None:
        super().__init__()
        self._association = association

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """See `queue.Queue`."""
        super().put(item, block, timeout)
        if isinstance(item, A_RELEASE) and item.result is None:
            self._association.dimse.msg_queue.put((None, None))
