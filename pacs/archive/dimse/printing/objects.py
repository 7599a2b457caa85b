"""The objects of one printing association: film session, film boxes, image boxes, presentation LUTs (PS3.4 H.2)."""

from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pynetdicom.sop_class import BasicColorImageBox, BasicGrayscaleImageBox  # type: ignore[attr-defined]  # made at import

from pacs.archive.dimse.printing.density import gray_of
from pacs.archive.dimse.printing.film import Sheet
from pacs.archive.dimse.printing.images import color, grayscale
from pacs.archive.dimse.printing.layout import DEFAULT_SIZE, Box, boxes_of, sheet_of
from pacs.archive.dimse.printing.lut import IDENTITY, PresentationLut
from pacs.archive.dimse.printing.placement import PlacedImage, Placement
from pacs.archive.dimse.printing.refused import INVALID_VALUE, MISSING_ATTRIBUTE, Refused

_POLARITIES = ("NORMAL", "REVERSE")
_SEQUENCES = {BasicGrayscaleImageBox: "BasicGrayscaleImageSequence", BasicColorImageBox: "BasicColorImageSequence"}


def text(attributes: Dataset, keyword: str, default: str) -> str:
    """The value of an attribute, several joined as DICOM writes them; the default where there is none."""
    value: Any = attributes.get(keyword)
    if value is None or value == "":
        return default
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def referenced(attributes: Dataset, keyword: str) -> str:
    """The UID of the one instance that a sequence names; `Refused` when it names none."""
    items = attributes.get(keyword)
    if not items or not items[0].get("ReferencedSOPInstanceUID"):
        raise Refused(MISSING_ATTRIBUTE, f"{keyword} is missing")
    return str(items[0].ReferencedSOPInstanceUID)


def reference(sop_class: str, uid: str) -> Dataset:
    """An item of a sequence that names an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


@dataclass(slots=True)
class ImageBox:
    """One image box: where it lies, and its image once one was set."""

    uid: str
    sop_class_uid: str
    box: Box
    image: PlacedImage | None = None

    @property
    def size_bytes(self) -> int:
        """How many bytes its image takes."""
        if self.image is None:
            return 0
        pixels = self.image.image.pixels
        return pixels.width * pixels.height * len(pixels.getbands())

    def set(self, changes: Dataset, film: "FilmBox", lut: PresentationLut) -> int:
        """Takes or replaces the image, or removes it (an empty sequence); the status. `Refused` changes nothing."""
        keyword = _SEQUENCES[UID(self.sop_class_uid)]
        if keyword not in changes:
            raise Refused(MISSING_ATTRIBUTE, f"{keyword} is missing")
        items = changes[keyword].value
        if not items:
            self.image = None
            return 0x0000
        polarity = text(changes, "Polarity", "NORMAL")
        if polarity not in _POLARITIES:
            raise Refused(INVALID_VALUE, "Polarity: NORMAL or REVERSE")
        reverse = polarity == "REVERSE"
        is_color = self.sop_class_uid == BasicColorImageBox
        image = color(items[0], reverse=reverse) if is_color else grayscale(items[0], lut, reverse=reverse)
        placement = film.placement_of(changes)
        status = placement.check(image, self.box)
        self.image = PlacedImage(image, placement)
        return status


@dataclass(slots=True)
class FilmBox:
    """One film: its attributes as they were given and changed, and its image boxes in the order of their position."""

    uid: str
    attributes: Dataset
    images: list[ImageBox] = field(default_factory=list)
    lut: PresentationLut = IDENTITY

    def check(self) -> tuple[tuple[float, float], tuple[Box, ...]]:
        """The sheet's size in mm and its image boxes, when all attributes can be honoured; else `Refused`."""
        layout = text(self.attributes, "ImageDisplayFormat", "")
        if not layout:
            raise Refused(MISSING_ATTRIBUTE, "ImageDisplayFormat is missing")
        size = sheet_of(
            text(self.attributes, "FilmSizeID", DEFAULT_SIZE), text(self.attributes, "FilmOrientation", "PORTRAIT")
        )
        self.placement_of(Dataset())
        self._grays()
        if text(self.attributes, "Trim", "NO") not in ("YES", "NO"):
            raise Refused(INVALID_VALUE, "Trim: YES or NO")
        return size, boxes_of(layout, size)

    def placement_of(self, image: Dataset) -> Placement:
        """How an image box's image is placed, by its own attributes and else by the film's."""
        magnification = text(image, "MagnificationType", text(self.attributes, "MagnificationType", "CUBIC"))
        return Placement(
            magnification,
            _millimetres(image.get("RequestedImageSize")),
            text(image, "RequestedDecimateCropBehavior", ""),
        )

    def sheet(self, title: str) -> Sheet:
        """The film as it is to be printed."""
        size, boxes = self.check()
        border, empty = self._grays()
        images = {n: box.image for n, box in enumerate(self.images) if box.image is not None}
        return Sheet(size, boxes, images, border, empty, text(self.attributes, "Trim", "NO") == "YES", title)

    def _grays(self) -> tuple[int, int]:
        return (
            gray_of(text(self.attributes, "BorderDensity", "BLACK")),
            gray_of(text(self.attributes, "EmptyImageDensity", "BLACK")),
        )


def _millimetres(size: Any) -> float | None:
    """Requested Image Size; None where there is none."""
    try:
        return None if size in (None, "") else float(size)
    except (TypeError, ValueError):
        raise Refused(INVALID_VALUE, "Requested Image Size: one number") from None


@dataclass(slots=True)
class FilmSession:
    """The one film session of an association."""

    uid: str
    attributes: Dataset
    films: dict[str, FilmBox] = field(default_factory=dict)
