"""Associations that the archive begins itself: to send objects, or reports."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation

from pacs.archive.dimse import tls
from pacs.archive.dimse.connection import Connection
from pacs.archive.dimse.entity import application_entity
from pacs.archive.dimse.messages import LARGEST_PDU_BYTES, Messages
from pacs.archive.dimse.options import DimseOptions
from pacs.archive.dimse.upper_layer import UpperLayer
from pacs.peers import Peer, Peers

log = structlog.get_logger(__name__)

MOST_CONTEXTS = 128
"""Presentation contexts of one association: their IDs are the odd numbers up to 255 (PS3.8 §9.3.2.2)."""

_END_SECONDS = 5.0


class PeerUnreachable(Exception):
    """The peer does not listen, refuses the association, or accepts none of its contexts."""


class Calls:
    """Calls peers as the archive's application entity."""

    def __init__(self, options: DimseOptions) -> None:
        self._options = options
        self._tls = tls.calling(options.tls) if options.tls else None

    @property
    def peers(self) -> Peers:
        """Who can be called."""
        return self._options.peers

    def connect(
        self, peer: Peer, contexts: Sequence[PresentationContext], roles: Sequence[Any] = ()
    ) -> "OutgoingAssociation":
        """An established association, to be ended with `close`. `PeerUnreachable`.

        `contexts` are at most `MOST_CONTEXTS`, without IDs; `roles` those of `pynetdicom.build_role`. The `send_…`
        methods of pynetdicom work on it; requests of the peer are not served.
        """
        association = None
        try:
            association = OutgoingAssociation(self._options, peer, self._tls)
            association.propose(contexts, roles)
            association.request()
        except OSError as error:
            log.info("dimse_peer_unreachable", peer=peer.ae_title, reason=type(error).__name__)
            if association is not None:
                association.close()
            raise PeerUnreachable("the peer's address cannot be reached") from error
        if not association.is_established:
            log.info("dimse_peer_unreachable", peer=peer.ae_title, rejected=association.is_rejected)
            association.close()
            raise PeerUnreachable("the peer did not accept the association")
        association._is_paused = True  # no reactor runs that would take the peer's answers away
        return association


class OutgoingAssociation(Association):
    """pynetdicom's as the requestor, with our bounds."""

    def __init__(self, options: DimseOptions, peer: Peer, context: ssl.SSLContext | None) -> None:
        entity = application_entity(options)
        super().__init__(entity, "requestor")
        self.dul = UpperLayer(self)
        self.dimse = self._messages = Messages(self, self)
        self.acse_timeout = entity.acse_timeout
        self.network_timeout = entity.network_timeout
        remote = AddressInformation(peer.host, peer.port)
        client = socket.socket(remote.address_family, socket.SOCK_STREAM)
        self._connection = Connection(self, client, seconds=options.network_seconds, tls=context, call=peer.host)
        self.set_socket(self._connection)
        self.acceptor.ae_title = peer.ae_title
        self.acceptor.address_info = remote
        self.requestor.address_info = AddressInformation("0.0.0.0", 0)  # noqa: S104  # nominal, until connected
        self.requestor.ae_title = options.ae_title
        self.requestor.maximum_length = LARGEST_PDU_BYTES

    def propose(self, contexts: Sequence[PresentationContext], roles: Sequence[Any]) -> None:
        """What is asked for when the association is requested."""
        numbered = deepcopy(list(contexts))
        for number, context in enumerate(numbered):
            context.context_id = 2 * number + 1
        self.requestor.requested_contexts = numbered
        for role in roles:
            self.requestor.add_negotiation_item(role)

    def close(self) -> None:
        """Releases the association if it is established; leaves no thread or socket behind."""
        with suppress(Exception):  # the peer may be gone, slow or wrong: it is over in any case
            if self.is_established:
                self.release()
        self.dul.kill_dul()
        self._connection.wake()
        if self.dul.ident is not None:
            self.dul.join(_END_SECONDS)
        self._messages.close()
        self._connection.dispose()

    def sink(self, context_id: int, sop_class: Any, sop_instance: Any) -> None:
        """Nothing is received here."""

    def dataset_bytes(self, context_id: int) -> int:  # noqa: ARG002  # the same for all
        """The most that an answer's dataset may have."""
        return LARGEST_PDU_BYTES

    def take_large(self) -> None:
        """No answer is large."""
