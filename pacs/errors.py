"""What can go wrong on the DICOM side.

    PacsError
    ├── PacsUnavailable       no connection, or the PACS answered 502/503
    ├── PacsTimeout           no answer within the configured time
    ├── PacsUnauthorized      the PACS refused our credentials (401, 403)
    ├── PacsFault             the PACS answered, but not what PS3.18 allows: a 5xx, HTML, a broken body
    ├── NotFound              the PACS does not have it
    ├── Conflict              it exists already, or its state forbids the change
    └── Refused               the PACS did not take an object; carries its Failure Reason (0008,1197)
    BadDicom
    ├── NotDicom              no Part 10 file (PS3.10 §7)
    └── InvalidDicom          a Part 10 file that breaks a rule; the message says which
    NoPicture                 nothing that could be shown, or nothing that is safe to decode; carries why (`reason`)
    BadQuery                  a search that the PACS could not be asked; the message names the parameter
    BadAttribute              a value that its VR forbids (PS3.5 §6.2); carries the field's name

Messages are for people and reach clients: they never hold patient data, credentials or addresses of the PACS.
"""

from collections.abc import Mapping
from typing import Literal


class PacsError(Exception):
    """Any failure of the PACS to do what was asked."""


class PacsUnavailable(PacsError):
    """The PACS cannot be reached."""


class PacsTimeout(PacsError):
    """The PACS did not answer in time."""


class PacsUnauthorized(PacsError):
    """The PACS refused the credentials of this service."""


class PacsFault(PacsError):
    """The PACS answered with something that the standard does not allow."""


class NotAcceptable(PacsFault):
    """The PACS has the object in none of the media types and transfer syntaxes that were asked for."""


class NotFound(PacsError):
    """The PACS has no such object."""


class Conflict(PacsError):
    """The object exists already, or its state forbids the change."""


class Refused(PacsError):
    """The PACS did not store an object; `reason` is its Failure Reason (0008,1197), PS3.18 Annex I."""

    def __init__(self, message: str, reason: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class BadDicom(ValueError):
    """Bytes that cannot be stored as a DICOM object."""


class NotDicom(BadDicom):
    """The bytes are no Part 10 file."""


class InvalidDicom(BadDicom):
    """A Part 10 file that breaks a rule of PS3.10 or PS3.5."""


NoPictureReason = Literal[
    "not_dicom", "no_pixels", "report", "presentation_state", "no_such_frame", "no_such_region", "unsupported",
    "damaged", "too_large", "out_of_memory", "timed_out", "crashed", "busy",
]  # fmt: skip

NO_PICTURE: Mapping[NoPictureReason, str] = {
    "not_dicom": "This is no DICOM file that could be read.",
    "no_pixels": "This object has no pixels to show.",
    "report": "This is a structured report: it is text and has no picture.",
    "presentation_state": "This is a presentation state: it has no picture of its own.",
    "no_such_frame": "The object has no frame of that number.",
    "no_such_region": "The region lies outside the image.",
    "unsupported": "The pixels are encoded in a way that this service cannot decode.",
    "damaged": "The pixel data is damaged or contradicts its description.",
    "too_large": "The pixels are too many to be decoded safely.",
    "out_of_memory": "The pixels needed more memory than a picture may take.",
    "timed_out": "The picture took longer than it may.",
    "crashed": "The pixel data brought the decoder down.",
    "busy": "Too many pictures are being made: try again in a moment.",
}


class NoPicture(ValueError):
    """The object has nothing to show, or nothing that is safe to decode.

    `reason` is a key of `NO_PICTURE`. `transient` tells whether asking again may help: then it is no property of the
    object and must not be remembered.
    """

    def __init__(self, reason: NoPictureReason) -> None:
        super().__init__(NO_PICTURE[reason])
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether another try may succeed."""
        return self.reason in {"busy", "timed_out"}


class BadQuery(ValueError):
    """A search that cannot be asked of a PACS."""


class BadAttribute(ValueError):
    """A value that its attribute's VR forbids."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
