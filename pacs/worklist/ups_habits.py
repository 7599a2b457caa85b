"""What servers of UPS-RS do differently."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpsHabits:
    """What servers do differently."""

    create_query: str = "{uid}"
    requester: str | None = None
    """AE title that the server wants in the path of a state change and of a cancel request."""
    study_keys: tuple[str, ...] = ("ReferencedRequestSequence.StudyInstanceUID", "StudyInstanceUID")
    """What finds the workitems of a study; servers index one or the other."""
    newest_first: bool = False
    """Whether it answers in the order of the start, the latest first; the standard promises no order."""


STANDARD = UpsHabits()
EMBEDDED = UpsHabits(newest_first=True)
"""The embedded PACS always answers newest first."""
