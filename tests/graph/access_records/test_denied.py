"""Attempts that were denied leave records as well: of those who are known, and of strangers."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from graph.access import Identity, Role
from graph.access_records.log import AccessLog
from graph.access_records.routes import RecordedSignIn
from graph.access_records.trail import Trail
from graph.context import Context
from graph.links import Links
from graph.schema import contract_schema
from persistence.records import AccessRecord
from persistence.store import Store
from tests.samples import Exam

_PATIENT = Identity("patient-1", Role.PATIENT, "P1")
_TOKEN = "mutation ($i: CreateViewerTokenInput!) { createViewerToken(input: $i) { url } }"


async def records(log: AccessLog, store: Store) -> list[AccessRecord]:
    await log.flush(5)
    return (await store.access_records(limit=100))[::-1]


@pytest.mark.parametrize(
    ("query", "variables", "action", "patient", "study"),
    [
        ("{ accessRecords { nodes { action } } }", {}, "graphql:access-record:read", None, None),
        ('{ accessRecords(patientID: "P2") { nodes { action } } }', {}, "graphql:access-record:read", "P2", None),
        ("{ webhookDeliveries { nodes { id } } }", {}, "graphql:webhook-delivery:read", None, None),
        (
            _TOKEN,
            {"i": {"patientID": "P2", "studyInstanceUID": "1.2"}},
            "graphql:viewer-token:create",
            "P2",
            "1.2",
        ),
        (
            'mutation { a: createViewerToken(input: {patientID: "P2", studyInstanceUID: "1.2"}) { url } }',
            {},
            "graphql:viewer-token:create",
            "P2",
            "1.2",
        ),
    ],
)
async def test_what_is_denied_is_recorded_with_what_was_asked_for(
    app: Starlette, query: str, variables: dict[str, Any], action: str, patient: str | None, study: str | None
) -> None:
    services = app.state.services
    context = Context(services, _PATIENT, Links("http://x"), Trail(services.access_log, _PATIENT, "10.0.0.1"))

    result = await contract_schema().execute(query, variable_values=variables, context_value=context)

    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["FORBIDDEN"]
    (record,) = await records(services.access_log, services.store)
    assert (record.subject, record.role, record.address) == ("patient-1", "PATIENT", "10.0.0.1")
    assert (record.action, record.outcome) == (action, "DENIED")
    assert (record.patient_id, record.study_instance_uid) == (patient, study)


@pytest.fixture
async def strangers(app: Starlette) -> Starlette:
    """Routes that turn everybody away, recorded in the application's log."""

    async def http(_: object) -> Response:
        return Response(status_code=401)

    async def websocket(socket: WebSocket) -> None:
        await socket.accept()
        if socket.query_params:
            await socket.send_text("acknowledged")
        await socket.close(4401)

    recorded = [Middleware(RecordedSignIn)]
    refusing = Starlette(
        routes=[
            Route("/graphql", http, methods=["POST"], middleware=recorded),
            WebSocketRoute("/graphql", websocket, middleware=recorded),
        ]
    )
    refusing.state.services = SimpleNamespace(access_log=app.state.services.access_log)
    return refusing


async def open_socket(app: Starlette, query_string: bytes) -> None:
    scope = {"type": "websocket", "path": "/graphql", "query_string": query_string, "headers": [], "client": ("::1", 1)}

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(_: object) -> None: ...

    await app(scope | {"subprotocols": []}, receive, send)


async def test_strangers_are_recorded_when_they_are_turned_away(app: Starlette, strangers: Starlette) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(strangers), base_url="http://x") as client:
        await client.post("/graphql", headers={"Authorization": "Bearer tell-nobody"})
    await open_socket(strangers, b"")
    await open_socket(strangers, b"known=1")  # it was let in, and its token expired

    found = await records(app.state.services.access_log, app.state.services.store)

    assert [(one.subject, one.action, one.outcome) for one in found] == [
        ("anonymous", "graphql:client:sign-in", "DENIED"),
        ("anonymous", "graphql:client:sign-in", "DENIED"),
    ]
    assert "tell-nobody" not in str(found)


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_an_announcement_without_the_token_is_a_denied_attempt(app: Starlette, token: str | None) -> None:
    services = app.state.services
    settings = services.settings.model_copy(update={"callback_token": SecretStr("right")})
    object.__setattr__(services, "settings", settings)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.post("/new-exam-callback", json={"PatientID": Exam().patient_id}, headers=headers)

    (record,) = await records(services.access_log, services.store)
    assert answer.status_code == 401
    assert (record.subject, record.action, record.outcome) == (
        "anonymous",
        "callback:exam-event:create",
        "DENIED",
    )
