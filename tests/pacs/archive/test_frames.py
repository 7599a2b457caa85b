"""Frames and bulk data: native and compressed, as stored and decoded, in the media types of PS3.18 §8.7.3.3."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from tests.pacs.archive.samples import dataset, encode, wheel_file
from tests.pacs.archive.serving import Archive, parts_of
from tests.pacs.archive.test_wado import store

OCTETS = 'multipart/related; type="application/octet-stream"'
RLE = "1.2.840.10008.1.2.5"


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
async def test_a_native_frame_is_its_pixels_in_little_endian(archive: Archive, name: str) -> None:
    url, _ = await store(archive, name)
    (frame,) = await parts_of(await archive.get(f"{url}/frames/1"))
    assert frame == pydicom.dcmread(wheel_file("MR_small.dcm")).PixelData
    alone = await archive.get(f"{url}/frames/1", "application/octet-stream")
    assert (alone.headers["content-type"], alone.content) == ("application/octet-stream", frame)
    for wanted in (f"{OCTETS}; transfer-syntax={RLE}", "image/jpeg"):
        assert (await archive.get(f"{url}/frames/1", wanted)).status_code == 406


async def test_the_last_byte_of_an_odd_frame_in_big_endian_words_is_not_lost(archive: Archive) -> None:
    url, _ = await store(archive, "SC_rgb_small_odd_big_endian.dcm")
    (frame,) = await parts_of(await archive.get(f"{url}/frames/1"))
    assert frame == pydicom.dcmread(wheel_file("SC_rgb_small_odd.dcm")).PixelData[:27]


@pytest.mark.parametrize(("keyword", "bits"), [("FloatPixelData", 32), ("DoubleFloatPixelData", 64)])
async def test_frames_of_floating_point_numbers_are_frames(archive: Archive, keyword: str, bits: int) -> None:
    cells = np.arange(12, dtype=f"<f{bits // 8}")
    made = dataset(NumberOfFrames=2, Rows=2, Columns=3, SamplesPerPixel=1, BitsAllocated=bits)
    setattr(made, keyword, cells.tobytes())
    await archive.store(encode(made))
    url = "/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1"
    assert await parts_of(await archive.get(f"{url}/frames/2,1")) == [cells[6:].tobytes(), cells[:6].tobytes()]
    assert (await archive.get(f"{url}/frames/3")).status_code == 404


STORED = {
    "SC_rgb_rle_2frame.dcm": "image/dicom-rle",
    "rtdose_rle.dcm": "image/dicom-rle",
    "JPEG2000.dcm": "image/jp2",
    "JPEG-lossy.dcm": "image/jpeg",
    "MR_small_jpeg_ls_lossless.dcm": "image/jls",
}


async def test_compressed_frames_come_as_stored_in_their_media_type(archive: Archive) -> None:
    for name, media_type in STORED.items():
        url, read = await store(archive, name)
        frames = list(generate_frames(read.PixelData, number_of_frames=int(read.get("NumberOfFrames", 1))))
        numbers = ",".join(str(number + 1) for number in range(len(frames)))
        wanted = f'multipart/related; type="{media_type}"'
        answer = await archive.get(f"{url}/frames/{numbers}", wanted)
        assert f'type="{media_type}"' in answer.headers["content-type"]
        labelled = f"Content-Type: {media_type}; transfer-syntax={read.file_meta.TransferSyntaxUID}\r\n"
        assert answer.content.count(labelled.encode()) == len(frames)
        assert await parts_of(answer) == frames
        assert await parts_of(await archive.get(f"{url}/bulkdata/7FE00010", wanted)) == frames
        assert await parts_of(await archive.get(f"{url}/frames/1", f"{OCTETS}; transfer-syntax=*")) == frames[:1]
        assert (await archive.get(f"{url}/frames/1", media_type)).content == frames[0]
        statuses = {f"{url}/frames/1,1": 406, f"{url}/frames/99": 404, f"{url}/frames/0,x": 400}
        for path, status in statuses.items():
            assert (await archive.get(path, media_type)).status_code == status
        assert (await archive.get(f"{url}/frames/1", "image/jpx")).status_code == 406


async def test_octets_of_compressed_pixels_are_decoded(archive: Archive) -> None:
    url, read = await store(archive, "SC_rgb_rle_2frame.dcm")
    first, second = (np.ascontiguousarray(frame).tobytes() for frame in read.pixel_array)
    for wanted in (None, OCTETS, f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1", "*/*"):
        assert await parts_of(await archive.get(f"{url}/frames/2,1", wanted)) == [second, first]
        assert await parts_of(await archive.get(f"{url}/bulkdata/7FE00010", wanted)) == [first + second]
    alone = await archive.get(f"{url}/bulkdata/7FE00010", "application/octet-stream")
    assert alone.content == first + second


async def test_frames_that_lost_something_come_as_stored_unless_octets_are_asked_for(archive: Archive) -> None:
    url, read = await store(archive, "SC_rgb_jpeg_dcmtk.dcm")
    answer = await archive.get(f"{url}/frames/1")
    assert 'type="image/jpeg"' in answer.headers["content-type"]
    (decoded,) = await parts_of(await archive.get(f"{url}/frames/1", OCTETS))
    assert len(decoded) == read.Rows * read.Columns * 3


@pytest.mark.parametrize(
    ("syntax", "media_type"),
    [("1.2.840.10008.1.2.4.100", "video/mpeg"), ("1.2.840.10008.1.2.4.102", "video/mp4")],
)
async def test_a_video_is_had_whole_and_no_frame_or_picture_of_it(
    archive: Archive, syntax: str, media_type: str
) -> None:
    video = dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4.1", Rows=16, Columns=16, NumberOfFrames=25)
    video.SamplesPerPixel, video.BitsAllocated, video.PhotometricInterpretation = 3, 8, "YBR_PARTIAL_420"
    video.PixelData = encapsulate([b"\x00\x00\x01\xb3 one, ", b"two;  "], has_bot=False)
    video["PixelData"].VR = "OB"
    video.file_meta.TransferSyntaxUID = UID(syntax)
    assert (await archive.store(encode(video))).status_code == 200
    url = "/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1"
    for wanted in (None, media_type, "video/*", f'multipart/related; type="{media_type}"'):
        answer = await archive.get(f"{url}/bulkdata/7FE00010", wanted)
        assert media_type in answer.headers["content-type"]
        (whole,) = await parts_of(answer) if "multipart" in answer.headers["content-type"] else [answer.content]
        assert whole == b"\x00\x00\x01\xb3 one, two;  "
    for resource in ("frames/1", "rendered", "frames/1/rendered", "thumbnail"):
        assert (await archive.get(f"{url}/{resource}")).status_code == 406, resource
    assert (await archive.get(f"{url}/bulkdata/7FE00010", OCTETS)).status_code == 406
    assert (await archive.get(url, f'multipart/related; type="application/dicom"; transfer-syntax={syntax}')).is_success


async def test_uncompressed_pixels_in_fragments_are_put_together(archive: Archive) -> None:
    read = pydicom.dcmread(wheel_file("CT_small.dcm"))
    pixels, read.PixelData = (
        read.PixelData,
        encapsulate([read.PixelData[:10_000], read.PixelData[10_000:]], has_bot=False),
    )
    read.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.98")
    assert (await archive.store(encode(read))).status_code == 200
    url = f"/studies/{read.StudyInstanceUID}/series/{read.SeriesInstanceUID}/instances/{read.SOPInstanceUID}"
    assert await parts_of(await archive.get(f"{url}/frames/1")) == [pixels]
    (sent,) = await parts_of(await archive.get(url))
    assert pydicom.dcmread(io.BytesIO(sent)).PixelData == pixels


async def test_fewer_fragments_than_frames_are_a_clear_error(archive: Archive) -> None:
    read = pydicom.dcmread(wheel_file("SC_rgb_rle_2frame.dcm"))
    read.PixelData = encapsulate(list(generate_frames(read.PixelData, number_of_frames=2))[:1])
    await archive.store(encode(read))
    url = f"/studies/{read.StudyInstanceUID}/series/{read.SeriesInstanceUID}/instances/{read.SOPInstanceUID}"
    answer = await archive.get(f"{url}/frames/2", "image/dicom-rle")
    assert (answer.status_code, "damaged" in answer.text) == (500, True)
    assert (await archive.get(f"{url}/frames/2", OCTETS)).status_code == 406


async def test_a_file_that_is_gone_is_a_clear_error_for_frames_and_pictures(archive: Archive, data_dir: Path) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    (path,) = (data_dir / "files").rglob("*.dcm")
    path.unlink()
    for resource in ("frames/1", "rendered", "thumbnail"):
        answer = await archive.get(f"{url}/{resource}")
        assert answer.status_code == 500
        assert "damaged" in answer.text
