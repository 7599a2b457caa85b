import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPIPHTJ2KReferenced

from pacs.archive.options import ArchiveOptions
from pacs.archive.transcoding import explicit_little_endian
from tests.pacs.archive.samples import compressed, dataset, encode, wheel_file, with_icon
from tests.pacs.archive.serving import Archive, parts_of, running
from tests.pacs.archive.test_wado import store

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def accept(syntax: str) -> str:
    return f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
        "chrH31.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "rtdose.dcm",
        "rtplan.dcm",
        "waveform_ecg.dcm",
        "priv_SQ.dcm",
    ],
)
def test_what_is_re_encoded_says_the_same(name: str) -> None:
    path = wheel_file(name)
    original = pydicom.dcmread(path)
    recoded = pydicom.dcmread(io.BytesIO(b"".join(explicit_little_endian(path))))
    assert recoded.file_meta.TransferSyntaxUID == EXPLICIT
    assert [element.tag for element in recoded] == [element.tag for element in original if element.tag.element != 0]
    for element in recoded:
        if element.VR not in {"UN", "OW", "SQ"}:
            assert element.value == original[element.tag].value, element.tag


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
@pytest.mark.parametrize("wanted", [None, EXPLICIT, "*"])
async def test_implicit_vr_and_big_endian_are_never_sent(archive: Archive, name: str, wanted: str | None) -> None:
    url, read = await store(archive, name)
    (sent,) = await parts_of(await archive.get(url, wanted and accept(wanted)))
    recoded = pydicom.dcmread(io.BytesIO(sent))
    assert recoded.file_meta.TransferSyntaxUID == EXPLICIT
    assert recoded.PixelData == pydicom.dcmread(wheel_file("MR_small.dcm")).PixelData
    assert recoded.PatientName == read.PatientName
    assert (await archive.get(url, accept(read.file_meta.TransferSyntaxUID))).status_code == 406


async def test_who_prefers_the_file_as_it_is_stored_gets_it_bit_for_bit(archive: Archive) -> None:
    url, _ = await store(archive, "MR_small_implicit.dcm")
    answer = await archive.client.get(archive.url + url, headers={"prefer": "as-stored"})
    assert await parts_of(answer) == [wheel_file("MR_small_implicit.dcm").read_bytes()]
    assert answer.headers["preference-applied"] == "as-stored"


LOSSLESS = [
    "SC_rgb_jpeg_gdcm.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_rle_2frame.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_rle_32bit_2frame.dcm",
]
LOSSY = ["SC_rgb_jpeg_dcmtk.dcm", "JPEG2000.dcm"]


async def test_compressed_pixels_are_decoded_on_request(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path, allow_delete=True)) as archive:
        for name in (*LOSSLESS, *LOSSY):
            url, read = await store(archive, name)
            series, study = url.split("/instances")[0], url.split("/series")[0]
            for level in (url, series, study):
                (sent,) = await parts_of(await archive.get(level, accept(EXPLICIT)))
                decoded = pydicom.dcmread(io.BytesIO(sent))
                assert decoded.file_meta.TransferSyntaxUID == EXPLICIT
                furthest = np.abs(colours(decoded).astype(np.int64) - colours(read)).max()
                assert furthest <= (0 if name in LOSSLESS else 2), name
                assert [element.tag for element in decoded] == [element.tag for element in read]
            single = await archive.get(url, f"application/dicom; transfer-syntax={EXPLICIT}")
            assert single.content == sent
            await archive.client.delete(archive.url + study)  # several files have the same UIDs


def colours(read: pydicom.Dataset) -> NDArray[Any]:
    return np.asarray(read.pixel_array if read.SamplesPerPixel == 1 else pixel_array(read, as_rgb=True))


async def test_who_names_no_transfer_syntax_gets_what_lost_nothing_decoded(archive: Archive) -> None:
    for name in (LOSSLESS[2], LOSSY[0]):
        url, _ = await store(archive, name)
        answer = await archive.get(url)
        (sent,) = await parts_of(answer)
        syntax = pydicom.dcmread(io.BytesIO(sent)).file_meta.TransferSyntaxUID
        assert (syntax == EXPLICIT) == (name in LOSSLESS)
        assert f"Content-Type: application/dicom; transfer-syntax={syntax}\r\n".encode() in answer.content
        assert await parts_of(await archive.get(url, accept("*"))) == [wheel_file(name).read_bytes()]


async def test_a_file_whose_last_frame_is_damaged_is_refused_whole_not_broken_off(archive: Archive) -> None:
    damaged = pydicom.dcmread(wheel_file("SC_rgb_rle_2frame.dcm"))
    frames = list(pydicom.encaps.generate_frames(damaged.PixelData, number_of_frames=damaged.NumberOfFrames))
    damaged.PixelData = pydicom.encaps.encapsulate([*frames[:-1], frames[-1][:64] + b"\x01" * (len(frames[-1]) - 64)])
    await archive.store(encode(damaged))
    url = f"/studies/{damaged.StudyInstanceUID}"
    answer = await archive.get(url, accept(EXPLICIT))
    assert (answer.status_code, "damaged" in answer.text) == (406, True)
    (sent,) = await parts_of(await archive.get(url))
    assert pydicom.dcmread(io.BytesIO(sent)).PixelData == damaged.PixelData


async def test_a_transfer_syntax_that_the_object_cannot_have_is_406(archive: Archive) -> None:
    url, _ = await store(archive, "JPEG2000.dcm")
    assert (await archive.get(url, accept("1.2.840.10008.1.2.4.50"))).status_code == 406
    assert (await archive.get(url, accept(IMPLICIT))).status_code == 406
    assert (await archive.get(url, accept(IMPLICIT) + "," + accept("*"))).status_code == 200


async def test_only_what_has_its_pixels_in_one_place_is_decoded(archive: Archive) -> None:
    elsewhere = dataset(SOPInstanceUID="1.2.3.1.1.2", PixelDataProviderURL="https://pixels.example/1")
    elsewhere.file_meta.TransferSyntaxUID = JPIPHTJ2KReferenced
    icon = with_icon("MR_small_RLE.dcm")
    await archive.store(compressed(), encode(elsewhere), encode(icon))
    uids = ["1.2.3.1.1.1", "1.2.3.1.1.2", str(icon.SOPInstanceUID)]
    found = {one["00080018"]["Value"][0]: one["00081190"]["Value"][0] for one in await archive.search("/instances")}
    headers = {"accept": f"application/dicom; transfer-syntax={EXPLICIT}"}
    statuses = [(await archive.client.get(found[uid], headers=headers)).status_code for uid in uids]
    assert statuses == [200, 406, 406]
