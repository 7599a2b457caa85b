"""What a DIMSE service is to the server: the presentation contexts it offers, and what answers its requests.

Handlers are those of pynetdicom (`handler(event)`, called in the thread of the association), but a request goes to the
service whose abstract syntax its presentation context was accepted for, so that several services may each have an
N-CREATE of their own.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.events import Event, EventType

T = TypeVar("T")

Handler = Callable[[Event], Any]

UNCOMPRESSED: tuple[str, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
"""Transfer syntaxes of messages, the preferred one first."""

_LONGEST_CALL_SECONDS = 60.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One abstract syntax that a service accepts.

    Of the transfer syntaxes that are proposed, the first of `transfer_syntaxes` is taken. The requestor is the SCU;
    with `either_role` it may ask to be the SCP as well (PS3.7 §D.3.3.4). A dataset of more than `dataset_bytes`, which
    is held in memory, ends the association.
    """

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = UNCOMPRESSED
    either_role: bool = False
    dataset_bytes: int = 4 * _MIB


class Sink(Protocol):
    """Where the dataset of a C-STORE goes while it comes in."""

    def write(self, data: bytes) -> None:
        """Takes the next bytes. Never raises: what fails is told when the request is answered."""

    def discard(self) -> None:
        """Gives up what was not stored; called at the end of every request, and of an association within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A C-STORE whose dataset is about to come in: its command, and who sends it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service class.

    `sink` makes the sinks of its C-STORE requests, which handlers find by `sink_of`; `ended` is told of every
    association that is over.
    """

    contexts: tuple[Offered, ...]
    handlers: Mapping[EventType, Handler] = field(default_factory=dict)
    sink: Callable[[Sending], Sink] | None = None
    ended: Callable[[Association], None] | None = None


def sink_of(event: Event) -> Any:
    """The sink of an `EVT_C_STORE`."""
    held: Any = event.request._dataset_file  # pynetdicom's place for a file of its own; see `messages`
    return held.sink


class Caller:
    """Runs coroutines on the archive's event loop for the threads of associations."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, work: Coroutine[Any, Any, T], timeout_seconds: float = _LONGEST_CALL_SECONDS) -> T:
        """What the coroutine returns or raises; `TimeoutError` when that takes too long, and then it is cancelled."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_seconds)
        except TimeoutError:
            future.cancel()
            raise
