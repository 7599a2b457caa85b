"""One association as the acceptor: admitted, served message by message, and gone without a trace when it ends."""

import socket
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_GET, C_MOVE, C_STORE
from pynetdicom.service_class import StorageServiceClass, VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class
from pynetdicom.transport import AddressInformation

from pacs.archive.dimse.admission import Admission, House
from pacs.archive.dimse.connection import Connection
from pacs.archive.dimse.memory import is_large
from pacs.archive.dimse.messages import LARGEST_PDU_BYTES, Messages, discard
from pacs.archive.dimse.requests import event_of, log_failure, refuse, refuses_class, watched
from pacs.archive.dimse.retrieval import retrieve
from pacs.archive.dimse.service import Sending, Sink
from pacs.archive.dimse.upper_layer import UpperLayer

log = structlog.get_logger(__name__)

_END_SECONDS = 5.0


class ArchiveAssociation(Association):
    """pynetdicom's, with bounded queues and messages, and requests dispatched by their presentation context."""

    def __init__(self, house: House, client: socket.socket, address: tuple[Any, ...], local: tuple[Any, ...]) -> None:
        super().__init__(house.ae, "acceptor")
        self.house = house
        self.is_busy = False
        self._has_large = False
        self.name = "dimse-association"
        self.acse = Admission(self)
        self.dul = self._upper_layer = UpperLayer(self)
        self.dimse = self._messages = Messages(self, self)
        self.acse_timeout = house.ae.acse_timeout  # once more: these are timers of the upper layer
        self.network_timeout = house.ae.network_timeout
        self._client = client
        self.acceptor.ae_title = house.ae_title
        self.acceptor.maximum_length = LARGEST_PDU_BYTES
        self.acceptor.address_info = AddressInformation.from_tuple(local)
        self.requestor.address_info = AddressInformation.from_tuple(address)

    @property
    def caller(self) -> str:
        """Who calls, for the log."""
        return str(self.requestor.ae_title)

    def run_reactor(self) -> None:
        """The life of the association, in its thread."""
        try:
            self._shake_hands()
            super().run_reactor()
        except OSError as error:
            log.info("dimse_no_connection", reason=type(error).__name__)
        finally:
            self._end()

    def hang_up(self) -> None:
        """Ends the connection under whatever still waits for it."""
        connection = self.dul.socket
        if connection is not None:
            connection._shutdown_socket()
        self._client.close()

    def sink(self, context_id: int, sop_class: Any, sop_instance: Any) -> Sink | None:
        """Where a dataset that comes in under a context goes, if not into memory."""
        context = self._accepted_cx.get(context_id)
        found = context and self.house.offer.find(str(context.abstract_syntax))
        if not context or not found or found[0].sink is None:
            return None
        return found[0].sink(
            Sending(
                sop_class_uid=str(sop_class or ""),
                sop_instance_uid=str(sop_instance or ""),
                transfer_syntax_uid=str(context.transfer_syntax[0]),
                calling_ae_title=self.caller,
            )
        )

    def dataset_bytes(self, context_id: int) -> int:
        """The most that a dataset under a context may have, when it is held in memory."""
        context = self._accepted_cx.get(context_id)
        found = context and self.house.offer.find(str(context.abstract_syntax))
        return found[1].dataset_bytes if found else 0

    def take_large(self) -> None:
        """Waits for room for a large message; an association may have one at a time (PS3.7 §D.3.3.3)."""
        if self._has_large:
            raise ValueError("two large messages at once")
        if not self.house.large_messages.enter(float(self.network_timeout or 0), self._upper_layer.is_ending):
            raise ValueError("no room for a large message")
        self._has_large = True

    def _leave_large(self) -> None:
        if self._has_large:
            self._has_large = False
            self.house.large_messages.leave()

    def _shake_hands(self) -> None:
        """TLS, where it is wanted: here, so that a client that says nothing holds up no other."""
        seconds = float(self.network_timeout or 0)
        self._client.settimeout(seconds)
        if self.house.tls is not None:
            self._client = self.house.tls.wrap_socket(self._client, server_side=True)
        self.set_socket(Connection(self, self._client, seconds=seconds))

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """Hands a request to the service of its context; what cannot be served is answered or ends the association."""
        self.is_busy = True
        self._is_paused = True  # for handlers that send messages themselves
        self.dimse.cancel_req = {}
        try:
            self._dispatch(msg, context_id)
        except Exception as error:  # whatever it is: the peer hears an abort, and the log no traceback
            log_failure(error)
            self.abort()
        finally:
            discard(msg)
            if is_large(msg):
                self._leave_large()
            self.dul._idle_timer.restart()  # the peer was silent because it waited for us
            self._is_paused = False
            self.is_busy = False

    def _dispatch(self, msg: Any, context_id: int) -> None:
        context = self._accepted_cx.get(context_id)
        found = context and self.house.offer.find(str(context.abstract_syntax))
        event = event_of(msg)
        if context is None or not found or event is None or not msg.is_valid_request:
            log.info("dimse_unexpected_message", message=type(msg).__name__)
            self.abort()
            return
        handler = found[0].handlers.get(event)
        if handler is None or refuses_class(msg, str(context.abstract_syntax)):
            refuse(self, msg, context_id, is_known=handler is not None)
            return
        self._handlers[event] = (watched(handler), None)
        if isinstance(msg, (C_GET, C_MOVE)):
            retrieve(self, msg, context, handler)
        elif isinstance(msg, C_STORE):
            StorageServiceClass(self).SCP(msg, context)
        elif isinstance(msg, C_ECHO):
            VerificationServiceClass(self).SCP(msg, context)
        else:
            uid_to_service_class(context.abstract_syntax or "")(self).SCP(msg, context)

    def _end(self) -> None:
        """Leaves no thread, socket or file behind."""
        self.is_established = False
        self.dul.kill_dul()
        connection = self.dul.socket
        if isinstance(connection, Connection):
            connection.wake()
        if self.dul.ident is not None:
            self.dul.join(_END_SECONDS)
        self._messages.close()
        self._leave_large()
        if isinstance(connection, Connection):
            connection.dispose()
        self._client.close()
        for service in self.house.offer.services:
            if service.ended is not None:
                service.ended(self)
        self.house.ended(self)
        how = "aborted" if self.is_aborted else "rejected" if self.is_rejected else "released"
        log.info("dimse_association_ended", caller=self.caller, how=how)
