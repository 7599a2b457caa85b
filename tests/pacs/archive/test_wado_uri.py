"""The URI service (PS3.18 ch. 9): one object as DICOM or as a picture, and what is refused."""

import io

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.pacs.archive.samples import wheel_file
from tests.pacs.archive.serving import Archive
from tests.pacs.archive.test_wado import store

EXPLICIT = "1.2.840.10008.1.2.1"
DICOM = "application/dicom"


async def wado(archive: Archive, read: pydicom.Dataset, **parameters: str) -> httpx.Response:
    query = {
        "requestType": "WADO",
        "studyUID": read.StudyInstanceUID,
        "seriesUID": read.SeriesInstanceUID,
        "objectUID": read.SOPInstanceUID,
        **parameters,
    }
    return await archive.client.get(archive.url.replace("/dicom-web", "/wado"), params=query)


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


async def test_the_object_comes_in_the_transfer_syntax_that_is_asked_for(archive: Archive) -> None:
    _, read = await store(archive, "SC_rgb_rle_2frame.dcm")
    for asked in ({}, {"transferSyntax": EXPLICIT}):
        answer = await wado(archive, read, contentType=DICOM, **asked)
        assert answer.headers["content-type"] == f"{DICOM}; transfer-syntax={EXPLICIT}"
        decoded = pydicom.dcmread(io.BytesIO(answer.content))
        assert np.array_equal(decoded.pixel_array, read.pixel_array)
    stored = await wado(archive, read, contentType=DICOM, transferSyntax=read.file_meta.TransferSyntaxUID)
    assert stored.content == wheel_file("SC_rgb_rle_2frame.dcm").read_bytes()
    assert int(stored.headers["content-length"]) == len(stored.content)


async def test_a_picture_has_the_size_region_window_frame_and_type_that_are_asked_for(archive: Archive) -> None:
    _, read = await store(archive, "CT_small.dcm")
    assert picture(await wado(archive, read)).format == "JPEG"
    sized = picture(await wado(archive, read, rows="32", windowCenter="40", windowWidth="400", charset="UTF-8"))
    assert sized.size == (32, 32)
    assert picture(await wado(archive, read, rows="64", columns="16")).size == (16, 16)
    whole = np.asarray(picture(await wado(archive, read, contentType="image/png", frameNumber="1")))
    part = picture(await wado(archive, read, contentType="image/png", region="0.25,0.5,0.75,1.0"))
    assert np.array_equal(np.asarray(part), whole[64:, 32:96])
    best, worst = [len((await wado(archive, read, imageQuality=quality)).content) for quality in ("100", "5")]
    assert best > 2 * worst
    annotated = await wado(archive, read, annotation="patient")
    assert "annotation" in annotated.headers["warning"]


WRONG: list[tuple[dict[str, str], int, str]] = [
    ({"requestType": "X"}, 400, "requestType"),
    ({"objectUID": ""}, 400, "objectUID"),
    ({"seriesUID": "x"}, 400, "seriesUID"),
    ({"objectUID": "1.2.9"}, 404, "no such object"),
    ({"anonymize": "yes"}, 400, "anonymize"),
    ({"presentationUID": "1.2"}, 400, "presentationUID"),
    ({"presentationSeriesUID": "1.2"}, 400, "presentationSeriesUID"),
    ({"windowCenter": "40"}, 400, "go together"),
    ({"windowCenter": "x", "windowWidth": "1"}, 400, "parameters"),
    ({"frameNumber": "0"}, 400, "count from 1"),
    ({"frameNumber": "2"}, 400, "no frame"),
    ({"rows": "x"}, 400, "parameters"),
    ({"rows": "-1"}, 400, "viewport"),
    ({"region": "0,0,1"}, 400, "region"),
    ({"region": "0.5,0,0.5,1"}, 400, "region"),
    ({"region": "0,0,2,1"}, 400, "region"),
    ({"imageQuality": "101"}, 400, "quality"),
    ({"annotation": "all"}, 400, "annotation"),
    ({"transferSyntax": EXPLICIT}, 400, "transferSyntax"),
    ({"contentType": DICOM, "rows": "5"}, 400, "rows"),
    ({"contentType": f"{DICOM},image/png"}, 400, "not for both"),
    ({"contentType": DICOM, "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406, "transfer syntax"),
    ({"contentType": DICOM, "transferSyntax": "1.2.840.10008.1.2"}, 406, "transfer syntax"),
    ({"contentType": "video/mpeg"}, 406, "served here"),
]


@pytest.mark.parametrize(
    ("accept", "asked", "given"),
    [
        ("*/*", {}, "image/jpeg"),
        ("image/png, */*;q=0.5", {}, "image/png"),
        (DICOM, {}, DICOM),
        ("text/html", {}, None),
        (DICOM, {"contentType": "image/gif"}, "image/gif"),
        ("*/*", {"contentType": "image/png,image/jpeg", "rows": ""}, "image/png"),
        ("image/png", {"contentType": "", "columns": ""}, "image/png"),
    ],
)
async def test_who_names_no_content_type_gets_what_the_header_accepts(
    archive: Archive, accept: str, asked: dict[str, str], given: str | None
) -> None:
    _, read = await store(archive, "CT_small.dcm")
    archive.client.headers["accept"] = accept
    answer = await wado(archive, read, **asked)
    if given is None:
        assert answer.status_code == 406
        return
    assert answer.headers["content-type"].partition(";")[0] == given
    if given != DICOM:
        assert picture(answer).size == (128, 128)


async def test_what_is_wrong_or_not_offered_is_told(archive: Archive) -> None:
    _, read = await store(archive, "CT_small.dcm")
    for parameters, status, told in WRONG:
        answer = await wado(archive, read, **parameters)
        assert (answer.status_code, told in answer.text) == (status, True), (parameters, answer.text)
