"""One patient's ID with another's UIDs, at every way in: nothing of the other's is shown."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tests.graph.api import Api
from tests.graph.viewer_links import browser, opened, stored
from tests.samples import Exam, Sample

QUERIES = {
    "study": "study(patientID: $p, studyInstanceUID: $s) { studyInstanceUID series { seriesInstanceUID } }",
    "series": "series(patientID: $p, studyInstanceUID: $s) { seriesInstanceUID instances { sopInstanceUID } }",
    "instances": "instances(patientID: $p, studyInstanceUID: $s, seriesInstanceUID: $e) { sopInstanceUID dicom }",
    "instance": "instance(patientID: $p, studyInstanceUID: $s, seriesInstanceUID: $e, sopInstanceUID: $i) { dicom }",
    "studies by accession number": "studies(patientID: $p, accessionNumber: $a) { nodes { studyInstanceUID } }",
    "studies by description": 'studies(patientID: $p, studyDescription: "*") { nodes { studyInstanceUID } }',
    "studies of all days": 'studies(patientID: $p, studyDate: {from: "1900-01-01"}) { nodes { studyInstanceUID } }',
}


@pytest.fixture
async def own(api: Api) -> Sample:
    (image,) = await stored(api, Exam())
    return image


@pytest.fixture
async def other(api: Api) -> Sample:
    """Another patient's image."""
    exam = Exam(attributes={"AccessionNumber": "OTHER-1"})
    (image,) = await stored(api, exam)
    return image


@pytest.mark.attack("another patient's exam: by every query")
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("mixed", [False, True], ids=["the other's UIDs", "one's own study, the other's below"])
async def test_a_patient_id_shows_nothing_of_another(
    api: Api, own: Sample, other: Sample, name: str, mixed: bool
) -> None:
    parts = {"$p: String!": "p", "$s: UID!": "s", "$e: UID!": "e", "$i: UID!": "i", "$a: String!": "a"}
    used = ", ".join(declared for declared, letter in parts.items() if f"${letter}" in QUERIES[name])
    values = {"p": own.patient_id, "s": own.study if mixed else other.study, "e": other.series, "i": other.instance}
    answer = await api.answer(f"query ({used}) {{ found: {QUERIES[name]} }}", **values, a="OTHER-1")

    assert "errors" not in answer
    text = str(answer["data"])
    assert not any(uid in text for uid in (other.study, other.series, other.instance, other.patient_id))


@pytest.mark.attack("another patient's exam: by several in one document")
async def test_patients_in_one_document_are_not_mixed_by_loaders(api: Api, own: Sample, other: Sample) -> None:
    nodes = "nodes { patientID studyInstanceUID series { instances { sopInstanceUID } } }"
    fields = f"a: studies(patientID: $a) {{ {nodes} }} b: studies(patientID: $b) {{ {nodes} }}"
    query = f"query ($a: String!, $b: String!) {{ {fields} }}"
    data = await api.ask(query, a=own.patient_id, b=other.patient_id)
    for name, mine, theirs in (("a", own, other), ("b", other, own)):
        text = str(data[name])
        assert mine.instance in text
        assert not any(uid in text for uid in (theirs.study, theirs.instance, theirs.patient_id))


@pytest.mark.attack("another patient's exam: by events and workitems")
async def test_a_filter_by_patient_lets_nothing_else_through(api: Api, own: Sample, other: Sample) -> None:
    for image in (own, other):
        event = {"StudyInstanceUID": image.study, "PatientID": image.patient_id}
        assert (await api.http.post("/new-exam-callback", json=event)).status_code == 204
    query = (
        "query ($p: String) { examEvents(patientID: $p) { nodes { patientID studyInstanceUID study { patientID } } } }"
    )
    nodes: list[dict[str, Any]] = (await api.ask(query, p=own.patient_id))["examEvents"]["nodes"]
    assert nodes == [
        {"patientID": own.patient_id, "studyInstanceUID": own.study, "study": {"patientID": own.patient_id}}
    ]
    for odd in ("", " ", "*", own.patient_id + "*", own.patient_id.lower(), f"{own.patient_id},{other.patient_id}"):
        answer = await api.answer(query, p=odd)
        assert other.study not in str(answer)


@pytest.mark.attack("another patient's exam: an event that names a study of somebody else")
async def test_an_event_with_a_false_patient_does_not_open_the_study(api: Api, own: Sample, other: Sample) -> None:
    event = {"StudyInstanceUID": other.study, "PatientID": own.patient_id}
    assert (await api.http.post("/new-exam-callback", json=event)).status_code == 204
    query = "query ($p: String) { examEvents(patientID: $p) { nodes { study { patientID dicom } } } }"
    assert (await api.ask(query, p=own.patient_id))["examEvents"]["nodes"] == [{"study": None}]


@pytest.mark.attack("another patient's exam: a viewer link under a false patient")
async def test_a_link_is_not_made_for_another_patients_study(api: Api, own: Sample, other: Sample) -> None:
    query = "mutation ($i: CreateViewerTokenInput!) { createViewerToken(input: $i) { url } }"
    error = await api.error(query, i={"studyInstanceUID": other.study, "patientID": own.patient_id})
    assert error["code"] == "NOT_FOUND"


@pytest.mark.attack("another patient's exam: by a viewer session, in every route")
async def test_a_session_shows_nothing_of_another(app: Starlette, api: Api, own: Sample, other: Sample) -> None:
    async with browser(app) as client:
        await opened(client, api, own.study, role="DIAGNOSTIC")
        routes = [path for route in app.routes if "/studies/{study}" in (path := str(getattr(route, "path", "")))]
        routes = [path for path in routes if path.startswith("/viewer/dicomweb/")]
        assert len(routes) > 15
        for study in (own.study, other.study):
            for route in routes:
                response = await _visit(client, route, study, other)
                assert response.status_code in ((403,) if study == other.study else (200, 404)), route
                if "{series}" in route and response.status_code == 200:
                    assert response.json() == [], route  # a search that finds nothing
                assert other.instance not in response.text, route


async def _visit(client: httpx.AsyncClient, route: str, study: str, image: Sample) -> httpx.Response:
    path = route.format(study=study, series=image.series, instance=image.instance, frame="1", frames="1")
    return await client.get(path)
