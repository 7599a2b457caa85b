"""Presentation LUTs (PS3.3 C.11.4): from pixel values to the gray of a page, 0 being black."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from pacs.archive.dimse.printing.density import gray_of_density
from pacs.archive.dimse.printing.refused import INVALID_VALUE, MISSING_ATTRIBUTE, Refused

Grays = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PresentationLut:
    """`shape` is IDENTITY (P-Values), LIN OD (linear optical density) or empty, when `table` (0 to 1) is looked up."""

    shape: str = "IDENTITY"
    table: npt.NDArray[np.float64] | None = None

    def gray_of_values(self, bits_stored: int) -> Grays:
        """The gray, 0–255, of each value that fits into `bits_stored` bits."""
        inputs = np.linspace(0.0, 1.0, 1 << bits_stored)
        if self.table is not None:
            inputs = np.interp(inputs, np.linspace(0.0, 1.0, len(self.table)), self.table)
        elif self.shape == "LIN OD":
            return gray_of_density((1.0 - inputs) * _MOST_OD)
        return np.rint(inputs * 255).astype(np.uint8)


_MOST_OD = 3.0  # of a laser imager's film
IDENTITY = PresentationLut()


def read_lut(attributes: Dataset) -> PresentationLut:
    """The LUT of a Presentation LUT SOP Instance; `Refused` for one that cannot be used."""
    shape = attributes.get("PresentationLUTShape")
    sequence = attributes.get("PresentationLUTSequence")
    if shape:
        if shape not in ("IDENTITY", "LIN OD"):
            raise Refused(INVALID_VALUE, "PresentationLUTShape: IDENTITY or LIN OD")
        return PresentationLut(shape)
    if not sequence:
        raise Refused(MISSING_ATTRIBUTE, "PresentationLUTShape or PresentationLUTSequence is missing")
    return PresentationLut("", _table(sequence[0]))


def _table(item: Dataset) -> npt.NDArray[np.float64]:
    descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    if not descriptor or len(descriptor) != 3 or data is None:
        raise Refused(MISSING_ATTRIBUTE, "LUTDescriptor and LUTData are needed")
    entries, bits = int(descriptor[0]) or 65536, int(descriptor[2])
    values = np.frombuffer(data, dtype="<u2") if isinstance(data, bytes) else np.atleast_1d(np.asarray(data))
    if not 8 <= bits <= 16 or len(values) < entries or entries < 2:
        raise Refused(INVALID_VALUE, "LUTData has fewer entries than LUTDescriptor says")
    return np.clip(values[:entries].astype(np.float64) / ((1 << bits) - 1), 0.0, 1.0)
