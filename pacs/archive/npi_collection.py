"""One resource of PS3.18 ch. 12 as the place that objects are stored to."""

from collections.abc import Sequence
from dataclasses import dataclass

from pacs.archive import npi
from pacs.archive.destinations import OTHER_RESOURCE, UNSUPPORTED_CLASS, Objection
from pacs.archive.npi import Resource
from pacs.part10 import Part10Header


@dataclass(frozen=True, slots=True)
class Collection:
    """A resource, or the one object of it that has a UID; see `Destination`."""

    resource: Resource
    sop_instance_uid: str | None
    partly_stored_status: int = 200  # table 12.5.3-1: "at least one"
    takes_one_alone: bool = True

    def objection(self, header: Part10Header) -> Objection | None:
        """Why an object does not belong here; None when it does."""
        found = npi.resource_of(header.sop_class_uid)
        if found is None:
            return Objection(UNSUPPORTED_CLASS, "the object belongs to a patient: it is stored under /studies")
        if found is not self.resource:
            return Objection(UNSUPPORTED_CLASS, f"the {found.title} is stored under /{found.name}")
        if self.sop_instance_uid not in {None, header.sop_instance_uid}:
            return Objection(OTHER_RESOURCE, "the object's SOPInstanceUID is another than the URL's")
        return None

    def url(self, header: Part10Header, base: str) -> str:
        """A stored object's resource under the DICOMweb root `base`."""
        return url(self.resource, header.sop_instance_uid, base)

    def whole_url(self, stored: Sequence[Part10Header], base: str) -> str | None:
        """The resource of what was stored, if that is one object."""
        return self.url(stored[0], base) if len(stored) == 1 else None


def url(resource: Resource, sop_instance_uid: str, base: str) -> str:
    """The URL of an object under the DICOMweb root `base`."""
    return f"{base}/{resource.name}/{sop_instance_uid}"
