"""The C-STORE sub-operations of a C-GET or C-MOVE, counted as they end (PS3.4 §C.4.2, §C.4.3)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pacs.archive.dimse.retrieval import CANCELLED, PENDING, SOME_FAILED, SUCCESS, Progress
from pacs.archive.dimse.sending import ConnectionLost, Sendable

_WARNINGS = range(0xB000, 0xC000)
_SUCCESSES = {0x0000}
_WARNING_STATUSES = {0x0001, 0x0107, 0x0116}

Send = Callable[[Sendable, int], int]
"""Sends an instance under a message ID and returns the status; may raise `ConnectionLost`."""


@dataclass(slots=True)
class Tally:
    """How many sub-operations ended how."""

    remaining: int
    completed: int = 0
    warned: int = 0
    failed_uids: list[str] = field(default_factory=list)

    def count(self, instance: Sendable, status: int) -> None:
        """One more has ended."""
        self.remaining -= 1
        if status in _SUCCESSES:
            self.completed += 1
        elif status in _WARNINGS or status in _WARNING_STATUSES:
            self.warned += 1
        else:
            self.failed_uids.append(instance.sop_instance_uid)

    def fail(self, instances: Sequence[Sendable]) -> None:
        """These cannot be sent any more."""
        self.remaining -= len(instances)
        self.failed_uids += [instance.sop_instance_uid for instance in instances]

    def progress(self, status: int, comment: str = "") -> Progress:
        """The state, as an answer tells it."""
        return Progress(
            status=status,
            remaining=self.remaining,
            completed=self.completed,
            failed=len(self.failed_uids),
            warned=self.warned,
            failed_uids=() if status == PENDING else tuple(self.failed_uids),
            comment=comment,
        )

    def end(self) -> Progress:
        """The last answer, when all have ended."""
        return self.progress(SOME_FAILED if self.failed_uids or self.warned else SUCCESS)


def message_ids(first: int) -> Iterator[int]:
    """Message IDs other than that of the request, which is still being answered."""
    number = first
    while True:
        number = number % 0xFFFF + 1
        if number != first:
            yield number


def run(
    instances: Sequence[Sendable], tally: Tally, send: Send, ids: Iterator[int], is_cancelled: Callable[[], bool]
) -> Iterator[Progress]:
    """Sends instances; an answer after each. The last one is `CANCELLED`, or pending as all before it."""
    for number, instance in enumerate(instances):
        if is_cancelled():
            yield tally.progress(CANCELLED)
            return
        try:
            tally.count(instance, send(instance, next(ids)))
        except ConnectionLost:
            tally.fail(instances[number:])
            yield tally.progress(PENDING)
            return
        yield tally.progress(PENDING)
