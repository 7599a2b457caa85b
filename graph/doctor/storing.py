"""Storing: one small object of a patient that nobody has, which stays in the PACS."""

import uuid
from io import BytesIO

from pydicom import Dataset as File
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from graph.archives import pacs_address
from graph.doctor.findings import Finding, Findings, note, ok, problem
from graph.settings import Settings
from pacs import part10, stow
from pacs.attributes import Dataset
from pacs.dicomweb import DicomWeb
from pacs.errors import Conflict, PacsError
from pacs.queries import Match
from pacs.studies import Studies

PATIENT_ID = "DICOM-GRAPH-DOCTOR"
_NAME = "Prüfung^Ж日本"
_NAMESPACE = uuid.UUID("0b7d1c62-0f0e-4f0e-8c55-3d0d3c7e64f3")
"""Made for this: the object has the same UIDs every time, so that a PACS keeps one of it."""


async def examine_storing(settings: Settings, *, really: bool) -> Findings:
    """Stores and reads back, if `really`; else only says that it did not."""
    if not really:
        yield note("storing was not tried", f"--store stores one tiny object of patient {PATIENT_ID}, which stays")
        return
    web = DicomWeb(pacs_address(settings))
    studies, content = Studies(web), _content()
    try:
        yield await _store(web, content)
        uids = ("StudyInstanceUID", [_uid("study")])
        found = await studies.search("studies", Match({"PatientID": PATIENT_ID}), include={"PatientName"}, uids=uids)
        yield _read_back(found)
        async with studies.retrieve(_uid("study"), _uid("series"), _uid("instance")) as file:
            received = b"".join([chunk async for chunk in file.chunks])
        yield _compare(content, received)
    except PacsError as error:
        yield problem(f"storing was tried and failed: {error}", "check that the user may store and read there")
    finally:
        await web.aclose()


async def _store(web: DicomWeb, content: bytes) -> Finding:
    file, size = BytesIO(content), len(content)
    error = (await stow.store(web, [stow.NewObject(file, size, part10.check(file, size))]))[0]
    if isinstance(error, Conflict):
        return ok("has the object from an earlier time, and refuses it a second time")
    if error is not None:
        raise error
    return ok(f"took an object of patient {PATIENT_ID}, and said so in its answer; it stays there")


def _read_back(found: list[Dataset]) -> Finding:
    if not found:
        return problem("did not find the object's study again", "it may index with a delay; try again in a minute")
    name = found[0].name("PatientName")
    if name is not None and name.alphabetic == _NAME:
        return ok("gives back letters of several alphabets")
    return problem(
        "changes letters beyond its character set in search results", "set its default character set to UTF-8"
    )


def _compare(content: bytes, received: bytes) -> Finding:
    if received[132:] == content[132:]:
        return ok("gives the object back to the byte")
    return note("gives the object back with changes: it writes File Meta Information or attributes of its own")


def _uid(of: str) -> str:
    return f"2.25.{uuid.uuid5(_NAMESPACE, of).int}"


def _content() -> bytes:
    file = File()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": SecondaryCaptureImageStorage,
        "SOPInstanceUID": _uid("instance"),
        "StudyInstanceUID": _uid("study"),
        "SeriesInstanceUID": _uid("series"),
        "PatientID": PATIENT_ID,
        "PatientName": _NAME,
        "StudyDescription": "dicom-graph doctor: may be deleted",
        "Modality": "OT",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 2,
        "Columns": 2,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": bytes(4),
    }
    for keyword, value in values.items():
        setattr(file, keyword, value)
    buffer = BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
