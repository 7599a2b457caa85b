"""Print objects as a modality sends them, and the page that they make."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    BasicColorImageBox,
    BasicFilmBox,
    BasicFilmSession,
    BasicGrayscaleImageBox,
)

from pacs.archive.dimse.printing.film import compose
from pacs.archive.dimse.printing.memory import PrinterMemory
from pacs.archive.dimse.printing.session import PrintSession

SESSION_UID, FILM_UID = "1.2.3.1", "1.2.3.2"
DARK_LEFT = np.repeat(np.array([[0, 255]], dtype=np.uint8), 50, axis=1).repeat(100, axis=0)


def attributes(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def film_box(display_format: str = "STANDARD\\1,1", **values: Any) -> Dataset:
    reference = attributes(ReferencedSOPClassUID="1.2.840.10008.5.1.1.1", ReferencedSOPInstanceUID=SESSION_UID)
    return attributes(ImageDisplayFormat=display_format, ReferencedFilmSessionSequence=[reference], **values)


def gray_image(pixels: npt.NDArray[np.uint8 | np.uint16], **values: Any) -> Dataset:
    bits = pixels.dtype.itemsize * 8
    item = attributes(
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=pixels.shape[0],
        Columns=pixels.shape[1],
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=0,
    )
    for keyword, value in values.items():
        setattr(item, keyword, value)
    item.HighBit = item.BitsStored - 1
    item.PixelData = pixels.tobytes()
    item["PixelData"].VR = "OW"
    return item


def color_image(pixels: npt.NDArray[np.uint8], planar: int) -> Dataset:
    by_plane = pixels.transpose(2, 0, 1) if planar else pixels
    item = gray_image(pixels[:, :, 0], SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=planar)
    item.PixelData = np.ascontiguousarray(by_plane).tobytes()
    return item


def image_box(item: Dataset | None, *, color: bool = False, **values: Any) -> Dataset:
    changes = attributes(ImageBoxPosition=1, **values)
    keyword = "BasicColorImageSequence" if color else "BasicGrayscaleImageSequence"
    setattr(changes, keyword, [] if item is None else [item])
    return changes


class Film:
    """A film session with one film box, and the page as it would be printed."""

    def __init__(self, prints: Path, box: Dataset, *, color: bool = False, memory: PrinterMemory | None = None) -> None:
        self.color = color
        self.session = PrintSession(prints, memory)
        self.session.create(BasicFilmSession, SESSION_UID, attributes(FilmSessionLabel="Film"))
        _, answer = self.session.create(BasicFilmBox, FILM_UID, box, color=color)
        assert answer is not None
        self.images = [str(item.ReferencedSOPInstanceUID) for item in answer.ReferencedImageBoxSequence]

    def put(self, item: Dataset | None, at: int = 0, **values: Any) -> int:
        sop_class = BasicColorImageBox if self.color else BasicGrayscaleImageBox
        return self.session.set(sop_class, self.images[at], image_box(item, color=self.color, **values))[0]

    def page(self) -> Image.Image:
        assert self.session._session is not None
        return compose(self.session._session.films[FILM_UID].sheet(""))


def shades(page: Image.Image, *, rows: int = 1, columns: int = 2) -> list[list[int]]:
    """The gray in the middle of each field of a page that is divided evenly."""
    gray = page.convert("L")
    return [
        [
            gray.getpixel((int((x + 0.5) * page.width / columns), int((y + 0.5) * page.height / rows)))  # type: ignore[misc]
            for x in range(columns)
        ]
        for y in range(rows)
    ]
