"""The records of a DICOMDIR (PS3.3 §F.5), encoded; pydicom makes them."""

from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import (
    DIRECTORY_RECORDERS,
    _four_level_record_type,  # the table of record types by SOP class has no public name
)
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTIonPlanStorage, RTPlanStorage

_UNSPECIFIC = "RAW DATA"
_IN_USE = 0xFFFF

# What a record must have and an instance may lack (PS3.3 §F.5): said where nothing is known.
_SYNTHETIC: Mapping[str, Any] = {
    "PatientID": "UNKNOWN",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "Modality": "OT",
    "ContentDate": "19000101",
    "ContentTime": "000000",
    "ContentLabel": "UNNAMED",
    "CompletionFlag": "PARTIAL",
    "VerificationFlag": "UNVERIFIED",
    "PresentationCreationDate": "19000101",
    "PresentationCreationTime": "000000",
    "InstanceCreationDate": "19000101",
    "StructureSetLabel": "UNNAMED",
    "DoseSummationType": "PLAN",
    "MIMETypeOfEncapsulatedDocument": "application/octet-stream",
}
_PLANS = (RTPlanStorage, RTIonPlanStorage)
_ALSO_IN_RECORDS = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientName",
    "StudyDescription", "AccessionNumber", "SeriesNumber", "InstanceNumber", "RTPlanLabel", "RTPlanDate",
    "RTPlanTime", "StructureSetDate", "StructureSetTime", "TreatmentDate", "TreatmentTime", "ContentDescription",
    "ContentCreatorName", "ReferencedSeriesSequence", "BlendingSequence", "VerificationDateTime",
    "ConceptNameCodeSequence", "ContentSequence", "ImageType", "ReferencedImageEvidenceSequence", "NumberOfFrames",
    "Rows", "Columns", "DataPointRows", "DataPointColumns", "DocumentTitle", "EncapsulatedDocument",
    "HL7InstanceIdentifier", "InstanceCreationTime", "UserContentLabel", "UserContentLongLabel",
)  # fmt: skip
KEYWORDS = (*_SYNTHETIC, *_ALSO_IN_RECORDS)
"""All that the directory may tell of an instance: nothing else of it need be read."""


def completed(instance: Dataset, number: int) -> Dataset:
    """A copy with something for every value that a record must have."""
    known = Dataset()
    for keyword in KEYWORDS:
        if keyword == "EncapsulatedDocument":
            if keyword in instance:  # only that there is one matters, not its megabytes
                known.EncapsulatedDocument = b""
        elif keyword in instance and instance[keyword].VM:
            known[keyword] = instance[keyword]
    for keyword, value in {**_SYNTHETIC, "SeriesNumber": 1, "InstanceNumber": number}.items():
        if keyword not in known:
            setattr(known, keyword, value)
    if known.SOPClassUID in _PLANS and "RTPlanLabel" not in known:
        known.RTPlanLabel = "UNNAMED"  # by which pydicom knows a plan
    if "ContentSequence" in known:
        modifiers = [item for item in known.ContentSequence if item.get("RelationshipType") == "HAS CONCEPT MOD"]
        known.ContentSequence = Sequence(modifiers)
        if not modifiers:
            del known.ContentSequence
    return known


def parent_record(level: str, known: Dataset) -> bytes:
    """The record of a `PATIENT`, `STUDY` or `SERIES`, out of a completed instance of it."""
    return _encoded(level, DIRECTORY_RECORDERS[level](known), known)


def instance_record(known: Dataset, transfer_syntax: str, file_id: tuple[str, ...]) -> bytes:
    """The record of a completed instance, which is the file `file_id`."""
    kind = _four_level_record_type(known)
    try:
        record = DIRECTORY_RECORDERS[kind](known)
    except ValueError:  # something is missing that nobody can make up, such as a report's title
        kind = _UNSPECIFIC
        record = DIRECTORY_RECORDERS[kind](known)
    record.ReferencedFileID = list(file_id)
    record.ReferencedSOPClassUIDInFile = known.SOPClassUID
    record.ReferencedSOPInstanceUIDInFile = known.SOPInstanceUID
    record.ReferencedTransferSyntaxUIDInFile = transfer_syntax
    return _encoded(kind, record, known)


def _encoded(kind: str, record: Dataset, known: Dataset) -> bytes:
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = _IN_USE
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if "SpecificCharacterSet" in known:
        record.SpecificCharacterSet = known.SpecificCharacterSet
    return written(record)


def written(dataset: Dataset) -> bytes:
    """A part of the directory, in Explicit VR Little Endian."""
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, dataset, dataset.get("SpecificCharacterSet", "iso8859"))
    return bytes(target.getvalue())
