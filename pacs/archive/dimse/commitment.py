"""Storage Commitment Push Model (PS3.4 Annex J): requests are taken at once, reports have associations of their own."""

import sqlite3
from collections.abc import Callable
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from pacs.archive import commitment_datasets
from pacs.archive.commitment import Commitments, TransactionTaken
from pacs.archive.commitment_store import Commitment, Reference
from pacs.archive.dimse import datasets
from pacs.archive.dimse.calls import Calls, PeerUnreachable
from pacs.archive.dimse.service import UNCOMPRESSED, Caller, Offered, Service
from pacs.archive.dimse.statuses import status
from pacs.archive.faults import report
from pacs.attributes import Dataset as JSON
from pacs.attributes import element, tag
from pacs.errors import BadAttribute, BadDicom
from pacs.peers import Peers
from pacs.uids import is_uid

log = structlog.get_logger(__name__)

_REQUEST_COMMITMENT = 1
_SUCCESSFUL, _FAILURES_EXIST = 1, 2
_LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
_SUCCESS = 0x0000
_PROCESSING_FAILURE = 0x0110
_NO_SUCH_INSTANCE = 0x0112
_INVALID_ARGUMENT = 0x0115
_NO_SUCH_CLASS = 0x0118
_NO_SUCH_ACTION = 0x0123
_NOT_AUTHORIZED = 0x0124

Answer = tuple[int | Dataset, Dataset | None]


def commitment_service(commitments: Commitments, peers: Peers, call: Caller) -> Service:
    """Takes requests by N-ACTION. Success is told once the request is on the disk; its report follows.

    Who is no peer is refused: there would be no address for the report.
    """

    def act(event: Event) -> Answer:
        try:
            requester = _requester(event, peers)
            uid, references = _asked(event)
            call(commitments.ask(uid, references, requester))
        except _Refused as refused:
            return status(refused.code, str(refused)), None
        except TransactionTaken as error:
            return status(_PROCESSING_FAILURE, str(error)), None
        except (OSError, TimeoutError, sqlite3.Error) as error:
            return status(_PROCESSING_FAILURE, report("dimse_commitment_failed", error).sentence), None
        return _SUCCESS, None

    offered = Offered(abstract_syntax=StorageCommitmentPushModel, dataset_bytes=_LARGEST_REQUEST_BYTES)
    return Service(contexts=(offered,), handlers={evt.EVT_N_ACTION: act})


class _Refused(Exception):
    """A request that is refused with a status (PS3.7 §10.1.4.1.10)."""

    def __init__(self, code: int, comment: str) -> None:
        super().__init__(comment)
        self.code = code


def _requester(event: Event, peers: Peers) -> str:
    """Who asks, when they ask for what there is and can be reported to."""
    request: Any = event.request
    requester = str(event.assoc.requestor.ae_title).strip()
    if request.RequestedSOPClassUID != StorageCommitmentPushModel:
        raise _Refused(_NO_SUCH_CLASS, "it is asked of the Storage Commitment Push Model only")
    if request.ActionTypeID != _REQUEST_COMMITMENT:
        raise _Refused(_NO_SUCH_ACTION, "the only action is 1, Request Storage Commitment")
    if request.RequestedSOPInstanceUID != StorageCommitmentPushModelInstance:
        raise _Refused(_NO_SUCH_INSTANCE, "it is asked of the well-known instance only")
    if requester not in peers:
        log.warning("commitment_of_unknown_peer", requester=requester)
        raise _Refused(_NOT_AUTHORIZED, "the calling AE title is no known peer to report to")
    return requester


def _asked(event: Event) -> tuple[str, list[Reference]]:
    """The Transaction UID, and what is to be committed."""
    try:
        asked = datasets.received(event, "ActionInformation")
        uid = JSON(asked).text("TransactionUID") or ""
        if not is_uid(uid, lenient=True):
            raise BadAttribute("TransactionUID", "must be a UID")
        return uid, commitment_datasets.references(asked)
    except (BadAttribute, BadDicom) as error:
        raise _Refused(_INVALID_ARGUMENT, str(error)) from error


def reporter(calls: Calls) -> Callable[[Commitment], bool]:
    """Sends results by N-EVENT-REPORT: the archive calls, and is the SCP all the same (PS3.4 §J.3.3)."""

    def report(commitment: Commitment) -> bool:
        peer = calls.peers.get(commitment.requester or "")
        if peer is None:
            log.warning("commitment_of_unknown_peer", requester=commitment.requester)
            return False
        try:
            association = calls.connect(
                peer,
                [build_context(StorageCommitmentPushModel, list(UNCOMPRESSED))],
                [build_role(StorageCommitmentPushModel, scu_role=False, scp_role=True)],
            )
        except PeerUnreachable:
            return False
        try:
            return _send(association, commitment)
        except Exception as error:  # whatever a peer and pynetdicom come to: it was not reported
            log.warning("commitment_report_failed", reason=type(error).__name__)
            return False
        finally:
            association.close()

    return report


def _send(association: Any, commitment: Commitment) -> bool:
    result = commitment_datasets.result(commitment)
    result[tag("TransactionUID")] = element("UI", [commitment.transaction_uid])
    event_type = _FAILURES_EXIST if any(commitment.reasons or ()) else _SUCCESSFUL
    answer, _ = association.send_n_event_report(
        datasets.write(result), event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    if "Status" not in answer:
        return False
    if answer.Status != _SUCCESS:
        log.warning("commitment_report_refused", requester=commitment.requester, status=f"{answer.Status:04X}")
    return bool(answer.Status == _SUCCESS)
