"""Every way to a patient's data leaves one record an operation, study and patient, and no more."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from graph.access_records.actions import ACTIONS, FIELDS
from graph.schema import contract_schema
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.uids import new_uid
from persistence.errors import StoreUnavailable
from tests.graph.api import Api, subscribe
from tests.graph.viewer_links import browser, created, opened, stored
from tests.samples import Exam

RECORDS = """query ($p: String, $after: String, $first: Int! = 500) {
  accessRecords(patientID: $p, after: $after, first: $first) {
  nodes { occurredAt subject role action eventID patientID studyInstanceUID outcome requestID address }
  pageInfo { endCursor hasNextPage } } }"""
NESTED = """query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID
  series { instances { sopInstanceUID thumbnail(size: 32) { contentType } } } } } }"""
WORKITEM = (
    """mutation ($input: CreateWorkitemInput!) { createWorkitem(input: $input) { workitem { studyInstanceUID } } }"""
)
CALLBACK = {"StudyInstanceUID": "1.2.3", "PatientID": "A"}

Record = tuple[str, str | None, str]


async def records(api: Api, patient: str) -> list[Record]:
    """What was recorded of a patient, oldest first: action, study, outcome."""
    nodes = (await api.ask(RECORDS, p=patient))["accessRecords"]["nodes"]
    return [(node["action"], node["studyInstanceUID"], node["outcome"]) for node in nodes[::-1]]


@pytest.fixture
async def exam(api: Api) -> Exam:
    """A study of two series with two images each."""
    exam = Exam()
    series = [new_uid(), new_uid()]
    await stored(api, exam, *(exam.image(one) for one in series * 2))
    return exam


async def test_an_upload_is_one_record_of_its_study_and_patient(api: Api, exam: Exam) -> None:
    assert await records(api, exam.patient_id) == [("graphql:exam:store", exam.study, "ALLOWED")]


async def test_a_nested_read_is_a_record_for_each_study_not_for_each_row(api: Api, exam: Exam) -> None:
    await api.ask(NESTED, p=exam.patient_id)

    assert (await records(api, exam.patient_id))[1:] == [
        ("graphql:study:search", None, "ALLOWED"),
        ("graphql:study:read", exam.study, "ALLOWED"),
        ("graphql:thumbnail:read", exam.study, "ALLOWED"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "study(patientID: $p, studyInstanceUID: $s) { studyInstanceUID }",
        "series(patientID: $p, studyInstanceUID: $s) { seriesInstanceUID }",
    ],
)
async def test_a_single_read_says_whether_there_was_anything(api: Api, exam: Exam, query: str) -> None:
    whole = f"query ($p: String!, $s: UID!) {{ {query} }}"
    await api.ask(whole, p=exam.patient_id, s=exam.study)
    await api.ask(whole, p=exam.patient_id, s="1.2.3.4")

    assert (await records(api, exam.patient_id))[1:] == [
        ("graphql:study:read", exam.study, "ALLOWED"),
        ("graphql:study:read", "1.2.3.4", "FAILED"),
    ]


async def test_files_thumbnails_and_media_are_recorded_with_the_patient_whom_the_path_does_not_name(api: Api) -> None:
    exam = Exam()
    (image,) = await stored(api, exam)
    path = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}"

    for url in (
        f"{path}?fileType=application/dicom",
        f"{path}?fileType=image/jpeg",
        f"/exams/studies/{image.study}?fileType=application/zip",
        f"/exams/studies/{image.study}/series/{image.series}/instance/1.2.3?fileType=application/dicom",
    ):
        await api.http.get(url)

    assert (await records(api, exam.patient_id))[1:] == [
        ("rest:instance:retrieve", exam.study, "ALLOWED"),
        ("rest:thumbnail:read", exam.study, "ALLOWED"),
        ("rest:study:export", exam.study, "ALLOWED"),
    ]
    everybody = (await api.ask(RECORDS))["accessRecords"]["nodes"]
    assert [(one["action"], one["outcome"]) for one in everybody if one["outcome"] != "ALLOWED"] == [
        ("rest:instance:retrieve", "FAILED")
    ]


async def test_a_viewer_leaves_records_under_its_users_name(app: Starlette, api: Api) -> None:
    exam = Exam()
    (image,) = await stored(api, exam)
    root = f"/viewer/dicomweb/studies/{image.study}"
    instance = f"{root}/series/{image.series}/instances/{image.instance}"

    async with browser(app) as client:
        await opened(client, api, exam.study, user="Dr Who", role="DIAGNOSTIC")
        for path in (
            f"{root}/series",
            f"{root}/metadata",
            f"{instance}/rendered",
            instance,
            "/viewer/dicomweb/studies",
        ):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.get("/viewer/dicomweb/studies/1.2.3/series")).status_code == 403

    nodes = (await api.ask(RECORDS))["accessRecords"]["nodes"][::-1]
    seen = [(one["action"], one["studyInstanceUID"], one["outcome"]) for one in nodes if one["subject"] == "Dr Who"]
    assert seen == [
        ("viewer:link:redeem", exam.study, "ALLOWED"),
        ("viewer:study:read", exam.study, "ALLOWED"),
        ("viewer:study:read", exam.study, "ALLOWED"),
        ("viewer:picture:read", exam.study, "ALLOWED"),
        ("viewer:instance:retrieve", exam.study, "ALLOWED"),
        ("viewer:study:read", exam.study, "ALLOWED"),
        ("viewer:study:read", "1.2.3", "DENIED"),
    ]
    assert {one["role"] for one in nodes if one["subject"] == "Dr Who"} == {"DIAGNOSTIC"}


async def test_a_used_link_and_a_missing_session_are_denied_attempts(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    link = (await created(api, exam.study))["url"]
    async with browser(app) as first, browser(app) as second:
        await second.head(link)  # shows nothing, and is nobody's access
        await first.get(link)
        await second.get(link)
        await second.get(f"/viewer/dicomweb/studies/{exam.study}/series")

    nodes = (await api.ask(RECORDS))["accessRecords"]["nodes"]
    denied = [(one["action"], one["subject"]) for one in nodes[::-1] if one["outcome"] == "DENIED"]
    assert denied == [("viewer:link:redeem", "anonymous"), ("viewer:study:read", "anonymous")]
    redeemed = [one["subject"] for one in nodes if (one["action"], one["outcome"]) == ("viewer:link:redeem", "ALLOWED")]
    assert redeemed == ["local"]  # who made the link, here
    assert link.partition("token=")[2] not in str(nodes)


async def test_workitems_are_recorded_from_scheduling_to_withdrawal(api: Api) -> None:
    patient, study = f"P{new_uid()[-10:]}", new_uid()
    given = {
        "patientID": patient,
        "patientName": "A^B",
        "studyInstanceUID": study,
        "scheduledStationAETitle": "CT1",
        "scheduledProcedureStepDescription": "x",
        "scheduledProcedureStepStartDate": "2026-01-01",
        "scheduledProcedureStepStartTime": "12:00",
        "modality": "CT",
        "accessionNumber": study[-12:],
    }
    await api.ask(WORKITEM, input=given)
    assert (await api.error(WORKITEM, input=given))["code"] == "CONFLICT"
    await api.ask(
        "query ($p: String!) { workitems(patientID: $p) { nodes { patientName { alphabetic } } } }", p=patient
    )
    withdraw = "mutation ($s: UID!) { deleteWorkitem(studyInstanceUID: $s) { studyInstanceUID } }"
    await api.ask(withdraw, s=study)

    assert await records(api, patient) == [
        ("graphql:workitem:create", study, "ALLOWED"),
        ("graphql:workitem:create", study, "FAILED"),
        ("graphql:workitem:read", study, "ALLOWED"),
        ("graphql:workitem:cancel", study, "ALLOWED"),
    ]


async def test_events_are_recorded_when_they_are_announced_read_and_received(base_url: str, live: Api) -> None:
    async with subscribe(base_url, "subscription { newExam { patientID } }") as events:
        await live.http.post("/new-exam-callback", json=CALLBACK)
        await events.next()
        await live.http.post("/new-exam-callback", json=CALLBACK | {"StudyID": "2"})
        await events.next()
    await live.ask("{ examEvents { nodes { patientID } } }")

    assert sorted(await records(live, "A")) == sorted(
        [
            ("callback:exam-event:create", "1.2.3", "ALLOWED"),
            ("graphql:exam-event:receive", "1.2.3", "ALLOWED"),
            ("callback:exam-event:create", "1.2.3", "ALLOWED"),
            ("graphql:exam-event:receive", "1.2.3", "ALLOWED"),
            ("graphql:exam-event:read", "1.2.3", "ALLOWED"),
        ]
    )


async def test_a_record_says_who_when_from_where_and_in_which_request(api: Api, exam: Exam) -> None:
    await api.http.post(
        "/graphql",
        json={"query": NESTED, "variables": {"p": exam.patient_id}},
        headers={"X-Request-ID": "the-request-1", "Authorization": "Bearer tell-nobody"},
    )

    nodes = (await api.ask(RECORDS, p=exam.patient_id))["accessRecords"]["nodes"]
    assert {node["requestID"] for node in nodes[:3]} == {"the-request-1"}
    assert {(node["subject"], node["role"], node["address"]) for node in nodes} == {("local", "ADMIN", "127.0.0.1")}
    assert [node["eventID"] for node in nodes] == ["110103", "110103", "110112", "110104"]
    assert nodes == sorted(nodes, key=lambda node: str(node["occurredAt"]), reverse=True)
    assert "tell-nobody" not in str(nodes)


async def test_reading_the_records_is_recorded_as_well_and_pages_hold_each_once(api: Api, exam: Exam) -> None:
    for _ in range(5):
        await api.ask(NESTED, p=exam.patient_id)

    pages, after, more = [], None, True
    while more:
        page = (await api.ask(RECORDS, p=exam.patient_id, first=4, after=after))["accessRecords"]
        pages.append(page["nodes"])
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    shown = [node for page in pages for node in page]
    assert [node["action"] for node in shown].count("graphql:study:read") == 5
    assert "graphql:access-record:read" in {one["action"] for one in (await api.ask(RECORDS))["accessRecords"]["nodes"]}


async def test_what_cannot_be_recorded_is_not_shown(
    app: Starlette, api: Api, exam: Exam, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = app.state.services.access_log

    async def away(_: object) -> None:
        raise StoreUnavailable("away")

    (image,) = await stored(api, exam)
    await log.flush(5)
    with monkeypatch.context() as fault:
        fault.setattr(app.state.services.store, "append_access", away)
        fault.setattr(log, "_most_waiting", 2)
        assert "errors" not in await api.answer(NESTED, p=exam.patient_id)
        refused = await api.http.post("/graphql", json={"query": NESTED, "variables": {"p": exam.patient_id}})
        path = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}"
        file = await api.http.get(f"{path}?fileType=application/dicom")
        health = await api.http.get("/health/live")
    await log.flush(5)

    assert (refused.status_code, refused.headers["retry-after"], file.status_code) == (503, "5", 503)
    assert health.status_code == 200
    assert "errors" not in await api.answer(NESTED, p=exam.patient_id)


async def test_a_pacs_that_is_away_makes_failed_attempts(
    api: Api, app: Starlette, fails: Callable[[], Awaitable[Any]]
) -> None:
    await fails()
    await api.answer(NESTED, p="PX")

    assert await records(api, "PX") == [("graphql:study:search", None, "FAILED")]


@pytest.fixture
def fails(app: Starlette) -> Callable[[], Awaitable[Any]]:
    """Takes the PACS away."""

    async def close() -> None:
        web = app.state.services.pacs._web
        await web.aclose()
        web._transport = DicomWeb(PacsAddress(web.address.url, socket=Path("/nowhere")))._transport

    return close


def test_every_action_has_a_name_of_three_parts_and_every_field_a_known_action() -> None:
    assert all(name.count(":") == 2 and action.code in "CRUDE" for name, action in ACTIONS.items())
    schema = contract_schema()._schema
    roots = {*schema.query_type.fields, *schema.mutation_type.fields, *schema.subscription_type.fields}  # type: ignore[union-attr]  # the contract has all three
    assert roots - FIELDS.keys() == {"me", "generateUIDs"}, "a new root field: does it read or change patient data?"


async def test_records_are_found_by_subject_and_time(api: Api, exam: Exam) -> None:
    query = """query ($subject: String, $from: DateTime, $to: DateTime) {
      accessRecords(subject: $subject, from: $from, to: $to) { nodes { occurredAt action } } }"""
    (stored_at,) = [node["occurredAt"] for node in (await api.ask(query))["accessRecords"]["nodes"]]

    async def found(**filters: str) -> list[str]:
        return [node["action"] for node in (await api.ask(query, **filters))["accessRecords"]["nodes"]]

    assert await found(**{"to": stored_at}) == []
    assert (await found(**{"from": stored_at}))[-1] == "graphql:exam:store"
    assert "graphql:exam:store" in await found(subject="local")
    assert await found(subject="somebody else") == []
    assert (await api.error(query, **{"from": "2026-01-02", "to": "2026-01-01"}))["code"] == "BAD_USER_INPUT"
    assert (await api.error(RECORDS, first=1001))["code"] == "BAD_USER_INPUT"
    assert (await api.error(RECORDS, after="nonsense"))["code"] == "BAD_USER_INPUT"
