"""Print objects as a modality sends them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

SESSION_UID, FILM_UID = "1.2.3.1", "1.2.3.2"


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
