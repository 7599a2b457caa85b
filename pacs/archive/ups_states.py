"""The state machine of a Unified Procedure Step (PS3.4 Tables CC.1.1-2, CC.2.1-2 and CC.2.2-2), as a table."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from pacs.workitem import WorkitemState

_SCHEDULED, _IN_PROGRESS, _COMPLETED, _CANCELED = WorkitemState


class Request(Enum):
    """What is asked of a workitem that exists."""

    CREATE = auto()
    UPDATE = auto()
    TO_SCHEDULED = auto()
    TO_IN_PROGRESS = auto()
    TO_COMPLETED = auto()
    TO_CANCELED = auto()
    CANCEL_REQUEST = auto()


TO_STATE = {
    _SCHEDULED: Request.TO_SCHEDULED,
    _IN_PROGRESS: Request.TO_IN_PROGRESS,
    _COMPLETED: Request.TO_COMPLETED,
    _CANCELED: Request.TO_CANCELED,
}


class Status(IntEnum):
    """DIMSE status codes; PS3.18 §11 makes HTTP status codes of them."""

    SUCCESS = 0x0000
    DUPLICATE = 0x0111
    ALREADY_CANCELED = 0xB304
    ALREADY_COMPLETED = 0xB306
    NO_LONGER_UPDATABLE = 0xC300
    WRONG_TRANSACTION_UID = 0xC301
    ALREADY_IN_PROGRESS = 0xC302
    ONLY_CREATED_SCHEDULED = 0xC303
    FINAL_STATE_UNMET = 0xC304
    UNKNOWN = 0xC307
    NOT_IN_PROGRESS = 0xC310
    CANCEL_OF_COMPLETED = 0xC311

    @property
    def is_warning(self) -> bool:
        """Whether nothing was done, and nothing had to be."""
        return self >> 12 == 0xB

    @property
    def is_failure(self) -> bool:
        """Whether the request was refused."""
        return self is not Status.SUCCESS and not self.is_warning


MESSAGES = {
    Status.DUPLICATE: "a workitem with this UID exists already",
    Status.ALREADY_CANCELED: "The UPS is already in the requested state of CANCELED.",
    Status.ALREADY_COMPLETED: "The UPS is already in the requested state of COMPLETED.",
    Status.NO_LONGER_UPDATABLE: "the workitem is COMPLETED or CANCELED and may no longer be updated",
    Status.WRONG_TRANSACTION_UID: "the correct Transaction UID (0008,1195) was not provided",
    Status.ALREADY_IN_PROGRESS: "the workitem is already IN PROGRESS",
    Status.ONLY_CREATED_SCHEDULED: "a workitem may only become SCHEDULED by being created",
    Status.FINAL_STATE_UNMET: "the workitem has not met the final state requirements",
    Status.UNKNOWN: "there is no such workitem",
    Status.NOT_IN_PROGRESS: "the workitem is not yet IN PROGRESS",
    Status.CANCEL_OF_COMPLETED: "the workitem is already COMPLETED",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request leads to: a status, and the states that the workitem goes through."""

    status: Status
    states: tuple[WorkitemState, ...] = ()


_OK = Outcome(Status.SUCCESS)
_C300 = Outcome(Status.NO_LONGER_UPDATABLE)
_C301 = Outcome(Status.WRONG_TRANSACTION_UID)
_C303 = Outcome(Status.ONLY_CREATED_SCHEDULED)
_C310 = Outcome(Status.NOT_IN_PROGRESS)
_B304 = Outcome(Status.ALREADY_CANCELED)
_EXISTS = Outcome(Status.DUPLICATE)

# What happens when the Transaction UID is what it should be. PS3.4 §CC.2.2.3: a cancel request takes a workitem that
# is still SCHEDULED through IN PROGRESS to CANCELED; in IN PROGRESS it is only reported to those who subscribed.
TABLE: dict[Request, dict[WorkitemState, Outcome]] = {
    Request.CREATE: dict.fromkeys(WorkitemState, _EXISTS),
    Request.UPDATE: {_SCHEDULED: _OK, _IN_PROGRESS: _OK, _COMPLETED: _C300, _CANCELED: _C300},
    Request.TO_SCHEDULED: dict.fromkeys(WorkitemState, _C303),
    Request.TO_IN_PROGRESS: {
        _SCHEDULED: Outcome(Status.SUCCESS, (_IN_PROGRESS,)),
        _IN_PROGRESS: Outcome(Status.ALREADY_IN_PROGRESS),
        _COMPLETED: _C300,
        _CANCELED: _C300,
    },
    Request.TO_COMPLETED: {
        _SCHEDULED: _C310,
        _IN_PROGRESS: Outcome(Status.SUCCESS, (_COMPLETED,)),
        _COMPLETED: Outcome(Status.ALREADY_COMPLETED),
        _CANCELED: _C300,
    },
    Request.TO_CANCELED: {
        _SCHEDULED: _C310,
        _IN_PROGRESS: Outcome(Status.SUCCESS, (_CANCELED,)),
        _COMPLETED: _C300,
        _CANCELED: _B304,
    },
    Request.CANCEL_REQUEST: {
        _SCHEDULED: Outcome(Status.SUCCESS, (_IN_PROGRESS, _CANCELED)),
        _IN_PROGRESS: _OK,
        _COMPLETED: Outcome(Status.CANCEL_OF_COMPLETED),
        _CANCELED: _B304,
    },
}


def decide(request: Request, state: WorkitemState, held: str | None, given: str | None) -> Outcome:
    """What a request leads to in a state. `held` is the Transaction UID of who claimed the workitem, if anybody did."""
    return TABLE[request][state] if _is_entitled(request, state, held, given) else _C301


def _is_entitled(request: Request, state: WorkitemState, held: str | None, given: str | None) -> bool:
    """Whether the Transaction UID is what the request needs.

    Whoever claims a workitem brings a new one; whoever ends it must bring the one that claimed it; an update needs
    none while it is SCHEDULED and that one afterwards (PS3.4 §CC.2.1.3 and §CC.2.6.3). A workitem that was canceled
    without having been claimed has none, so none fits.
    """
    match request:
        case Request.CREATE | Request.CANCEL_REQUEST:
            return True
        case Request.UPDATE:
            return state.is_final or given == held
        case Request.TO_SCHEDULED | Request.TO_IN_PROGRESS:
            return given is not None
        case Request.TO_COMPLETED | Request.TO_CANCELED:
            return given is not None and (state is WorkitemState.SCHEDULED or given == held)
