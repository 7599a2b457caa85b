"""Files, thumbnails and offline media over REST, and thumbnails in GraphQL."""

import base64
import io
import zipfile

import pydicom
import pytest
from PIL import Image

from pacs.uids import new_uid
from tests.graph.api import Api
from tests.samples import Exam, Sample, file, sample

THUMBNAIL = """query ($p: String!, $size: Int! = 256) { studies(patientID: $p) { nodes { mediaURL series { instances {
  sopInstanceUID thumbnail(size: $size) { url contentType dataURI } } } } } }"""


def path_of(image: Sample, level: str = "instance") -> str:
    return f"/exams/studies/{image.study}/series/{image.series}/{level}/{image.instance}"


@pytest.fixture
async def image(api: Api) -> Sample:
    image = Exam().image()
    await api.upload(image.content)
    return image


@pytest.mark.parametrize("level", ["instance", "instances"])
async def test_the_file_comes_back_as_it_was_sent(api: Api, image: Sample, level: str) -> None:
    response = await api.http.get(path_of(image, level), params={"fileType": "application/dicom"})

    assert response.status_code == 200
    assert response.content == image.content
    assert response.headers["content-type"] == "application/dicom"
    assert response.headers["content-disposition"] == f'attachment; filename="{image.instance}.dcm"'
    assert "private" in response.headers["cache-control"]


@pytest.mark.parametrize("file_type", ["application/dicom", "image/jpeg"])
async def test_who_has_it_is_told_so(api: Api, image: Sample, file_type: str) -> None:
    first = await api.http.get(path_of(image), params={"fileType": file_type})

    etag = first.headers["etag"]
    again = await api.http.get(
        path_of(image), params={"fileType": file_type}, headers={"If-None-Match": f'"x", W/{etag}'}
    )

    assert (again.status_code, again.content) == (304, b"")
    head = await api.http.head(path_of(image), params={"fileType": file_type})
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", file_type)


async def test_a_thumbnail_is_a_jpeg_of_the_size_asked_for(api: Api, image: Sample) -> None:
    response = await api.http.get(path_of(image), params={"fileType": "image/jpeg", "size": 8})

    assert response.headers["content-type"] == "image/jpeg"
    assert "immutable" in response.headers["cache-control"]
    assert Image.open(io.BytesIO(response.content)).size == (8, 8)


async def test_a_thumbnail_in_graphql_is_the_same_picture(api: Api) -> None:
    (result,) = await api.upload(file("CT_small.dcm"))
    assert result["error"] is None

    (study,) = (await api.ask(THUMBNAIL, p="1CT1", size=64))["studies"]["nodes"]

    thumbnail = study["series"][0]["instances"][0]["thumbnail"]
    over_rest = (await api.http.get(thumbnail["url"])).content
    assert thumbnail["contentType"] == "image/jpeg"
    assert thumbnail["dataURI"] == "data:image/jpeg;base64," + base64.b64encode(over_rest).decode()
    assert Image.open(io.BytesIO(over_rest)).size == (64, 64)


async def test_a_report_has_no_thumbnail_and_says_why(api: Api) -> None:
    report = pydicom.dcmread(file("reportsi.dcm"))
    report.PatientID, report.SOPInstanceUID, report.StudyInstanceUID = "REPORTED", new_uid(), new_uid()
    (result,) = await api.upload(sample(report).content)

    (study,) = (await api.ask(THUMBNAIL, p="REPORTED"))["studies"]["nodes"]
    url = result["instance"]["fileURL"].replace("application/dicom", "image/jpeg")
    refused = [await api.http.get(url) for _ in range(2)]

    assert study["series"][0]["instances"][0]["thumbnail"] is None
    assert [response.status_code for response in refused] == [406, 406]
    assert refused[0].json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "hint"),
    [
        ("/exams/studies/1.2/series/1.2/instance/1.2", 400, "fileType"),
        ("/exams/studies/1.2/series/1.2/instance/1.2?fileType=text/html", 400, "fileType"),
        ("/exams/studies/1.2/series/1.2/instance/1.2?fileType=application/dicom", 404, ""),
        ("/exams/studies/1.2/series/1.2/instance/1.2?fileType=image/jpeg", 404, ""),
        ("/exams/studies/1.2/series/1.2/instance/1.2?fileType=image/jpeg&size=0", 400, "size"),
        ("/exams/studies/1.2/series/1.2/instance/1.2?fileType=image/jpeg&size=100000", 400, "size"),
        pytest.param(
            f"/exams/studies/1.2/series/1.2/instance/1.2?fileType=image/jpeg&size={'1' * 5000}", 400, "size", id="huge"
        ),
        ("/exams/studies/x/series/1.2/instance/1.2?fileType=application/dicom", 400, "study"),
        ("/exams/studies/1.2/series/..%2f1/instance/1.2?fileType=application/dicom", 404, ""),
        ("/exams/studies/1.2/series/1.2/instance/1.2%00?fileType=application/dicom", 400, "instance"),
        ("/exams/studies/1.2", 400, "fileType"),
        ("/exams/studies/1.2?fileType=application/zip", 404, ""),
        ("/exams/studies/x?fileType=application/zip", 400, "study"),
    ],
)
async def test_what_is_not_there_or_not_asked_for_well(api: Api, path: str, status: int, hint: str) -> None:
    response = await api.http.get(path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert hint in response.json()["detail"]


async def test_a_study_is_offline_media_with_a_directory(api: Api, tmp_path_factory: pytest.TempPathFactory) -> None:
    exam = Exam()
    series = exam.image().series
    images = [exam.image(series, InstanceNumber=number) for number in range(3)] + [exam.image(Modality="MR")]
    await api.upload(*(image.content for image in images))
    (study,) = (await api.ask(THUMBNAIL, p=exam.patient_id))["studies"]["nodes"]

    response = await api.http.get(study["mediaURL"])

    assert response.headers["content-type"] == "application/zip"
    folder = tmp_path_factory.mktemp("media")
    zipfile.ZipFile(io.BytesIO(response.content)).extractall(folder)
    directory = pydicom.dcmread(folder / "DICOMDIR")
    listed = {record.get("ReferencedSOPInstanceUIDInFile") for record in directory.DirectoryRecordSequence}
    assert listed - {None} == {image.instance for image in images}
    assert exam.patient_id not in "".join(zipfile.ZipFile(io.BytesIO(response.content)).namelist())


async def test_a_thumbnail_of_a_silly_size_is_refused(api: Api, image: Sample) -> None:
    error = await api.error(THUMBNAIL, p=image.patient_id, size=0)

    assert error["code"] == "BAD_USER_INPUT"
    assert "size" in error["message"]
