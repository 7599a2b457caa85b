"""DICOM files for tests: those of the pydicom wheel, and small ones made to order."""

import io
from functools import cache
from pathlib import Path
from typing import Any

import pydicom.data
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, UID, CTImageStorage, ExplicitVRLittleEndian

WHEEL = Path(pydicom.data.__file__).parent
_NOT_DATA = {".py", ".pyc", ".json", ".txt"}


@cache
def wheel_files() -> list[Path]:
    """Every data file that the pydicom wheel ships, good and bad."""
    return sorted(
        path for path in WHEEL.rglob("*") if path.is_file() and path.suffix not in _NOT_DATA and path.name != "README"
    )


def wheel_file(name: str) -> Path:
    """One of the wheel's test files or character set files by its name."""
    return next(path for path in wheel_files() if path.name == name)


def dataset(**attributes: Any) -> Dataset:
    """A CT instance with a patient, a study and a series; keywords override or add, None removes."""
    values: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": "1.2.3.1.1.1",
        "StudyDate": "20260131",
        "StudyTime": "101500",
        "AccessionNumber": "A1",
        "Modality": "CT",
        "PatientName": "Rossi^Maria",
        "PatientID": "P1",
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.1.1",
        "StudyID": "S1",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
    }
    made = Dataset()
    for keyword, value in {**values, **attributes}.items():
        if value is not None:
            setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def encode(made: Dataset) -> bytes:
    """The dataset as a Part 10 file."""
    if "MediaStorageSOPInstanceUID" not in made.file_meta:
        made.file_meta.MediaStorageSOPClassUID = UID(made.get("SOPClassUID") or CTImageStorage)
        made.file_meta.MediaStorageSOPInstanceUID = UID(made.get("SOPInstanceUID") or "1.2")
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()


def instance(**attributes: Any) -> bytes:
    """A small instance as a Part 10 file; see `dataset`."""
    return encode(dataset(**attributes))


def compressed(**attributes: Any) -> bytes:
    """A file that says it is JPEG 2000, and has no pixels; see `dataset`."""
    made = dataset(**attributes)
    made.file_meta.TransferSyntaxUID = JPEG2000
    return encode(made)


def with_icon(name: str) -> Dataset:
    """A compressed file of the wheel, with a picture within a sequence that is compressed as well."""
    made = dcmread(wheel_file(name))
    icon = Dataset()
    icon.PixelData = encapsulate([b"of any kind!"])
    icon["PixelData"].VR = "OB"
    icon["PixelData"].is_undefined_length = True
    made.IconImageSequence = [icon]
    return made
