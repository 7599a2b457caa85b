"""A standard DICOMweb client, pointed at the view of an opened link."""

import asyncio

import httpx
import numpy as np
import pydicom
import requests
from dicomweb_client import DICOMwebClient

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.graph.viewer_links import created, stored
from tests.samples import Exam, file, sample


async def test_dicomweb_client_reads_the_study(base_url: str) -> None:
    exam = Exam()
    dataset = pydicom.dcmread(file("CT_small.dcm"))
    dataset.StudyInstanceUID, dataset.PatientID = exam.study, exam.patient_id
    dataset.SOPInstanceUID = new_uid()
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as http:
        api = Api(http)
        (image, _) = await stored(api, exam, sample(dataset), exam.image())
        url = (await created(api, exam.study, role="DIAGNOSTIC"))["url"]

    await asyncio.to_thread(_browse, base_url, url, image.study, image.series, image.instance)


def _browse(base_url: str, url: str, study: str, series: str, instance: str) -> None:
    session = requests.Session()
    session.get(url, timeout=30).raise_for_status()
    client = DICOMwebClient(f"{base_url}/viewer/dicomweb", session=session)
    stored_pixels = pydicom.dcmread(file("CT_small.dcm")).pixel_array

    assert [found["0020000D"]["Value"] for found in client.search_for_studies()] == [[study]]
    assert len(client.search_for_series(study)) == 2
    assert len(client.search_for_instances(study)) == 2
    assert len(client.search_for_instances(study, series, search_filters={"SOPInstanceUID": instance})) == 1
    assert client.retrieve_instance_metadata(study, series, instance)["00280010"]["Value"] == [128]
    assert len(client.retrieve_study_metadata(study)) == 2
    assert np.array_equal(client.retrieve_instance(study, series, instance).pixel_array, stored_pixels)
    assert len(client.retrieve_study(study)) == 2
    (frame,) = client.retrieve_instance_frames(study, series, instance, [1])
    assert frame == stored_pixels.tobytes()
    assert client.retrieve_instance_rendered(study, series, instance, media_types=("image/jpeg",)).startswith(
        b"\xff\xd8"
    )
