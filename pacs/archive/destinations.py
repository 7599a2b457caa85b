"""Where the objects of a store request go: what is taken there, and the URLs by which the answer names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pacs.archive import npi
from pacs.part10 import Part10Header
from pacs.uids import is_uid

OTHER_RESOURCE = 0x0110
"""The Failure Reason of an object that belongs elsewhere than under the URL."""

UNSUPPORTED_CLASS = 0x0122
"""The Failure Reason of an object whose class is not kept there."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an object is not taken: its Failure Reason (PS3.18 Annex I), and a sentence for people."""

    reason: int
    sentence: str


class Destination(Protocol):
    """What differs between the Store transactions of PS3.18 §10.5 and §12.5."""

    @property
    def partly_stored_status(self) -> int:
        """The status when some objects are stored and others are not."""

    @property
    def takes_one_alone(self) -> bool:
        """Whether a body may be one object, without multipart around it."""

    def objection(self, header: Part10Header) -> Objection | None:
        """Why an object does not belong here; None when it does."""

    def url(self, header: Part10Header, base: str) -> str:
        """A stored object's resource under the DICOMweb root `base`."""

    def whole_url(self, stored: Sequence[Part10Header], base: str) -> str | None:
        """The resource that all stored objects are under, where there is one."""


@dataclass(frozen=True, slots=True)
class Studies:
    """The studies, or one of them."""

    study: str | None
    partly_stored_status: int = 202
    takes_one_alone: bool = False

    @classmethod
    def of(cls, request: Request) -> "Studies":
        """Those of a URL; 400 when it names something that is not a UID."""
        return cls(uid_of(request, "study", "StudyInstanceUID"))

    def objection(self, header: Part10Header) -> Objection | None:
        """See `Destination`."""
        resource = npi.resource_of(header.sop_class_uid)
        if resource is not None:
            sentence = f"the {resource.title} belongs to no study: it is stored under /{resource.name}"
            return Objection(UNSUPPORTED_CLASS, sentence)
        if self.study not in {None, header.study_instance_uid}:
            return Objection(OTHER_RESOURCE, "the object belongs to another study than the URL's")
        return None

    def url(self, header: Part10Header, base: str) -> str:
        """See `Destination`."""
        series = f"{base}/studies/{header.study_instance_uid}/series/{header.series_instance_uid}"
        return f"{series}/instances/{header.sop_instance_uid}"

    def whole_url(self, stored: Sequence[Part10Header], base: str) -> str | None:
        """See `Destination`."""
        studies = {header.study_instance_uid for header in stored}
        return f"{base}/studies/{studies.pop()}" if len(studies) == 1 else None


def uid_of(request: Request, name: str, keyword: str) -> str | None:
    """The UID that the URL has under a name, if it has one; 400 when it is none."""
    uid: str | None = request.path_params.get(name)
    if uid is not None and not is_uid(uid, lenient=True):
        raise HTTPException(400, f"the {keyword} in the URL is not a UID")
    return uid
