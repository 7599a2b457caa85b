"""The PACS announces exams."""

from pathlib import Path

import httpx
import pytest

from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving

# The example of the service that this one implements.
SEED = {
    "SourceID": "O3PROD",
    "StudyInstanceUID": "1.3.76.13.90696.2.20130926082332.5279531.1",
    "AccessionNumber": "62476609-1",
    "PatientID": "46803338",
    "NumberOfStudyRelatedSeries": 1,
    "NumberOfStudyRelatedInstances": 239,
    "ModalitiesInStudy": ["CT"],
    "AeTitles": ["O3-PACS-57"],
    "StationNames": ["Station ALFA", "Station BETA"],
    "EventType": "COMPLETED",
    "StudyDate": "20130926",
    "StudyTime": "082329",
    "StudyID": None,
    "ReferringPhysicianName": "NO_DOC_NAME^NO_DOC_SURNAME",
    "StudyDescription": "DENTALSCAN SUP",
    "PatientName": "NO_SURNAME^NO_NAME",
    "PatientBirthDate": "19600101",
    "PatientSex": "F",
}
EVENTS = """{ examEvents { pageInfo { hasNextPage } nodes { sourceID eventType studyInstanceUID patientID
  patientName { familyName givenName } patientBirthDate patientSex accessionNumber studyID studyDate studyTime
  studyDescription referringPhysicianName { familyName } modalitiesInStudy aeTitles stationNames
  numberOfStudyRelatedSeries numberOfStudyRelatedInstances study { studyID } } } }"""


async def test_the_seeds_example_is_taken_and_read_back(api: Api) -> None:
    response = await api.http.post("/new-exam-callback", json=SEED)

    assert (response.status_code, response.content) == (204, b"")
    (event,) = (await api.ask(EVENTS))["examEvents"]["nodes"]
    assert event == {
        "sourceID": "O3PROD",
        "eventType": "COMPLETED",
        "studyInstanceUID": SEED["StudyInstanceUID"],
        "patientID": "46803338",
        "patientName": {"familyName": "NO_SURNAME", "givenName": "NO_NAME"},
        "patientBirthDate": "1960-01-01",
        "patientSex": "F",
        "accessionNumber": "62476609-1",
        "studyID": None,
        "studyDate": "2013-09-26",
        "studyTime": "08:23:29",
        "studyDescription": "DENTALSCAN SUP",
        "referringPhysicianName": {"familyName": "NO_DOC_NAME"},
        "modalitiesInStudy": ["CT"],
        "aeTitles": ["O3-PACS-57"],
        "stationNames": ["Station ALFA", "Station BETA"],
        "numberOfStudyRelatedSeries": 1,
        "numberOfStudyRelatedInstances": 239,
        "study": None,
    }


async def test_what_pacss_make_of_the_fields_is_understood(api: Api) -> None:
    body = SEED | {
        "PatientID": 46803338,
        "NumberOfStudyRelatedSeries": "3",
        "NumberOfStudyRelatedInstances": 4.0,
        "ModalitiesInStudy": "CT\\MR",
        "AeTitles": "ONE",
        "StationNames": None,
        "StudyDate": "no date",
        "PatientName": "",
        "Private": {"kept": [1]},
    }

    response = await api.http.post("/new-exam-callback", json=body)

    assert response.status_code == 204
    (event,) = (await api.ask(EVENTS))["examEvents"]["nodes"]
    assert event["patientID"] == "46803338"
    assert event["modalitiesInStudy"] == ["CT", "MR"]
    assert (event["aeTitles"], event["stationNames"]) == (["ONE"], [])
    assert (event["numberOfStudyRelatedSeries"], event["numberOfStudyRelatedInstances"]) == (3, 4)
    assert (event["studyDate"], event["patientName"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"\xff\xfe", 400, "JSON"),
        (b"null", 400, "object"),
        (b"[]", 400, "object"),
        (b"[" * 100_000, 400, "JSON"),
        (b'{"PatientID":"1"}', 400, "StudyInstanceUID"),
        (b'{"StudyInstanceUID":"1.2","PatientID":null}', 400, "PatientID"),
        (b'{"StudyInstanceUID":"1.2","PatientID":"' + b"x" * 65 + b'"}', 400, "PatientID"),
        (b'{"StudyInstanceUID":"../1","PatientID":"1"}', 400, "StudyInstanceUID"),
        (b'{"StudyInstanceUID":"1.2","PatientID":"1","x":"' + b"x" * 1024 * 1024 + b'"}', 413, ""),
    ],
)
async def test_what_announces_nothing_is_refused_with_the_reason(
    api: Api, body: bytes, status: int, reason: str
) -> None:
    response = await api.http.post("/new-exam-callback", content=body)

    assert response.status_code == status
    assert reason in response.json()["detail"]
    assert (await api.ask("{ examEvents { nodes { cursor } } }"))["examEvents"]["nodes"] == []


@pytest.mark.parametrize("depth", [200, 900, 1020])
async def test_deeply_nested_extras_are_kept_or_refused_but_never_an_error(api: Api, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth

    response = await api.http.post(
        "/new-exam-callback", content=b'{"StudyInstanceUID":"1.2","PatientID":"1","Extra":' + nested + b"}"
    )

    assert response.status_code in (204, 400)


async def test_an_event_that_is_posted_twice_is_stored_once(api: Api) -> None:
    for body in (SEED, SEED, SEED | {"NumberOfStudyRelatedInstances": 240}):
        assert (await api.http.post("/new-exam-callback", json=body)).status_code == 204

    assert len((await api.ask(EVENTS))["examEvents"]["nodes"]) == 2


async def test_only_post_is_served(api: Api) -> None:
    assert (await api.http.get("/new-exam-callback")).status_code == 405


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 401),
        ({"Authorization": "Bearer secret-token"}, "", 204),
        ({"Authorization": "Bearer wrong"}, "", 401),
        ({"Authorization": "Basic eDpzZWNyZXQtdG9rZW4="}, "", 204),
        ({"Authorization": "Basic !!!"}, "", 401),
        ({}, "?token=secret-token", 204),
        ({}, "?token=", 401),
    ],
)
async def test_the_callbacks_token_is_asked_for(
    archive_socket: Path, tmp_path: Path, headers: dict[str, str], query: str, status: int
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, archive_socket=archive_socket, callback_token="secret-token")
    async with serving(settings) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post(f"/new-exam-callback{query}", json=SEED, headers=headers)

    assert response.status_code == status


async def test_a_state_of_a_study_that_has_a_name_is_stored_once_whatever_else_is_said(api: Api) -> None:
    body = {"StudyInstanceUID": "1.2.3", "PatientID": "P", "StudyStateID": "orthanc:20260101:5"}
    posts = [body, body | {"AeTitles": "CT1"}, body | {"StudyStateID": "orthanc:20260102:6"}, body | {"PatientID": "Q"}]
    for post in posts:
        assert (await api.http.post("/new-exam-callback", json=post)).status_code == 204

    nodes = (await api.ask("{ examEvents { nodes { patientID aeTitles } } }"))["examEvents"]["nodes"]
    assert nodes == [
        {"patientID": "P", "aeTitles": []},
        {"patientID": "P", "aeTitles": []},
        {"patientID": "Q", "aeTitles": []},
    ]
