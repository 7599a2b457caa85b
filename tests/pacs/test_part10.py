import io
import struct
import time
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from pacs.elements import MAX_DEPTH
from pacs.errors import BadDicom, InvalidDicom, NotDicom
from pacs.file_meta import read_meta
from pacs.part10 import Part10Header, check
from tests.pacs.archive.samples import WHEEL, dataset, encode, instance, wheel_file, wheel_files

REFUSED = {
    "README.md": "no DICOM file",
    "crayons.icc": "no DICOM file",
    "rtplan.dump": "no DICOM file",
    "rtstruct.dump": "no DICOM file",
    "rtstruct.dcm": "no DICOM file",
    "zipMR.gz": "no DICOM file",
    "no_meta.dcm": "no DICOM file",
    "ExplVR_BigEndNoMeta.dcm": "no DICOM file",
    "ExplVR_LitEndNoMeta.dcm": "no DICOM file",
    "chrJapMulti.dcm": "is not the SOPInstanceUID",
    "chrJapMultiExplicitIR6.dcm": "is not the SOPInstanceUID",
    "badVR.dcm": "is not the SOPInstanceUID",
    "rtdose.dcm": "is not the SOPInstanceUID",
    "rtdose_1frame.dcm": "is not the SOPInstanceUID",
    "rtdose_expb.dcm": "is not the SOPInstanceUID",
    "rtdose_expb_1frame.dcm": "is not the SOPInstanceUID",
    "rtplan.dcm": "is not the SOPInstanceUID",
    "chrSQEncoding.dcm": "SOPClassUID (0008,0016) is missing",
    "chrSQEncoding1.dcm": "SOPClassUID (0008,0016) is missing",
    "UN_sequence.dcm": "SOPClassUID (0008,0016) is missing",
    "empty_charset_LEI.dcm": "SOPClassUID (0008,0016) is missing",
    "no_meta_group_length.dcm": "SOPClassUID (0008,0016) is missing",
    "priv_SQ.dcm": "SOPClassUID (0008,0016) is missing",
    "JPEGLSNearLossless_08.dcm": "StudyInstanceUID (0020,000D) is missing",
    "JPEGLSNearLossless_16.dcm": "StudyInstanceUID (0020,000D) is missing",
    "SC_rgb_jls_lossy_line.dcm": "StudyInstanceUID (0020,000D) is missing",
    "SC_rgb_jls_lossy_sample.dcm": "StudyInstanceUID (0020,000D) is missing",
    "meta_missing_tsyntax.dcm": "TransferSyntaxUID (0002,0010) is missing",
    "MR_truncated.dcm": "truncated",
    "rtplan_truncated.dcm": "truncated",
    "nested_priv_SQ.dcm": "(0001,0001) at byte 228 is no element",
    "SC_rgb_jpeg.dcm": "no value representation",  # implicit VR under the name of explicit VR
}


def checked(data: bytes) -> Part10Header:
    return check(io.BytesIO(data), len(data))


def is_taken(data: bytes) -> bool:
    return checked(data).sop_instance_uid != ""


def refusal(data: bytes) -> str:
    with pytest.raises(BadDicom) as caught:
        checked(data)
    return str(caught.value)


def expected_refusal(path: Path) -> str | None:
    if path.name.startswith("DICOMDIR"):
        return "a DICOMDIR"
    if path.parent.name == "palettes" and path.suffix == ".dcm":
        return "StudyInstanceUID (0020,000D) is missing"
    return REFUSED.get(path.name)


@pytest.mark.parametrize("path", wheel_files(), ids=lambda path: str(path.relative_to(WHEEL)))
def test_every_file_of_the_wheel_is_taken_as_pydicom_reads_it_or_refused_for_its_reason(path: Path) -> None:
    data = path.read_bytes()
    if reason := expected_refusal(path):
        assert reason in refusal(data)
        return
    header = checked(data)
    read = pydicom.dcmread(path, stop_before_pixels=True)
    assert header.sop_instance_uid == read.SOPInstanceUID
    assert header.sop_class_uid == read.SOPClassUID
    assert header.study_instance_uid == read.StudyInstanceUID
    assert header.series_instance_uid == read.SeriesInstanceUID
    assert header.transfer_syntax_uid == read.file_meta.TransferSyntaxUID


def test_bytes_without_the_prefix_are_not_dicom() -> None:
    with pytest.raises(NotDicom):
        checked(b"")
    with pytest.raises(NotDicom):
        checked(b"\0" * 4096)


@pytest.mark.parametrize("magic", [b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe"])
def test_an_executable_in_the_preamble_is_refused(magic: bytes) -> None:
    assert "program" in refusal(magic + instance()[len(magic) :])


def test_a_tiff_header_in_the_preamble_is_accepted() -> None:
    assert checked(b"II*\0" + instance()[4:]).sop_instance_uid == "1.2.3.1.1.1"


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_uid_that_is_missing_empty_or_none_is_refused_by_name(keyword: str) -> None:
    assert f"{keyword} (00" in refusal(instance(**{keyword: None}))
    assert "is missing" in refusal(instance(**{keyword: ""}))
    with pydicom.config.disable_value_validation():
        assert "is not a UID" in refusal(instance(**{keyword: "1.2.x"}))


def test_leading_zeros_in_a_uid_are_accepted_and_named() -> None:
    with pydicom.config.disable_value_validation():
        header = checked(instance(StudyInstanceUID="1.02.3"))
    assert header.study_instance_uid == "1.02.3"
    assert any("leading zeros" in flaw for flaw in header.flaws)


def test_an_unknown_transfer_syntax_is_refused() -> None:
    data = instance()
    assert "no transfer syntax" in refusal(data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1))


def test_a_wrong_group_length_is_accepted_and_named() -> None:
    data = bytearray(instance())
    data[140:144] = struct.pack("<L", 7)
    assert any("0002,0000" in flaw for flaw in checked(bytes(data)).flaws)


def test_the_sender_is_preferred_to_the_source() -> None:
    made = dataset()
    made.file_meta.SourceApplicationEntityTitle = "SOURCE"
    assert checked(encode(made)).application_entity == "SOURCE"
    made.file_meta.SendingApplicationEntityTitle = "SENDER"
    assert checked(encode(made)).application_entity == "SENDER"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"])
def test_a_file_cut_anywhere_is_refused_unless_the_cut_falls_between_elements(name: str) -> None:
    data = wheel_file(name).read_bytes()
    whole = checked(data)
    starts = set()
    check(io.BytesIO(data), len(data), lambda _, element: starts.add(element.offset))
    for cut in range(whole.dataset_offset, len(data), 37):
        try:
            header = checked(data[:cut])
        except BadDicom:
            continue
        assert header.sop_instance_uid == whole.sop_instance_uid
        assert any(cut < start <= cut + 12 for start in starts), f"cut at {cut} went unnoticed"


@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 100, b"garbage", b"\xff" * 64, b"<html></html>"])
@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"])
def test_trailing_garbage_is_refused(name: str, garbage: bytes) -> None:
    assert refusal(wheel_file(name).read_bytes() + garbage)


def test_trailing_garbage_after_a_deflated_dataset_is_refused() -> None:
    data = wheel_file("image_dfl.dcm").read_bytes()
    assert is_taken(data)
    assert "trailing" in refusal(data + b"garbage")
    assert "truncated" in refusal(data[:-400])


def test_native_pixel_data_that_is_too_short_is_refused() -> None:
    made = dataset(Rows=64, Columns=64, BitsAllocated=16, SamplesPerPixel=1, NumberOfFrames=2)
    made.add_new("PixelData", "OW", b"\0" * (64 * 64 * 4))
    assert is_taken(encode(made))
    made["PixelData"].value = b"\0" * (64 * 64 * 2)
    assert "the pixel data has 8192 bytes, its size needs 16384" in refusal(encode(made))


def test_encapsulated_pixel_data_under_a_native_transfer_syntax_is_refused() -> None:
    data = wheel_file("JPEG-lossy.dcm").read_bytes()
    assert read_meta(io.BytesIO(data), len(data)).transfer_syntax_uid.startswith("1.2.840.10008.1.2.4")
    wrong = data.replace(b"1.2.840.10008.1.2.4.51", b"1.2.840.10008.1.2.1\0\0\0", 1)
    assert "encapsulated" in refusal(wrong)


def nested(levels: int) -> bytes:
    opening = struct.pack("<HH2sHLHHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    closing = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return instance(SeriesInstanceUID=None, StudyInstanceUID=None) + opening * levels + closing * levels


def test_nesting_is_walked_without_recursion_and_bounded() -> None:
    assert "StudyInstanceUID (0020,000D) is missing" in refusal(nested(MAX_DEPTH))
    assert "nested deeper" in refusal(nested(3000))


def deflated(dataset_bytes: bytes) -> bytes:
    made = dataset()
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = encode(made)
    start = read_meta(io.BytesIO(data), len(data)).dataset_offset
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[:start] + deflater.compress(dataset_bytes) + deflater.flush()


def test_a_deflate_bomb_is_refused_in_bounded_time_and_memory() -> None:
    bomb = deflated(struct.pack("<HH2sHL", 0x0009, 0x0010, b"OB", 0, 2_000_000_000) + b"\0" * 300_000_000)
    tracemalloc.start()
    begun = time.monotonic()
    assert "deflated" in refusal(bomb) or "truncated" in refusal(bomb)
    assert time.monotonic() - begun < 5
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_a_file_of_many_gigabytes_is_checked_without_reading_it(tmp_path: Path) -> None:
    head = instance()
    length = 4_000_000_000
    value = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, length)
    trailer = struct.pack("<HH2sHL", 0xFFFC, 0xFFFC, b"OB", 0, 2) + b"\0\0"
    path = tmp_path / "big.dcm"
    with path.open("wb") as file:
        file.write(head + value)
        file.truncate(len(head) + len(value) + length)
        file.seek(0, io.SEEK_END)
        file.write(trailer)
    size = path.stat().st_size
    begun = time.monotonic()
    with path.open("rb") as file:
        assert check(file, size).sop_instance_uid == "1.2.3.1.1.1"
        with pytest.raises(InvalidDicom, match="truncated"):
            check(file, size - 13)
    assert time.monotonic() - begun < 1


def test_fragments_are_counted_not_read(tmp_path: Path) -> None:
    made = dataset()
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    fragment = struct.pack("<HHL", 0xFFFE, 0xE000, 4) + b"abcd"
    opening = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    data = encode(made) + opening + fragment * 50_000
    assert "truncated" in refusal(data)
    assert is_taken(data + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0))
    assert "fragments" in refusal(data + b"\0" * 8)


def test_implicit_vr_is_accepted_for_storage() -> None:
    made = dataset()
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert checked(encode(made)).transfer_syntax_uid == ImplicitVRLittleEndian


@given(st.binary(max_size=600))
def test_any_bytes_after_a_good_beginning_get_an_answer(rest: bytes) -> None:
    data = instance()
    start = read_meta(io.BytesIO(data), len(data)).dataset_offset
    with suppress(BadDicom):
        assert is_taken(data[:start] + rest)


@given(st.integers(0, 38_000), st.binary(min_size=1, max_size=8))
def test_any_damage_gets_an_answer(offset: int, damage: bytes) -> None:
    data = bytearray(wheel_file("CT_small.dcm").read_bytes())
    data[offset : offset + len(damage)] = damage
    with suppress(BadDicom):
        assert is_taken(bytes(data))
