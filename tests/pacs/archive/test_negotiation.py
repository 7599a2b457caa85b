import io

import pydicom
import pytest
from PIL import Image

from pacs.archive.transcoding import explicit_little_endian
from tests.pacs.archive.samples import wheel_file
from tests.pacs.archive.serving import Archive, parts_of
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
async def test_implicit_vr_and_big_endian_are_sent_only_to_those_who_take_anything(archive: Archive, name: str) -> None:
    url, read = await store(archive, name)
    assert await parts_of(await archive.get(url, accept("*"))) == [wheel_file(name).read_bytes()]
    for wanted in (None, accept(EXPLICIT)):
        (sent,) = await parts_of(await archive.get(url, wanted))
        recoded = pydicom.dcmread(io.BytesIO(sent))
        assert recoded.file_meta.TransferSyntaxUID == EXPLICIT
        assert recoded.PixelData == pydicom.dcmread(wheel_file("MR_small.dcm")).PixelData
        assert recoded.PatientName == read.PatientName


async def test_a_transfer_syntax_that_the_object_cannot_have_is_406(archive: Archive) -> None:
    url, _ = await store(archive, "JPEG2000.dcm")
    assert (await archive.get(url, accept(EXPLICIT))).status_code == 406
    assert (await archive.get(url, accept(IMPLICIT))).status_code == 406
    assert (await archive.get(url, accept(IMPLICIT) + "," + accept("*"))).status_code == 200


async def wado(archive: Archive, read: pydicom.Dataset, **parameters: str) -> tuple[int, bytes, str]:
    query = {
        "requestType": "WADO",
        "studyUID": read.StudyInstanceUID,
        "seriesUID": read.SeriesInstanceUID,
        "objectUID": read.SOPInstanceUID,
        **parameters,
    }
    answer = await archive.client.get(archive.url.replace("/dicom-web", "/wado"), params=query)
    return answer.status_code, answer.content, answer.headers["content-type"]


async def test_wado_uri_gives_the_object_or_a_picture(archive: Archive) -> None:
    _, read = await store(archive, "CT_small.dcm")
    whole = await wado(archive, read, contentType="application/dicom")
    assert whole == (200, wheel_file("CT_small.dcm").read_bytes(), "application/dicom")
    status, body, kind = await wado(archive, read, rows="32", columns="32", windowCenter="40", windowWidth="400")
    assert (status, kind) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(body)).size == (32, 32)
    assert (await wado(archive, read, contentType="image/png", frameNumber="1"))[2] == "image/png"


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"requestType": "X"}, 400),
        ({"objectUID": ""}, 400),
        ({"objectUID": "1.2.9"}, 404),
        ({"anonymize": "yes"}, 400),
        ({"windowCenter": "40"}, 400),
        ({"frameNumber": "0"}, 400),
        ({"rows": "x"}, 400),
        ({"contentType": "application/dicom", "rows": "5"}, 400),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406),
        ({"contentType": "video/mpeg"}, 406),
    ],
)
async def test_wado_uri_tells_what_is_wrong(archive: Archive, parameters: dict[str, str], status: int) -> None:
    _, read = await store(archive, "CT_small.dcm")
    assert (await wado(archive, read, **parameters))[0] == status
