"""DICOM files for the tests: those in the pydicom wheel, and small ones made after them."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from pacs.uids import new_uid


def file(name: str) -> Path:
    """A file of the pydicom wheel."""
    return Path(str(get_testdata_file(name, download=False)))


def wheel_files() -> list[Path]:
    """Every file of the wheel that holds DICOM or might be taken for it."""
    folder = file("CT_small.dcm").parent
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))


@dataclass(frozen=True)
class Sample:
    """A stored object: its bytes, and what identifies it."""

    content: bytes
    patient_id: str
    study: str
    series: str
    instance: str


@dataclass
class Exam:
    """A study to be made: call `image()` once for each instance."""

    patient_id: str = field(default_factory=lambda: f"P{new_uid()[-12:]}")
    study: str = field(default_factory=generate_uid)
    attributes: dict[str, Any] = field(default_factory=dict)

    def image(self, series: str | None = None, **attributes: Any) -> Sample:
        """A small CT image of this study; `attributes` by DICOM keyword."""
        dataset = _template()
        values = {
            "PatientID": self.patient_id,
            "StudyInstanceUID": self.study,
            "SeriesInstanceUID": series or generate_uid(),
            "SOPInstanceUID": generate_uid(),
            **self.attributes,
            **attributes,
        }
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        return sample(dataset)


def sample(dataset: Dataset) -> Sample:
    """The dataset as a file."""
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return Sample(
        buffer.getvalue(),
        str(dataset.PatientID),
        str(dataset.StudyInstanceUID),
        str(dataset.SeriesInstanceUID),
        str(dataset.SOPInstanceUID),
    )


def _template() -> Dataset:
    dataset = pydicom.dcmread(file("CT_small.dcm"))
    dataset.Rows = dataset.Columns = 16
    dataset.PixelData = dataset.PixelData[:512]
    del dataset.DataSetTrailingPadding
    return dataset
