"""Who may have an association with the archive, and what is negotiated with them (PS3.8 §7.1)."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import structlog
from pynetdicom import evt
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.pdu_primitives import A_ASSOCIATE

from pacs.archive.dimse.memory import LargeMessages
from pacs.archive.dimse.negotiation import Offer

if TYPE_CHECKING:
    from pacs.archive.dimse.associations import ArchiveAssociation

log = structlog.get_logger(__name__)

_UNKNOWN_CALLER = (0x01, 0x01, 0x03)  # permanent, by the user: calling AE title not recognised (PS3.8 §9.3.4)
_TOO_MANY = (0x02, 0x03, 0x02)  # transient, by the provider: local limit exceeded

Refusal = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all associations of a server share.

    `admits` tells whether a caller of a title and an address is welcome, `is_full` whether there are too many;
    `ended` is told when an association is gone.
    """

    ae: ApplicationEntity
    ae_title: str
    offer: Offer
    tls: ssl.SSLContext | None
    large_messages: LargeMessages
    admits: Callable[[str, str], bool]
    is_full: Callable[[], bool]
    ended: Callable[["ArchiveAssociation"], None]


class Admission(ACSE):
    """Negotiation with what the server offers, for those who may call."""

    def _negotiate_as_acceptor(self) -> None:
        association = cast("ArchiveAssociation", self.assoc)
        request = cast(A_ASSOCIATE, association.requestor.primitive)
        refusal = self._refusal(association, request)
        if refusal is not None:
            association.requestor.ae_title = getattr(request, "calling_ae_title", "")
            log.warning("dimse_caller_refused", caller=association.caller, reason=refusal)
            self.send_reject(*refusal)
            evt.trigger(association, evt.EVT_REJECTED, {})
            association.kill()
            return
        received = {str(uid) for uid, role in association.requestor.role_selection.items() if role.scp_role}
        association.acceptor.supported_contexts = association.house.offer.contexts(
            request.presentation_context_definition_list, received
        )
        super()._negotiate_as_acceptor()
        log.info("dimse_association_begun", caller=association.caller, contexts=len(association.accepted_contexts))

    @staticmethod
    def _refusal(association: "ArchiveAssociation", request: Any) -> Refusal | None:
        house = association.house
        address = association.requestor.address_info
        if house.is_full():
            return _TOO_MANY
        if address is None or not house.admits(request.calling_ae_title, address.address):
            return _UNKNOWN_CALLER
        return None
