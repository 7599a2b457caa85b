"""A patient's fence: nothing of another patient's, whatever is asked for and however."""

from typing import Any

import httpx
import orjson
import pytest

from graph.access import Role
from tests.graph.authentication.issuer import with_secret
from tests.graph.permissions.conftest import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LISTS = {
    "workitems": "{ patientID studyInstanceUID study { studyInstanceUID } }",
    "examEvents": "{ patientID studyInstanceUID study { studyInstanceUID } }",
}
_FILE = "/exams/studies/{study}/series/{series}/instance/{instance}"


def leaks(house: House, answer: object) -> list[str]:
    other = house.other
    return [text for text in (other.patient_id, other.study, other.series, other.instance) if text in str(answer)]


@pytest.mark.parametrize("field", _LISTS)
@pytest.mark.parametrize("form", ["left out", "null", "a null variable", "no variable", "own", "own with spaces"])
async def test_where_the_patient_may_be_left_out_it_is_the_client_itself(house: House, field: str, form: str) -> None:
    argument = {
        "left out": "",
        "null": "(patientID: null)",
        "own": f'(patientID: "{house.own.patient_id}")',
        "own with spaces": f'(patientID: " {house.own.patient_id} ")',
    }.get(form, "(patientID: $p)")
    declared = "query ($p: String)" if "$p" in argument else "query"
    query = f"{declared} {{ {field}{argument} {{ nodes {_LISTS[field]} }} }}"
    answer = await house.ask(Role.PATIENT, query, **({"p": None} if form == "a null variable" else {}))

    nodes = answer["data"][field]["nodes"]
    assert {(node["patientID"], node["studyInstanceUID"]) for node in nodes} == {
        (house.own.patient_id, house.own.study)
    }
    assert not leaks(house, answer)


@pytest.mark.parametrize("field", ["studies", *_LISTS])
async def test_another_patient_id_is_forbidden_and_tells_nothing(house: House, field: str) -> None:
    query = f"query ($p: String!) {{ {field}(patientID: $p) {{ nodes {{ patientID }} }} }}"
    own, other = house.own.patient_id, house.other.patient_id
    strange = [other, "nobody", "", " ", "*", "?", own + "*", own.lower(), f"{own},{other}", f"{own}\\{other}", "\x00"]
    answers = [await house.ask(Role.PATIENT, query, p=patient_id) for patient_id in strange]

    for answer in answers:
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert len({orjson.dumps(answer["errors"]) for answer in answers}) == 1


@pytest.mark.parametrize("mixed", [False, True], ids=["the other's UIDs", "one's own study, the other's below"])
async def test_the_others_uids_under_ones_own_id_are_not_there(house: House, mixed: bool) -> None:
    study = house.own.study if mixed else house.other.study
    query = """query ($p: String!, $s: UID!, $e: UID!, $i: UID!) {
      study(patientID: $p, studyInstanceUID: $s) { series { instances { sopInstanceUID } } }
      series(patientID: $p, studyInstanceUID: $s) { instances { sopInstanceUID thumbnail { dataURI } } }
      instances(patientID: $p, studyInstanceUID: $s, seriesInstanceUID: $e) { sopInstanceUID }
      instance(patientID: $p, studyInstanceUID: $s, seriesInstanceUID: $e, sopInstanceUID: $i) { dicom }
      workitem(studyInstanceUID: $s) { patientID }
    }"""
    values = {"p": house.own.patient_id, "s": study, "e": house.other.series, "i": house.other.instance}
    answer = await house.ask(Role.PATIENT, query, **values)

    assert "errors" not in answer
    assert not leaks(house, answer)
    if not mixed:
        empty: dict[str, Any] = {"study": None, "series": [], "instances": [], "instance": None, "workitem": None}
        assert answer["data"] == empty


async def test_one_document_may_not_mix_what_is_own_with_what_is_not(house: House) -> None:
    """The own part is answered, the other's is an error; aliases, fragments and repetitions change nothing."""
    query = """query ($own: String!, $other: String!) {
      a: studies(patientID: $own) { ...S } b: studies(patientID: $other) { ...S } ...Q
    } fragment S on StudyConnection { nodes { patientID } }
    fragment Q on Query {
      c: examEvents(patientID: $other) { nodes { patientID } } ... { webhookDeliveries { nodes { id } } }
    }
    """
    nullable = {"own": house.own.patient_id, "other": house.other.patient_id}
    answer = await house.ask(Role.PATIENT, query, **nullable)

    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}
    assert house.other.patient_id not in str(answer.get("data"))


@pytest.mark.parametrize("kind", ["application/dicom", "image/jpeg"])
@pytest.mark.parametrize("how", ["GET", "HEAD", "if-none-match"])
async def test_anothers_file_is_as_one_that_is_not_there(house: House, kind: str, how: str) -> None:
    own, other = house.own, house.other
    places = {
        "own": (own.study, own.series, own.instance),
        "other": (other.study, other.series, other.instance),
        "mixed": (own.study, own.series, other.instance),
        "mixed below": (own.study, other.series, other.instance),
        "nothing": ("1.2.3", "1.2.4", "1.2.5"),
    }
    answers: dict[str, httpx.Response] = {}
    async with house.client(Role.PATIENT) as client:
        for name, (study, series, instance) in places.items():
            path = _FILE.format(study=study, series=series, instance=instance)
            headers = {"If-None-Match": "*"} if how == "if-none-match" else {}
            method = "HEAD" if how == "HEAD" else "GET"
            answers[name] = await client.request(method, path, params={"fileType": kind}, headers=headers)
    assert answers.pop("own").status_code == (304 if how == "if-none-match" else 200)
    expected = answers["nothing"]
    assert expected.status_code == 404
    for answer in answers.values():
        assert (answer.status_code, answer.content) == (404, expected.content)
        assert set(answer.headers) == set(expected.headers)


async def test_anothers_study_is_not_exported(house: House) -> None:
    async with house.client(Role.PATIENT) as client:
        answers = [
            await client.get(f"/exams/studies/{study}", params={"fileType": "application/zip"})
            for study in (house.own.study, house.other.study, "1.2.3")
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert answers[1].content == answers[2].content


@pytest.mark.parametrize("path", ["/exams/studies/1.2.x", _FILE.format(study="*", series="1", instance="1")])
async def test_what_is_no_uid_never_reaches_the_pacs(house: House, path: str) -> None:
    async with house.client(Role.PATIENT) as client:
        assert (await client.get(path, params={"fileType": "application/dicom"})).status_code == 400


async def test_a_patient_changes_nothing(house: House) -> None:
    query = """mutation ($s: UID!, $p: String) { createViewerToken(input: {studyInstanceUID: $s, patientID: $p}) { url }
      deleteWorkitem(studyInstanceUID: $s) { studyInstanceUID } }"""
    answer = await house.ask(Role.PATIENT, query, s=house.own.study, p=house.own.patient_id)
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    still = await house.ask(
        Role.ADMIN, "query ($s: UID!) { workitem(studyInstanceUID: $s) { state } }", s=house.own.study
    )
    assert still["data"]["workitem"] == {"state": "SCHEDULED"}


async def test_a_patient_whose_id_is_not_known_sees_nothing(house: House) -> None:
    headers = {"Authorization": f"Bearer {with_secret(role='PATIENT')}"}
    fields = ['studies(patientID: "") { nodes { patientID } }', "workitems { nodes { patientID } }"]
    fields += ["examEvents { nodes { patientID } }", f'workitem(studyInstanceUID: "{house.own.study}") {{ patientID }}']
    async with house.client(None) as client:
        for field in fields:
            answer = await client.post("/graphql", json={"query": f"{{ {field} }}"}, headers=headers)
            assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        for path in (_FILE, "/exams/studies/{study}"):
            own = path.format(study=house.own.study, series=house.own.series, instance=house.own.instance)
            assert (await client.get(own, params={"fileType": "application/dicom"}, headers=headers)).status_code == 403


async def test_attempts_at_anothers_data_are_recorded_as_denied(house: House) -> None:
    studies = "query ($p: String!) { studies(patientID: $p) { nodes { patientID } } }"
    await house.ask(Role.PATIENT, studies, p=house.other.patient_id)
    workitem = "query ($s: UID!) { workitem(studyInstanceUID: $s) { patientID } }"
    await house.ask(Role.PATIENT, workitem, s=house.other.study)
    async with house.client(Role.PATIENT) as client:
        await client.get(f"/exams/studies/{house.other.study}", params={"fileType": "application/zip"})
    wanted = '{ accessRecords(subject: "a PATIENT") { nodes { action outcome patientID studyInstanceUID } } }'
    rows = (await house.ask(Role.ADMIN, wanted))["data"]["accessRecords"]["nodes"]
    other = {house.other.patient_id, house.other.study}
    of_other = [row for row in rows if other & {row["patientID"], row["studyInstanceUID"]}]
    outcomes = {(row["action"], row["outcome"]) for row in of_other}
    assert ("graphql:study:search", "DENIED") in outcomes
    assert ("graphql:workitem:read", "DENIED") in outcomes
    assert ("rest:study:export", "DENIED") in outcomes
    assert "ALLOWED" not in {outcome for action, outcome in outcomes if not action.startswith("graphql:exam-event")}
