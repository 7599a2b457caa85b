"""Which exam events a reader wants."""

from collections.abc import Sequence
from dataclasses import dataclass

from persistence.records import ExamEvent

MAX_MODALITIES = 64
"""Modalities a filter may name; DICOM defines fewer (PS3.3 §C.7.3.1.1.1)."""


@dataclass(frozen=True)
class EventFilter:
    """Events of one patient, or of any of some modalities, or both; `None` asks for all."""

    patient_id: str | None = None
    modalities: tuple[str, ...] | None = None

    @classmethod
    def of(cls, patient_id: str | None, modalities: Sequence[str] | None) -> "EventFilter":
        """The filter for a reader's arguments; too many modalities are a `ValueError`."""
        if modalities is None:
            return cls(patient_id)
        wanted = tuple(sorted(set(modalities)))
        if len(wanted) > MAX_MODALITIES:
            raise ValueError(f"{len(wanted)} modalities; at most {MAX_MODALITIES} can be asked for")
        return cls(patient_id, wanted)

    @property
    def is_empty(self) -> bool:
        """Whether no event can match."""
        return self.modalities == ()

    def admits(self, event: ExamEvent) -> bool:
        """Whether `event` is wanted: exact patient, any of the modalities."""
        if self.patient_id is not None and event.patient_id != self.patient_id:
            return False
        return self.modalities is None or any(modality in self.modalities for modality in event.modalities)
