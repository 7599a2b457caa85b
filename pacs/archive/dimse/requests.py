"""Requests as they come in: which event of pynetdicom they are, and how those that nobody serves are refused."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from pynetdicom import evt
from pynetdicom.dimse_primitives import (
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    C_STORE,
    N_ACTION,
    N_CREATE,
    N_DELETE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
)

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import EventType

    from pacs.archive.dimse.service import Handler

log = structlog.get_logger(__name__)

_EVENTS: "dict[type, EventType]" = {
    C_ECHO: evt.EVT_C_ECHO,
    C_STORE: evt.EVT_C_STORE,
    C_FIND: evt.EVT_C_FIND,
    C_GET: evt.EVT_C_GET,
    C_MOVE: evt.EVT_C_MOVE,
    N_ACTION: evt.EVT_N_ACTION,
    N_CREATE: evt.EVT_N_CREATE,
    N_DELETE: evt.EVT_N_DELETE,
    N_EVENT_REPORT: evt.EVT_N_EVENT_REPORT,
    N_GET: evt.EVT_N_GET,
    N_SET: evt.EVT_N_SET,
}
_NO_SUCH_CLASS, _UNRECOGNIZED_OPERATION = 0x0122, 0x0211  # PS3.7 Annex C


def event_of(message: Any) -> "EventType | None":
    """The event of a request; None for what is none."""
    return _EVENTS.get(type(message))


def watched(handler: "Handler") -> "Handler":
    """The handler, with whatever it raises logged: pynetdicom answers that with a status, and says no more."""

    def run(event: evt.Event) -> Any:
        try:
            result = handler(event)
        except Exception as error:  # raised on, whatever it is: here it is only logged
            log_failure(error)
            raise
        return _watched_results(result) if isinstance(result, Iterator) else result

    return run


def log_failure(error: BaseException) -> None:
    """Logs where a request failed; without the error's message, which may hold patient data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    log.error("dimse_request_failed", reason=type(error).__name__, where=f"{Path(last.filename).name}:{last.lineno}")


def _watched_results(results: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from results
    except Exception as error:  # as above
        log_failure(error)
        raise


def refuses_class(message: Any, abstract_syntax: str) -> bool:
    """Whether a C-* request names another class than its context is for. N-* requests may: meta SOP classes."""
    named = getattr(message, "AffectedSOPClassUID", None)
    return type(message).__name__.startswith("C_") and str(named) != abstract_syntax


def refuse(association: "Association", message: Any, context_id: int, *, is_known: bool) -> None:
    """Answers that the operation is unknown in this context or, when it `is_known`, that its class is not."""
    answer = type(message)()
    answer.MessageIDBeingRespondedTo = message.MessageID
    for name in ("Class", "Instance"):
        target = f"AffectedSOP{name}UID"
        told = getattr(message, target, None) or getattr(message, f"RequestedSOP{name}UID", None)
        if told is not None and hasattr(answer, target):
            setattr(answer, target, told)
    answer.Status = _NO_SUCH_CLASS if is_known else _UNRECOGNIZED_OPERATION
    association.dimse.send_msg(answer, context_id)
