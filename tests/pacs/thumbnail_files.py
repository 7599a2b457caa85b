"""DICOM files made for the tests of pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs.uids import new_uid

WHEEL = Path(pydicom.data.__file__).parent / "test_files"


def wheel_file(name: str) -> Path:
    """A file that comes with pydicom."""
    return WHEEL / name


def dataset(**attributes: Any) -> Dataset:
    """A dataset with all that a Part 10 file needs but pixels; `attributes` by keyword."""
    made = Dataset()
    made.SOPClassUID = SecondaryCaptureImageStorage
    made.SOPInstanceUID = made.StudyInstanceUID = made.SeriesInstanceUID = new_uid()
    made.PatientID = "P"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = attributes.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def image_dataset(pixels: NDArray[Any], **attributes: Any) -> Dataset:
    """A dataset with `pixels`, of shape (rows, columns), (frames, rows, columns) or (…, 3)."""
    samples = 3 if pixels.shape[-1] == 3 and pixels.ndim > 2 else 1
    shape = pixels.shape[:-1] if samples == 3 else pixels.shape
    bits = pixels.dtype.itemsize * 8
    described = {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "RGB" if samples == 3 else "MONOCHROME2",
        "Rows": shape[-2],
        "Columns": shape[-1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    if samples == 3:
        described["PlanarConfiguration"] = 0
    if len(shape) == 3:
        described["NumberOfFrames"] = shape[0]
    made = dataset(**described | attributes)
    if pixels.dtype.kind != "f":
        body = np.ascontiguousarray(pixels).tobytes()
        made.PixelData = body + b"\0" * (len(body) % 2)
        made["PixelData"].VR = "OB" if bits == 8 else "OW"
    return made


def save(made: Dataset, path: Path) -> Path:
    """The dataset as a file at `path`."""
    made.save_as(path, enforce_file_format=True)
    return path
