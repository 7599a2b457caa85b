"""The short way to a header finds what pydicom finds, or nothing."""

from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs.rendering.plain_header import plain_header
from tests.samples import wheel_files

WANTED = [0x00080005, 0x00080016, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x00281050, 0x00283010]
PIXELS = b"\xe0\x7f\x10\x00"


def image(syntax: UID, *, defined_lengths: bool, **attributes: Any) -> bytes:
    """A file with sequences before and among what is wanted."""
    made, inner, table = Dataset(), Dataset(), Dataset()
    inner.ReferencedSOPInstanceUID, inner.PurposeOfReferenceCodeSequence = "1.2", [Dataset()]
    inner.Rows = 1
    table.LUTDescriptor, table.LUTData = [2, 0, 16], b"\0\0\1\0"
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    made.SOPClassUID, made.ReferencedImageSequence, made.Rows, made.Columns = "1.2.840.10008.5.1.4.1.1.7", [inner], 2, 3
    made.BitsAllocated, made.VOILUTSequence, made.PixelData = 8, [table], bytes(6)
    made["PixelData"].VR = "OB"
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    for keyword in ("ReferencedImageSequence", "VOILUTSequence"):
        made[keyword].is_undefined_length = not defined_lengths
        for item in made[keyword].value:
            item.is_undefined_length_sequence_item = not defined_lengths
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID, made.file_meta.MediaStorageSOPInstanceUID = syntax, UID("1.2.3")
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def by_pydicom(content: bytes) -> Dataset:
    found = dcmread(BytesIO(content), stop_before_pixels=True, force=True, specific_tags=WANTED)
    return Dataset({element.tag: element for element in found})


def test_every_file_of_the_wheel_has_the_header_that_pydicom_reads() -> None:
    plain = 0
    for path in wheel_files():
        content = path.read_bytes()
        found = plain_header(content[: 1 << 16], WANTED)
        if found is not None:
            assert read_dataset(BytesIO(found.elements), found.is_implicit, True) == by_pydicom(content), path.name
            assert content[found.ends_at :][:2] == PIXELS[:2], path.name
            plain += 1
    assert plain == 83


@pytest.mark.parametrize("defined_lengths", [True, False])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_sequences_are_stepped_over_or_taken_whole(syntax: UID, *, defined_lengths: bool) -> None:
    content = image(syntax, defined_lengths=defined_lengths)
    found = plain_header(content, WANTED)
    assert found is not None
    dataset = read_dataset(BytesIO(found.elements), found.is_implicit, True)
    assert dataset == by_pydicom(content)
    assert (dataset.Rows, dataset.VOILUTSequence[0].LUTDescriptor[2]) == (2, 16)
    assert content[found.ends_at :][:4] == PIXELS


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(200), id="no DICOM"),
        pytest.param(image(ExplicitVRBigEndian, defined_lengths=True), id="big endian"),
        pytest.param(image(DeflatedExplicitVRLittleEndian, defined_lengths=True), id="deflated"),
        pytest.param(image(ExplicitVRLittleEndian, defined_lengths=True)[:300], id="broken off"),
        pytest.param(
            image(ExplicitVRLittleEndian, defined_lengths=True).replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00??"),
            id="a VR that nobody knows",
        ),
        pytest.param(
            image(ImplicitVRLittleEndian, defined_lengths=True).replace(
                ImplicitVRLittleEndian.encode() + b"\0", ExplicitVRLittleEndian.encode()[:18]
            ),
            id="implicit where explicit is said",
        ),
        pytest.param(
            image(ExplicitVRLittleEndian, defined_lengths=False).replace(PIXELS, b"\xfe\xff\xdd\xe0\0\0\0\0" + PIXELS),
            id="more ends than sequences",
        ),
    ],
)
def test_what_is_unusual_is_left_to_pydicom(content: bytes) -> None:
    assert plain_header(content, WANTED) is None
