"""What became of an object that was to be stored."""

from enum import Enum

CANNOT_UNDERSTAND = 0xC000
"""The Failure Reason, and C-STORE status, of what is no object that can be stored."""

OUT_OF_RESOURCES = 0xA700
"""The same for what the archive's own disk or index does not let it store."""


class Outcome(Enum):
    """What became of an instance; the value is its Failure Reason (PS3.18 Annex I), 0 for none."""

    STORED = 0
    UNCHANGED = -1
    DUPLICATE = 0x0111
    OTHER_PATIENT = 0xA900

    @property
    def is_success(self) -> bool:
        """Whether the archive now holds the object that was sent."""
        return self.value <= 0

    @property
    def sentence(self) -> str:
        """Why the object is not stored, for people; empty when it is."""
        return _SENTENCES.get(self, "")


_SENTENCES = {
    Outcome.DUPLICATE: "an object with the same SOPInstanceUID and other content is stored; the first is kept",
    Outcome.OTHER_PATIENT: "the study is stored for another patient",
}
