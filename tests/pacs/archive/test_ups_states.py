import pytest

from pacs.archive.ups_states import MESSAGES, TABLE, Outcome, Request, Status, decide
from pacs.workitem import WorkitemState

HELD, OTHER = "2.25.1", "2.25.2"
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = WorkitemState

# PS3.4 Table CC.1.1-2, written out: status and new states by state, for each request and Transaction UID given.
C300, C301, C302, C303, C310, C311 = 0xC300, 0xC301, 0xC302, 0xC303, 0xC310, 0xC311
EXPECTED: dict[tuple[Request, str | None], list[int | tuple[WorkitemState, ...]]] = {
    # request, Transaction UID given        SCHEDULED            IN PROGRESS   COMPLETED  CANCELED
    (Request.CREATE, None): [0x0111, 0x0111, 0x0111, 0x0111],
    (Request.CREATE, HELD): [0x0111, 0x0111, 0x0111, 0x0111],
    (Request.CREATE, OTHER): [0x0111, 0x0111, 0x0111, 0x0111],
    (Request.UPDATE, None): [(), C301, C300, C300],
    (Request.UPDATE, HELD): [C301, (), C300, C300],
    (Request.UPDATE, OTHER): [C301, C301, C300, C300],
    (Request.TO_SCHEDULED, None): [C301, C301, C301, C301],
    (Request.TO_SCHEDULED, HELD): [C303, C303, C303, C303],
    (Request.TO_SCHEDULED, OTHER): [C303, C303, C303, C303],
    (Request.TO_IN_PROGRESS, None): [C301, C301, C301, C301],
    (Request.TO_IN_PROGRESS, HELD): [(IN_PROGRESS,), C302, C300, C300],
    (Request.TO_IN_PROGRESS, OTHER): [(IN_PROGRESS,), C302, C300, C300],
    (Request.TO_COMPLETED, None): [C301, C301, C301, C301],
    (Request.TO_COMPLETED, HELD): [C310, (COMPLETED,), 0xB306, C300],
    (Request.TO_COMPLETED, OTHER): [C310, C301, C301, C301],
    (Request.TO_CANCELED, None): [C301, C301, C301, C301],
    (Request.TO_CANCELED, HELD): [C310, (CANCELED,), C300, 0xB304],
    (Request.TO_CANCELED, OTHER): [C310, C301, C301, C301],
    (Request.CANCEL_REQUEST, None): [(IN_PROGRESS, CANCELED), (), C311, 0xB304],
    (Request.CANCEL_REQUEST, HELD): [(IN_PROGRESS, CANCELED), (), C311, 0xB304],
    (Request.CANCEL_REQUEST, OTHER): [(IN_PROGRESS, CANCELED), (), C311, 0xB304],
}
CASES = [
    (request, given, state, expected)
    for (request, given), row in EXPECTED.items()
    for state, expected in zip(WorkitemState, row, strict=True)
]


@pytest.mark.parametrize(("request_", "given", "state", "expected"), CASES)
def test_every_request_in_every_state(
    request_: Request, given: str | None, state: WorkitemState, expected: int | tuple[WorkitemState, ...]
) -> None:
    # Only who claimed a workitem has given it a Transaction UID.
    held = None if state is SCHEDULED else HELD

    outcome = decide(request_, state, held, given)

    assert outcome == (Outcome(Status.SUCCESS, expected) if isinstance(expected, tuple) else Outcome(Status(expected)))


def test_the_cases_are_all_there_are() -> None:
    assert len(CASES) == len(Request) * len(WorkitemState) * len((None, HELD, OTHER))
    assert all(set(row) == set(WorkitemState) for row in TABLE.values())


def test_nobody_can_end_a_workitem_again_that_was_canceled_unclaimed() -> None:
    assert decide(Request.TO_CANCELED, CANCELED, held=None, given=OTHER).status is Status.WRONG_TRANSACTION_UID


def test_final_states_are_never_left() -> None:
    assert not any(
        outcome.states for row in TABLE.values() for state, outcome in row.items() if state in (COMPLETED, CANCELED)
    )


def test_every_refusal_and_warning_has_words() -> None:
    assert set(MESSAGES) == set(Status) - {Status.SUCCESS}
