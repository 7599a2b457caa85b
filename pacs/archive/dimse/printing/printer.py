"""The Printer SOP Instance: what the printer is and how it is (PS3.4 H.4.6)."""

import os
import shutil
from importlib.metadata import version
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

_LITTLE_SPACE_BYTES = 1024**3
_FULL_BYTES = 128 * 1024**2


def printer(prints: Path, tags: list[BaseTag]) -> Dataset:
    """The printer's attributes; with `tags`, only those. Its supply is the space left for `prints`."""
    status, info = _status(prints)
    attributes = Dataset()
    attributes.PrinterStatus = status
    attributes.PrinterStatusInfo = info
    attributes.PrinterName = "dicom-graph"
    attributes.Manufacturer = "dicom-graph"
    attributes.ManufacturerModelName = "PDF"
    attributes.SoftwareVersions = version("dicom-graph")
    if not tags:
        return attributes
    wanted = Dataset()
    for tag in tags:
        if tag in attributes:
            wanted.add(attributes[tag])
    return wanted


def _status(prints: Path) -> tuple[str, str]:
    """Printer Status and Printer Status Info (PS3.3 C.13.9.1)."""
    folder = next((folder for folder in (prints, *prints.parents) if folder.is_dir()), None)
    if folder is None or not os.access(folder, os.W_OK):
        return "FAILURE", "PRINTER DOWN"
    free = shutil.disk_usage(folder).free
    if free < _FULL_BYTES:
        return "FAILURE", "SUPPLY EMPTY"
    return ("WARNING", "SUPPLY LOW") if free < _LITTLE_SPACE_BYTES else ("NORMAL", "NORMAL")
