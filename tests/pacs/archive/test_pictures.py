import asyncio
import io
from pathlib import Path

import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image

from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import instance
from tests.pacs.archive.serving import Archive, running
from tests.pacs.archive.test_wado import store


@pytest.mark.parametrize("resource", ["rendered", "thumbnail", "frames/1/rendered", "frames/1/thumbnail"])
async def test_an_instance_is_shown_at_every_resource(archive: Archive, resource: str) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    answer = await archive.get(f"{url}/{resource}", "image/jpeg", viewport="64,64")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)


async def test_studies_and_series_are_shown_too_in_the_type_that_is_asked_for(archive: Archive) -> None:
    url, _ = await store(archive, "MR_small.dcm")
    study, series = url.split("/series")[0], url.split("/instances")[0]
    for resource in (f"{study}/thumbnail", f"{series}/rendered"):
        for kind in ("jpeg", "png", "gif"):
            answer = await archive.get(resource, f"image/{kind}", window="500,800,linear", quality=80)
            assert answer.headers["content-type"] == f"image/{kind}"
            assert Image.open(io.BytesIO(answer.content)).format == kind.upper()


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({"viewport": "a,b"}, 400), ({"viewport": "1"}, 400), ({"quality": "0"}, 400), ({"window": "x"}, 400)],
)
async def test_wrong_parameters_are_400(archive: Archive, parameters: dict[str, str], status: int) -> None:
    url, _ = await store(archive, "CT_small.dcm")
    assert (await archive.get(f"{url}/rendered", **parameters)).status_code == status


async def test_what_has_no_picture_or_not_in_that_type_is_406(archive: Archive) -> None:
    await archive.store(instance())
    assert (await archive.get("/studies/1.2.3.1/thumbnail")).status_code == 406
    url, _ = await store(archive, "CT_small.dcm")
    assert (await archive.get(f"{url}/rendered", "application/dicom")).status_code == 406


async def test_a_client_that_nobody_here_wrote_gets_frames_and_pictures(archive: Archive) -> None:
    _, read = await store(archive, "CT_small.dcm")
    uids = read.StudyInstanceUID, read.SeriesInstanceUID, read.SOPInstanceUID
    client = DICOMwebClient(archive.url)

    def talk() -> None:
        assert client.retrieve_instance_frames(*uids, frame_numbers=[1]) == [read.PixelData]
        picture = client.retrieve_instance_rendered(*uids, media_types=("image/png",))
        assert Image.open(io.BytesIO(picture)).size == (128, 128)

    await asyncio.to_thread(talk)


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
