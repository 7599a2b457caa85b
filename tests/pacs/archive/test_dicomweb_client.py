"""A client that nobody here wrote, against every service that it knows, over a real socket."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from PIL import Image

from pacs.archive.options import ArchiveOptions
from tests.pacs.archive.samples import instance, wheel_file
from tests.pacs.archive.serving import running

CT = pydicom.dcmread(wheel_file("CT_small.dcm"))
RLE = pydicom.dcmread(wheel_file("SC_rgb_rle_2frame.dcm"))
Uids = tuple[str, str, str]


def uids_of(read: pydicom.Dataset) -> Uids:
    return read.StudyInstanceUID, read.SeriesInstanceUID, read.SOPInstanceUID


def search(client: DICOMwebClient) -> None:
    study, series, image = uids_of(CT)
    (found,) = client.search_for_studies(
        search_filters={"PatientID": CT.PatientID}, fields=["StudyDescription"], limit=5
    )
    assert pydicom.Dataset.from_json(found).StudyInstanceUID == study
    assert len(client.search_for_studies(get_remaining=True)) == 2
    assert len(client.search_for_studies(limit=1, offset=1)) == 1
    assert client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == []
    assert len(client.search_for_series()) == 2
    assert [one["0020000E"]["Value"] for one in client.search_for_series(study)] == [[series]]
    assert len(client.search_for_instances()) == 2
    assert len(client.search_for_instances(study)) == 1
    (row,) = client.search_for_instances(study, series, search_filters={"SOPInstanceUID": image})
    assert row["00080018"]["Value"] == [image]


def retrieve(client: DICOMwebClient) -> None:
    study, series, image = uids_of(CT)
    assert client.retrieve_instance(study, series, image) == CT
    assert client.retrieve_instance(study, series, image, media_types=(("application/dicom", "*"),)) == CT
    assert client.retrieve_study(study) == client.retrieve_series(study, series) == [CT]
    assert list(client.iter_study(study)) == list(client.iter_series(study, series)) == [CT]
    (decoded,) = client.retrieve_study(RLE.StudyInstanceUID)
    assert decoded.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(decoded.pixel_array, RLE.pixel_array)
    stored = client.retrieve_instance(*uids_of(RLE), media_types=(("application/dicom", "1.2.840.10008.1.2.5"),))
    assert stored == RLE


def metadata(client: DICOMwebClient) -> None:
    study, series, image = uids_of(CT)
    (found,) = client.retrieve_study_metadata(study)
    assert client.retrieve_series_metadata(study, series) == [found]
    assert client.retrieve_instance_metadata(study, series, image) == found
    assert pydicom.Dataset.from_json(found, bulk_data_uri_handler=lambda _uri: None).PatientName == CT.PatientName


def frames_and_bulk_data(client: DICOMwebClient) -> None:
    assert client.retrieve_instance_frames(*uids_of(CT), frame_numbers=[1]) == [CT.PixelData]
    first, second = (frame.tobytes() for frame in RLE.pixel_array)
    assert client.retrieve_instance_frames(*uids_of(RLE), frame_numbers=[2, 1]) == [second, first]
    assert list(client.iter_instance_frames(*uids_of(RLE), frame_numbers=[1, 2])) == [first, second]
    compressed = list(pydicom.encaps.generate_frames(RLE.PixelData, number_of_frames=2))
    kinds: Any = (("image/dicom-rle", "1.2.840.10008.1.2.5"),)
    assert client.retrieve_instance_frames(*uids_of(RLE), frame_numbers=[1, 2], media_types=kinds) == compressed
    octets: Any = ("application/octet-stream",)
    assert client.retrieve_instance_frames(*uids_of(RLE), frame_numbers=[2], media_types=octets) == [second]
    url = client.retrieve_instance_metadata(*uids_of(RLE))["7FE00010"]["BulkDataURI"]
    assert client.retrieve_bulkdata(url) == list(client.iter_bulkdata(url)) == [first + second]
    assert client.retrieve_bulkdata(url, media_types=kinds) == compressed
    url = client.retrieve_instance_metadata(*uids_of(CT))["7FE00010"]["BulkDataURI"]
    assert client.retrieve_bulkdata(url) == [CT.PixelData]


def pictures(client: DICOMwebClient) -> None:
    study, series, image = uids_of(CT)
    kinds = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
    wanted = {"viewport": "64,64", "window": "40,400,linear"}
    for kind, name in kinds.items():
        for shown in (
            client.retrieve_instance_rendered(study, series, image, (kind,), wanted),
            client.retrieve_instance_frames_rendered(study, series, image, [1], (kind,), wanted),
            client.retrieve_series_rendered(study, series, (kind,), wanted),
        ):
            picture = Image.open(io.BytesIO(shown))
            assert (picture.format, picture.size) == (name, (64, 64))
    assert client.retrieve_instance_rendered(study, series, image)  # whatever the server likes best


def store_and_delete(client: DICOMwebClient) -> None:
    files = [instance(SOPInstanceUID=f"1.2.3.1.{s}.{n}", SeriesInstanceUID=f"1.2.3.1.{s}") for s, n in NEW]
    made = [pydicom.dcmread(io.BytesIO(file)) for file in files]
    answer = client.store_instances(made)
    assert len(answer.ReferencedSOPSequence) == len(made)
    assert "FailedSOPSequence" not in answer
    assert len(client.store_instances(made[:1], study_instance_uid="1.2.3.1").ReferencedSOPSequence) == 1
    with pytest.raises(requests.HTTPError, match="409"):
        client.store_instances(made[:1], study_instance_uid="1.2.9")
    client.delete_instance("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1")
    assert instances(client) == {"1.2.3.1.1.2", "1.2.3.1.2.1", "1.2.3.1.3.1"}
    client.delete_instance("1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.2")
    (study,) = client.search_for_studies(search_filters={"StudyInstanceUID": "1.2.3.1"})
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [2])
    client.delete_series("1.2.3.1", "1.2.3.1.2")
    assert instances(client) == {"1.2.3.1.3.1"}
    client.delete_study("1.2.3.1")
    with pytest.raises(requests.HTTPError, match="404"):
        client.retrieve_study("1.2.3.1")


NEW = [(1, 1), (1, 2), (2, 1), (3, 1)]


def instances(client: DICOMwebClient) -> set[str]:
    return {row["00080018"]["Value"][0] for row in client.search_for_instances("1.2.3.1")}


SERVICES: list[Callable[[DICOMwebClient], None]] = [
    search,
    retrieve,
    metadata,
    frames_and_bulk_data,
    pictures,
    store_and_delete,
]


async def test_a_client_that_nobody_here_wrote_is_pleased_with_every_service(tmp_path: Path) -> None:
    async with running(ArchiveOptions(data_dir=tmp_path, allow_delete=True)) as archive:
        client = DICOMwebClient(archive.url)
        await asyncio.to_thread(client.store_instances, [CT, RLE])
        for service in SERVICES:
            await asyncio.to_thread(service, client)
