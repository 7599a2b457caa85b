from pathlib import Path
from xml.etree import ElementTree

import pydicom
import pytest

from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import Archive, parts_of

ALL = 'multipart/related; type="application/dicom"; transfer-syntax=*'


async def store(archive: Archive, name: str) -> tuple[str, pydicom.Dataset]:
    path = wheel_file(name)
    assert (await archive.store(path.read_bytes())).status_code == 200
    read = pydicom.dcmread(path)
    study = f"/studies/{read.StudyInstanceUID}/series/{read.SeriesInstanceUID}"
    return f"{study}/instances/{read.SOPInstanceUID}", read


@pytest.mark.parametrize("accept", [None, ALL, "*/*", "multipart/*"])
async def test_what_was_compressed_with_loss_comes_as_stored_by_default(archive: Archive, accept: str | None) -> None:
    url, _ = await store(archive, "JPEG2000.dcm")
    assert await parts_of(await archive.get(url, accept)) == [wheel_file("JPEG2000.dcm").read_bytes()]


async def test_one_object_can_be_had_without_parts(archive: Archive) -> None:
    url, read = await store(archive, "JPEG2000.dcm")
    answer = await archive.get(url, "application/dicom; transfer-syntax=*")
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={read.file_meta.TransferSyntaxUID}"
    assert answer.content == wheel_file("JPEG2000.dcm").read_bytes()
    await archive.store(instance(SOPInstanceUID="1.2.3.1.1.1"), instance(SOPInstanceUID="1.2.3.1.1.2"))
    assert (await archive.get("/studies/1.2.3.1", "application/dicom")).status_code == 406


async def test_objects_and_pictures_at_once_are_a_bad_request(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    assert (await archive.get(url, "application/dicom, image/png")).status_code == 400


@pytest.mark.parametrize("path", ["/studies/1.9", "/studies/1.9/metadata", "/studies/1.9/series/1.9/instances/1.9"])
async def test_what_is_not_there_is_404_and_what_is_no_uid_400(archive: Archive, path: str) -> None:
    assert (await archive.get(path)).status_code == 404
    assert (await archive.get(path.replace("1.9", "..x"))).status_code == 400


async def test_what_is_not_served_is_406(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    assert (await archive.get(url, "application/dicom+xml")).status_code == 406
    assert (await archive.get(f"{url}/metadata", "application/dicom+xml")).status_code == 406
    assert (await archive.get(f"{url}/bulkdata/7FE00010", "image/png")).status_code == 406


async def test_a_head_is_what_a_get_begins_with(archive: Archive) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    for path in (url, f"{url}/metadata", f"{url}/frames/1", f"{url}/rendered", "/studies"):
        whole, head = await archive.get(path), await archive.client.head(archive.url + path)
        differing = {"date", "content-type", "transfer-encoding"}  # a boundary is another each time
        assert head.content == b""
        assert {name: value for name, value in head.headers.items() if name not in differing} == {
            name: value for name, value in whole.headers.items() if name not in differing
        }
    assert (await archive.client.head(f"{archive.url}/studies/1.9")).status_code == 404


async def test_metadata_and_matches_come_in_xml_to_those_who_prefer_it(archive: Archive) -> None:
    await archive.store(*(instance(SOPInstanceUID=f"1.2.3.1.1.{n}", InstanceNumber=n) for n in (2, 1)))
    xml = 'multipart/related; type="application/dicom+xml"'
    for path in ("/studies/1.2.3.1/metadata", "/studies/1.2.3.1/instances"):
        parts = await parts_of(await archive.get(path, xml))
        found = [ElementTree.fromstring(part).find(".//*[@tag='00080018']/*") for part in parts]
        assert [value is not None and value.text for value in found] == ["1.2.3.1.1.1", "1.2.3.1.1.2"]
        both = await archive.get(path, f"{xml}; q=0.5, application/dicom+json")
        assert both.headers["content-type"] == "application/dicom+json"
    assert (await archive.get("/studies", xml, PatientID="NOBODY")).status_code == 204


async def test_metadata_of_a_series_is_in_order_with_complete_references(archive: Archive) -> None:
    await archive.store(*(instance(SOPInstanceUID=f"1.2.3.1.1.{n}", InstanceNumber=n) for n in (3, 1, 2)))
    found = (await archive.get("/studies/1.2.3.1/series/1.2.3.1.1/metadata")).json()
    assert [one["00200013"]["Value"][0] for one in found] == [1, 2, 3]
    url, _ = await store(archive, "MR_small.dcm")
    (mr,) = (await archive.get(f"{url}/metadata")).json()
    assert mr["7FE00010"]["BulkDataURI"] == f"{archive.url}{url}/bulkdata/7FE00010"


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
async def test_bulk_data_is_in_little_endian_words_however_it_is_stored(archive: Archive, name: str) -> None:
    url, _ = await store(archive, name)
    answer = await archive.get(f"{url}/bulkdata/7FE00010", "application/octet-stream")
    expected = wheel_file("MR_small.dcm") if name.startswith("MR") else wheel_file(name)
    assert answer.content == pydicom.dcmread(expected).PixelData
    assert await parts_of(await archive.get(f"{url}/bulkdata/7FE00010")) == [answer.content]


async def test_bulk_data_within_a_sequence_is_found_by_its_path(archive: Archive) -> None:
    url, read = await store(archive, "examples_overlay.dcm")
    answer = await archive.get(f"{url}/bulkdata/00880200/0/7FE00010", "application/octet-stream")
    assert answer.content == read.IconImageSequence[0].PixelData
    for missing in ("00880200/1/7FE00010", "00880200", "7FE00011", "x/y", ""):
        assert (await archive.get(f"{url}/bulkdata/{missing}")).status_code == 404


async def test_a_file_that_is_gone_or_cut_is_a_clear_error(archive: Archive, data_dir: Path) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    (path,) = (data_dir / "files").rglob("*.dcm")
    path.write_bytes(path.read_bytes()[:-1])
    answer = await archive.get(url)
    assert (answer.status_code, "damaged" in answer.text) == (500, True)
    path.unlink()
    assert (await archive.get(url)).status_code == 500
    assert (await archive.get(f"{url}/bulkdata/7FE00010")).status_code == 500
    assert (await archive.get(f"{url}/metadata")).status_code == 200
