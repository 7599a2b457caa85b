r"""What a PACS posts when an exam has arrived: the callback's eighteen fields, read as leniently as PACSs write them.

Numbers may come as strings, lists as `"CT\MR"` (or one bare value), anything may be null or missing, and fields that
nobody knows are kept. StudyInstanceUID and PatientID are required. One more field is understood, StudyStateID: a PACS
that may announce the same state of a study more than once names the state, and it is stored once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydicom.datadict import dictionary_VR

from pacs.attributes import Dataset, tag, whole_text
from pacs.uids import is_uid

_LONGEST_PATIENT_ID = 64
_DEEPEST_NESTING = 32
_KEYWORDS = (
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
    "ModalitiesInStudy",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "ReferringPhysicianName",
    "StudyDescription",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
)


class BadAnnouncement(ValueError):
    """A body that announces no exam; the message says what is wrong, without its values."""


@dataclass(frozen=True)
class Announcement:
    """One announced exam. `body` is what the PACS sent."""

    body: Mapping[str, Any]

    @classmethod
    def parse(cls, body: Any) -> "Announcement":
        """Checks what is required; raises `BadAnnouncement`."""
        if not isinstance(body, dict):
            raise BadAnnouncement("the body must be a JSON object")
        if _is_deeper(body, _DEEPEST_NESTING):
            raise BadAnnouncement(f"the body is nested deeper than {_DEEPEST_NESTING} levels")
        announcement = cls(body)
        if not is_uid(announcement.study_instance_uid, lenient=True):
            raise BadAnnouncement("StudyInstanceUID is required and must be a UID")
        if not 0 < len(announcement.text("PatientID") or "") <= _LONGEST_PATIENT_ID:
            raise BadAnnouncement(f"PatientID is required and has at most {_LONGEST_PATIENT_ID} characters")
        return announcement

    @cached_property
    def study_instance_uid(self) -> str:
        """The study's UID."""
        return self.text("StudyInstanceUID") or ""

    @cached_property
    def patient_id(self) -> str:
        """Whose exam it is. A backslash is a character of it, as in searches, or another patient would see the exam."""
        return whole_text(self._parts("PatientID"))

    @property
    def state_key(self) -> str | None:
        """What two announcements of one state of a study have in common; None where the PACS names no state.

        StudyStateID is the PACS's own name of the state, and means nothing beyond that study of that patient.
        """
        state = self.text("StudyStateID")
        return "\n".join((self.study_instance_uid, self.patient_id, state)) if state else None

    @property
    def modalities(self) -> list[str]:
        """The modalities in the study."""
        return self.texts("ModalitiesInStudy")

    def text(self, name: str) -> str | None:
        """A field's first value."""
        texts = self.texts(name)
        return texts[0] if texts else None

    def texts(self, name: str) -> list[str]:
        """A field's values: a list's, those between the backslashes of a string, or the one."""
        return [text for part in self._parts(name) if (text := part.strip())]

    @cached_property
    def dataset(self) -> Dataset:
        """The fields that are DICOM attributes, as a dataset."""
        found = {keyword: self.texts(keyword) for keyword in _KEYWORDS} | {"PatientID": [self.patient_id]}
        return Dataset({tag(keyword): _element(keyword, texts) for keyword, texts in found.items() if texts})

    def _parts(self, name: str) -> list[str]:
        value = self.body.get(name)
        values = value if isinstance(value, list) else [value]
        return [part for one in values for part in _text(one).split("\\")]


def _is_deeper(value: Any, levels: int) -> bool:
    """Level by level, since nesting may be deeper than calls may be."""
    inside = [value]
    for _ in range(levels):
        parents = [one for one in inside if isinstance(one, dict | list)]
        if not parents:
            return False
        inside = [child for one in parents for child in (one.values() if isinstance(one, dict) else one)]
    return bool(inside)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _element(keyword: str, texts: list[str]) -> dict[str, Any]:
    return {"vr": dictionary_VR(keyword), "Value": texts}
