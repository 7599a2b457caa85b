import io
from pathlib import Path

import httpx
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image

from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import dataset, encode, instance, wheel_file
from tests.pacs.archive.serving import Archive, parts_of, running
from tests.pacs.archive.test_wado import store


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def pixels(answer: httpx.Response) -> NDArray[np.uint8]:
    return np.asarray(opened(answer))


async def test_every_level_is_shown_in_every_type(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    for level in (url, f"{url}/frames/1", url.split("/instances")[0], url.split("/series")[0]):
        for resource in ("rendered", "thumbnail"):
            for kind in ("jpeg", "png", "gif"):
                answer = await archive.get(f"{level}/{resource}", f"image/{kind}", viewport="64,64")
                assert answer.headers["content-type"] == f"image/{kind}"
                assert answer.headers["vary"] == "accept"
                assert (opened(answer).format, opened(answer).size) == (kind.upper(), (64, 64)), level
    assert (await archive.get(f"{url}/rendered")).headers["content-type"] == "image/jpeg"


async def test_a_picture_says_nothing_of_the_patient(archive: Archive) -> None:
    url, read = await store(archive, "CT_small.dcm")
    identifiers = [str(read[name].value).encode() for name in ("PatientName", "PatientID", "StudyInstanceUID")]
    for kind in ("jpeg", "png", "gif"):
        for resource in ("thumbnail", "rendered?annotation=patient,technique"):
            answer = await archive.get(f"{url}/{resource}", f"image/{kind}")
            assert not any(identifier in answer.content for identifier in identifiers)
            assert opened(answer).info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"} | {
                "version",
                "background",
                "duration",
                "extension",
            }
            assert not any(identifier in str(answer.headers).encode() for identifier in identifiers)


async def test_a_region_is_cut_out_flipped_and_fitted(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")

    async def shown(viewport: str) -> NDArray[np.uint8]:
        return pixels(await archive.get(f"{url}/rendered", "image/png", viewport=viewport, window="40,400,linear"))

    whole = await shown("128,128")
    part = whole[20:52, 16:80]
    assert np.array_equal(await shown("64,32,16,20,64,32"), part)
    assert np.array_equal(await shown("64,32,16,20,-64,32"), part[:, ::-1])
    assert np.array_equal(await shown("64,32,16,20,64,-32"), part[::-1])
    assert np.array_equal(await shown("64,32,16,20,-64,-32"), part[::-1, ::-1])
    assert np.array_equal(await shown("128,128,,,-128,"), whole[:, ::-1])
    assert np.array_equal(await shown("28,128,100"), whole[:, 100:])
    assert np.array_equal(await shown("8,8,120,120,900,900"), whole[120:, 120:])
    assert (await shown("256,256,16,20,64,32")).shape == (128, 256)


async def test_the_function_of_a_window_makes_a_difference(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    shown = [
        pixels(await archive.get(f"{url}/rendered", "image/png", window=f"40,60,{function}"))
        for function in ("linear", "LINEAR-EXACT", "sigmoid")
    ]
    assert not np.array_equal(shown[0], shown[1])
    assert not np.array_equal(shown[1], shown[2])


WRONG: list[dict[str, str]] = [
    {"viewport": "a,b"},
    {"viewport": "1"},
    {"viewport": "64,64,1,2,3,4,5"},
    {"viewport": "64,64,128,0,1,1"},
    {"viewport": "64,64,-1,0,1,1"},
    {"viewport": "64,64,0,0,0,1"},
    {"viewport": "64,64,nan,0,1,inf"},
    {"viewport": "0,64"},
    {"quality": "0"},
    {"window": "x"},
    {"window": "40,400,cubic"},
    {"annotation": "measurements"},
    {"iccprofile": "mine"},
]


async def test_wrong_parameters_are_400(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    for parameters in WRONG:
        assert (await archive.get(f"{url}/rendered", **parameters)).status_code == 400, parameters
    assert (await archive.get(f"{url}/thumbnail", viewport="64,64,1,1,2,2")).status_code == 400


async def test_what_is_understood_but_not_done_is_warned_of(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    answer = await archive.get(f"{url}/rendered", annotation="patient,technique", iccprofile="srgb", unknown="1")
    assert answer.headers["warning"] == (
        "299 dicom-graph: The following annotation values are not supported: patient technique, "
        "299 dicom-graph: The iccprofile parameter is not supported"
    )
    assert "warning" not in (await archive.get(f"{url}/rendered", iccprofile="no")).headers


async def test_what_has_no_picture_or_not_in_that_type_is_406_and_no_such_frame_404(archive: Archive) -> None:
    await archive.store(instance())
    assert (await archive.get("/studies/1.2.3.1/thumbnail")).status_code == 406
    url, _ = await store(archive, "CT_small.dcm")
    assert (await archive.get(f"{url}/rendered", "application/dicom")).status_code == 406
    assert (await archive.get(f"{url}/frames/2/rendered")).status_code == 404
    assert (await archive.get(f"{url}/frames/0/rendered")).status_code == 400


async def test_an_encapsulated_pdf_is_rendered_as_what_it_is(archive: Archive) -> None:
    pdf = b"%PDF-1.4\n% a report of one page\n%%EOF\n"
    document = dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", MIMETypeOfEncapsulatedDocument="application/pdf")
    document.EncapsulatedDocument = pdf
    await archive.store(encode(document))
    url = "/studies/1.2.3.1/series/1.2.3.1.1/instances/1.2.3.1.1.1"
    for accept in (None, "application/pdf", "image/jpeg;q=0.5, application/pdf"):
        answer = await archive.get(f"{url}/rendered", accept)
        assert (answer.headers["content-type"], answer.content.rstrip(b"\0")) == ("application/pdf", pdf)
    assert (await archive.get(f"{url}/rendered", "image/jpeg")).status_code == 406
    assert (await archive.get(f"{url}/thumbnail")).status_code == 406


async def test_several_frames_are_a_picture_each(archive: Archive) -> None:
    url, _ = await store(archive, "SC_rgb_rle_2frame.dcm")
    answer = await archive.get(f"{url}/frames/2,1/rendered", 'multipart/related; type="image/png"')
    alone = [(await archive.get(f"{url}/frames/{number}/rendered", "image/png")).content for number in (2, 1)]
    assert await parts_of(answer) == alone
    (one,) = await parts_of(await archive.get(f"{url}/frames/1/rendered", 'multipart/related; type="image/png"'))
    assert one == alone[1]
    assert (await archive.get(f"{url}/frames/2,1/rendered", "image/png")).status_code == 406
    assert (await archive.get(f"{url}/frames/3,1/rendered")).status_code == 404
    thumbnail = await archive.get(f"{url}/frames/2,1/thumbnail")
    assert thumbnail.content == (await archive.get(f"{url}/frames/2/thumbnail", "image/jpeg")).content


async def test_the_only_picture_of_a_study_is_found_wherever_it_lies(archive: Archive) -> None:
    ct = pydicom.dcmread(wheel_file("CT_small.dcm"))
    same = {"StudyInstanceUID": ct.StudyInstanceUID, "PatientID": ct.PatientID}
    ct.SeriesNumber = 3
    without = [
        instance(
            **same, SeriesInstanceUID=f"1.2.3.1.{number}", SOPInstanceUID=f"1.2.3.1.{number}.1", SeriesNumber=number
        )
        for number in (1, 2, 4, 5, 6, 7, 8)
    ]
    await archive.store(encode(ct), *without)
    assert (await archive.get(f"/studies/{ct.StudyInstanceUID}/thumbnail")).status_code == 200


async def test_deleting_is_off_unless_allowed(archive: Archive) -> None:
    await archive.store(instance())
    answer = await archive.client.delete(f"{archive.url}/studies/1.2.3.1")
    assert answer.status_code == 403
    assert len(await archive.search("/studies")) == 1


async def test_what_is_deleted_is_gone_with_its_files_and_can_come_again(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path, allow_delete=True)) as archive:
        await archive.store(instance(), instance(SOPInstanceUID="1.2.3.1.2.1", SeriesInstanceUID="1.2.3.1.2"))
        assert (await archive.client.delete(f"{archive.url}/studies/1.2.3.1/series/1.2.3.1.1")).status_code == 204
        (study,) = await archive.search("/studies")
        assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([1], [1])
        assert (await archive.client.delete(f"{archive.url}/studies/1.2.3.1")).status_code == 204
        assert (await archive.client.delete(f"{archive.url}/studies/1.2.3.1")).status_code == 404
        assert await archive.search("/studies") == []
        assert list((tmp_path / "files").rglob("*.dcm")) == []
        assert (await archive.store(instance())).status_code == 200
