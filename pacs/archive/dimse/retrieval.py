"""Answers to C-GET and C-MOVE (PS3.7 §9.1.3, §9.1.4): how far the sub-operations are, and how they ended."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_GET
from pynetdicom.dsutils import encode

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

PENDING, SUCCESS, CANCELLED = 0xFF00, 0x0000, 0xFE00
SOME_FAILED, NOT_PERFORMED, UNKNOWN_DESTINATION = 0xB000, 0xA702, 0xA801
DOES_NOT_MATCH_CLASS = 0xA900
_LARGEST_COUNT = 0xFFFF  # the counts are US


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A state of the sub-operations (PS3.4 §C.4.2.1.6 to .9): the last one's status is not `PENDING`.

    `failed_uids` are the instances of the failed ones; `comment` says in 64 characters what went wrong.
    """

    status: int
    remaining: int = 0
    completed: int = 0
    failed: int = 0
    warned: int = 0
    failed_uids: tuple[str, ...] = ()
    comment: str = ""


def retrieve(
    association: "Association",
    request: Any,
    context: "PresentationContext",
    handler: Callable[[evt.Event], Generator[Progress, None, None]],
) -> None:
    """Runs the sub-operations of a request and answers as they go on."""
    event = evt.Event(
        association,
        evt.EVT_C_GET if isinstance(request, C_GET) else evt.EVT_C_MOVE,
        {"request": request, "context": context.as_tuple, "_is_cancelled": _cancellation(association)},
    )
    with closing(handler(event)) as states:
        for progress in states:
            if not association.is_established or association.acse.is_aborted():
                return
            association.dimse.send_msg(_answer(request, context, progress), context.context_id or 0)


def _cancellation(association: "Association") -> Callable[[int], bool]:
    return lambda message_id: message_id in association.dimse.cancel_req


def _answer(request: Any, context: "PresentationContext", progress: Progress) -> Any:
    answer = type(request)()
    answer.MessageIDBeingRespondedTo = request.MessageID
    answer.AffectedSOPClassUID = request.AffectedSOPClassUID
    answer.Status = progress.status
    if progress.comment:
        answer.ErrorComment = progress.comment[:64]
    if progress.status in {PENDING, CANCELLED}:
        answer.NumberOfRemainingSuboperations = min(progress.remaining, _LARGEST_COUNT)
    answer.NumberOfCompletedSuboperations = min(progress.completed, _LARGEST_COUNT)
    answer.NumberOfFailedSuboperations = min(progress.failed, _LARGEST_COUNT)
    answer.NumberOfWarningSuboperations = min(progress.warned, _LARGEST_COUNT)
    if progress.status not in {PENDING, SUCCESS} and progress.failed_uids:
        answer.Identifier = BytesIO(_failed_list(progress.failed_uids, context))
    return answer


def _failed_list(uids: tuple[str, ...], context: "PresentationContext") -> bytes:
    identifier = Dataset()
    identifier.FailedSOPInstanceUIDList = list(uids)
    syntax = context.transfer_syntax[0]
    return encode(identifier, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated) or b""
