"""Every root field × every role: allowed, a patient's own alone, or denied, before the PACS is asked anything."""

import asyncio
from typing import Any

import orjson
import pytest
import strawberry
import websockets
from graphql import GraphQLSchema

from graph.access import FIELDS, Permission, Role
from graph.schema import contract_schema
from graph.schema.permissions import hold_to_table
from tests.graph.permissions.conftest import CELLS, House, workitem
from tests.samples import Exam

pytestmark = pytest.mark.asyncio(loop_scope="module")

_STUDY = "studyInstanceUID: $study"
_SERIES = f"{_STUDY}, seriesInstanceUID: $series"
_NODES = "nodes { patientID studyInstanceUID study { patientID } }"
QUERIES = {
    "workitems": f"workitems(patientID: $patient) {{ {_NODES} }}",
    "workitem": f"workitem({_STUDY}) {{ patientID studyInstanceUID study {{ patientID }} }}",
    "studies": "studies(patientID: $patient) { nodes { patientID studyInstanceUID } }",
    "study": f"study(patientID: $patient, {_STUDY}) {{ patientID studyInstanceUID series {{ seriesInstanceUID }} }}",
    "series": f"series(patientID: $patient, {_STUDY}) {{ seriesInstanceUID instances {{ sopInstanceUID }} }}",
    "instances": f"instances(patientID: $patient, {_SERIES}) {{ sopInstanceUID thumbnail {{ dataURI }} }}",
    "instance": f"instance(patientID: $patient, {_SERIES}, sopInstanceUID: $instance) {{ sopInstanceUID dicom }}",
    "examEvents": f"examEvents(patientID: $patient) {{ {_NODES} }}",
    "webhookDeliveries": "webhookDeliveries { nodes { id event { patientID } } }",
    "accessRecords": "accessRecords { nodes { action patientID } }",
    "me": "me { role }",
}
MUTATIONS = {
    "createWorkitem": "createWorkitem(input: $input) { workitem { patientID } }",
    "deleteWorkitem": "deleteWorkitem(studyInstanceUID: $study) { studyInstanceUID }",
    "uploadExams": "uploadExams(files: []) { results { filename } }",
    "createViewerToken": "createViewerToken(input: {studyInstanceUID: $study}) { url }",
    "generateUIDs": "generateUIDs { uids }",
    "redeliverWebhook": 'redeliverWebhook(id: "none") { delivery { id } }',
}
_TYPES = {
    "$patient": "String!",
    "$study": "UID!",
    "$series": "UID!",
    "$instance": "UID!",
    "$input": "CreateWorkitemInput!",
}


def document(field: str) -> str:
    """The operation that asks for this field."""
    kind, body = ("query", QUERIES[field]) if field in QUERIES else ("mutation", MUTATIONS[field])
    used = ", ".join(f"{name}: {type_}" for name, type_ in _TYPES.items() if name in body)
    return f"{kind} {f'({used})' if used else ''} {{ found: {body} }}"


async def outcome(house: House, role: Role, field: str, image: Any) -> tuple[str, str]:
    """`denied` or `allowed`, and the answer as text. What fails for another reason got past the table."""
    new = workitem(image.patient_id, Exam().study)
    study = image.study if field != "deleteWorkitem" else "1.2.3"
    answer = await house.ask(
        role,
        document(field),
        patient=image.patient_id,
        study=study,
        series=image.series,
        instance=image.instance,
        input=new,
    )
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert not codes - {"FORBIDDEN", "NOT_FOUND"}, answer
    return "denied" if "FORBIDDEN" in codes else "allowed", str(answer.get("data"))


def core() -> GraphQLSchema:
    return contract_schema()._schema


async def test_every_root_field_has_a_row_and_an_example() -> None:
    types = [type_ for type_ in (core().query_type, core().mutation_type, core().subscription_type) if type_]
    fields = {f"{type_.name}.{name}" for type_ in types for name in type_.fields}

    assert fields == set(FIELDS)
    assert {name.partition(".")[2] for name in fields} == {*QUERIES, *MUTATIONS, "newExam"}


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
@pytest.mark.parametrize("field", [*QUERIES, *MUTATIONS])
async def test_a_field_is_for_whom_the_table_says(house: House, field: str, role: Role) -> None:
    name = f"{'Query' if field in QUERIES else 'Mutation'}.{field}"
    own, text_of_own = await outcome(house, role, field, house.own)
    others, text_of_others = await outcome(house, role, field, house.other)

    if (own, others) == ("allowed", "allowed") and role is Role.PATIENT and field == "workitem":
        assert house.own.study in text_of_own
        assert text_of_others == "{'found': None}"
        others = "denied"
    seen = {"allowed allowed": Permission.ALLOWED, "allowed denied": Permission.OWN, "denied denied": Permission.DENIED}
    found = seen[f"{own} {others}"]
    CELLS.setdefault(name, {})[role] = found.value

    assert found is FIELDS[name].of(role)
    if found is Permission.DENIED:
        assert text_of_own == text_of_others == "None"
    if role is Role.PATIENT:
        assert not any(uid in text_of_others for uid in (house.other.patient_id, house.other.instance))
    if found is Permission.OWN and field in ("studies", "workitems", "examEvents", "study"):
        assert house.own.study in text_of_own


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
async def test_a_subscription_is_for_whom_the_table_says(house: House, role: Role) -> None:
    own = await _first(house, role, house.own.patient_id)
    others = await _first(house, role, house.other.patient_id)
    assert own == ("next", house.own.patient_id)
    found = Permission.ALLOWED if others == ("next", house.other.patient_id) else Permission.OWN
    CELLS.setdefault("Subscription.newExam", {})[role] = found.value

    assert found is FIELDS["Subscription.newExam"].of(role)
    if found is Permission.OWN:
        assert others == ("error", "FORBIDDEN")


async def _first(house: House, role: Role, patient_id: str) -> tuple[str, str]:
    """The first message of a subscription to a patient's events, from the first of all events on."""
    async with house.client(Role.ADMIN) as client:
        query = "{ examEvents(first: 1) { nodes { cursor } } }"
        cursor = (await client.post("/graphql", json={"query": query})).json()["data"]["examEvents"]["nodes"][0]
    before_all = _cursor_before(cursor["cursor"])
    query = "subscription ($p: String, $a: String) { newExam(patientID: $p, after: $a) { patientID } }"
    payload = {"query": query, "variables": {"p": patient_id, "a": before_all}}
    async with websockets.connect(
        house.url.replace("http", "ws", 1) + "/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": house.headers(role)}).decode())
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        message = orjson.loads(await asyncio.wait_for(socket.recv(), 10))
    if message["type"] == "error":
        return "error", message["payload"][0]["extensions"]["code"]
    return "next", message["payload"]["data"]["newExam"]["patientID"]


def _cursor_before(cursor: str) -> str:
    from graph.schema.exam_events import _CURSORS

    (sequence,) = _CURSORS.decode(cursor)
    return _CURSORS.encode((int(sequence) - 1,))


@strawberry.type
class _Found:
    study: str


@strawberry.type
class _Query:
    @strawberry.field
    async def brand_new(self) -> str:
        return "seen"


async def test_a_field_without_a_row_is_for_nobody() -> None:
    schema = strawberry.Schema(_Query)
    hold_to_table(schema)
    for role in Role:
        result = await schema.execute("{ brandNew }", context_value=_context(role))
        assert result.data is None
        assert "brandNew is not for the role" in str(result.errors)


async def test_a_field_for_patients_that_does_not_say_whose_it_is_cannot_be_built() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def study(self) -> _Found | None:
            return _Found(study="1.2")

    with pytest.raises(TypeError, match=r"Query\.study"):
        hold_to_table(strawberry.Schema(Query))


def _context(role: Role) -> Any:
    from types import SimpleNamespace

    from graph.access import Identity

    return SimpleNamespace(principal=Identity("somebody", role, "P1"))
