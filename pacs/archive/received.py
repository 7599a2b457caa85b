"""A file that has arrived and was checked: what the index will remember of it."""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pacs import part10
from pacs.archive import npi
from pacs.archive.files import relative_path
from pacs.archive.levels import COLUMNS, DEFAULT_TAGS, NAME_TAGS, REQUEST_PATHS, SERIES_TAGS, STUDY_TAGS, Level, part_of
from pacs.archive.metadata import MetadataBuilder
from pacs.archive.normal_forms import normal_forms, vr_of
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.blocks import blocks_of
from pacs.errors import BadDicom
from pacs.file_meta import read_meta
from pacs.part10 import Part10Header

_REQUEST_SEQUENCE = next(iter(REQUEST_PATHS))[0]
_PATIENT_ID = tag("PatientID")
"""It has one value: a backslash that it must not have does not make a patient of its first half."""


@dataclass(frozen=True, slots=True)
class Received:
    """One instance, on disk at `path`, ready to be filed.

    `metadata` and the `…_attributes` of each level are encoded DICOM JSON; `columns` the indexed values in
    normal form, by level and column; `names` the names by tag and form; `requests` the columns of each request.
    """

    header: Part10Header
    path: Path
    file_bytes: int
    digest: bytes
    metadata: bytes
    study_attributes: bytes
    series_attributes: bytes
    instance_attributes: bytes
    columns: dict[Level, dict[str, str | None]]
    names: tuple[tuple[str, str], ...]
    requests: tuple[tuple[str, str], ...]
    station_name: str

    @property
    def resource(self) -> npi.Resource | None:
        """What it is kept under when it belongs to no patient."""
        return npi.resource_of(self.header.sop_class_uid)

    @property
    def place(self) -> str:
        """Where it lies once it is filed; see `relative_path`."""
        folder = self.resource.name if self.resource else self.header.study_instance_uid
        return relative_path(folder, self.header.sop_instance_uid)

    @property
    def patient_id(self) -> str:
        """The patient's ID, empty when there is none."""
        return self.columns[Level.STUDY]["patient_id"] or ""


class Digest:
    """SHA-256 of a file's dataset as it comes in: the same object under another file header is the same object."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._is_first = True

    def update(self, block: bytes | bytearray) -> None:
        """Takes the next bytes; the first block is expected to hold the whole File Meta Information."""
        if self._is_first:
            self._is_first = False
            block = block[_dataset_offset(block) :]
        self._hash.update(block)

    def finish(self) -> bytes:
        """The digest."""
        return self._hash.digest()


def digest_of(path: Path) -> bytes:
    """What `Digest` makes of a whole file. `OSError`."""
    digest = Digest()
    with path.open("rb", buffering=0) as file:
        for block in blocks_of(file):
            digest.update(block)
    return digest.finish()


def receive(path: Path, digest: bytes) -> Received:
    """Checks a file, reads what the index needs, and makes the file durable. `BadDicom`, `OSError`."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        received = _read(file, path, size, digest)
        os.fsync(file.fileno())
    return received


def _read(file: BinaryIO, path: Path, size: int, digest: bytes) -> Received:
    builder = MetadataBuilder()
    header = part10.check(file, size, builder.add, without_study=npi.SOP_CLASS_UIDS)
    dataset = builder.finish()
    resource = npi.resource_of(header.sop_class_uid)
    return Received(
        header=header,
        path=path,
        file_bytes=size,
        digest=digest,
        metadata=_encode(dataset),
        study_attributes=_encode(part_of(dataset, STUDY_TAGS)),
        series_attributes=_encode(part_of(dataset, SERIES_TAGS)),
        instance_attributes=_encode(
            part_of(dataset, resource.attributes if resource else DEFAULT_TAGS[Level.INSTANCE])
        ),
        columns=_columns(dataset),
        names=tuple((tag, form) for tag in sorted(NAME_TAGS) for form in dict.fromkeys(_forms(dataset, tag))),
        requests=tuple(_requests(dataset)),
        station_name=Dataset(dataset).text("StationName") or "",
    )


def _columns(dataset: JSONDataset) -> dict[Level, dict[str, str | None]]:
    found: dict[Level, dict[str, str | None]] = {level: {} for level in Level}
    for (attribute,), column in COLUMNS.items():
        value = next(iter(_forms(dataset, attribute)), "")
        found[column.level][column.name] = _integer(value) if vr_of(attribute) == "IS" else value
    found[Level.STUDY]["patient_id"] = "\\".join(_forms(dataset, _PATIENT_ID))
    return found


def _requests(dataset: JSONDataset) -> list[tuple[str, str]]:
    items = dataset.get(_REQUEST_SEQUENCE, {}).get("Value", [])
    tags = [path[1] for path in REQUEST_PATHS]
    pairs = [[next(iter(_forms(item, tag)), "") for tag in tags] for item in items]
    return [(step, procedure) for step, procedure in pairs if step or procedure]


def _forms(dataset: JSONDataset, tag: str) -> list[str]:
    return normal_forms(vr_of(tag), dataset.get(tag, {}).get("Value", []))


def _integer(text: str) -> str | None:
    """Text of a whole number that SQLite can hold, else nothing."""
    try:
        return text if abs(int(text)) < 2**63 else None
    except ValueError:
        return None


def _encode(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _dataset_offset(block: bytes | bytearray) -> int:
    try:
        return read_meta(io.BytesIO(block), len(block)).dataset_offset
    except BadDicom:
        return 0
