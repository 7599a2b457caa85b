"""Authentication over HTTP: before anything else, and by the Authorization header alone."""

import asyncio
from typing import Any

import httpx
import pytest

from graph.app import create_app
from graph.settings import Settings
from tests.graph.authentication.issuer import with_secret
from tests.graph.conftest import serving
from tests.graph.viewer_links import browser

ME = "{ me { subject role patientID } }"


def bearer(**said: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {with_secret(**said)}"}


async def ask(client: httpx.AsyncClient, headers: dict[str, str], query: str = ME) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers=headers)


async def test_a_token_says_who_asks(stranger: httpx.AsyncClient) -> None:
    answer = await ask(stranger, bearer(sub="p-17", role="PATIENT", patient_id="P1"))
    assert answer.json() == {"data": {"me": {"subject": "p-17", "role": "PATIENT", "patientID": "P1"}}}
    lower = await ask(stranger, {"authorization": f"bearer   {with_secret()}"})
    assert lower.json()["data"]["me"]["subject"] == "anna"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Bearer " + "a" * 20_000},
        {"Cookie": "token=abc"},
        {"X-Forwarded-User": "admin"},
    ],
    ids=str,
)
async def test_without_a_good_token_nobody_gets_in(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for answer in (await ask(stranger, headers), await stranger.get("/graphql?query={me{role}}", headers=headers)):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED", "status": 401}
        assert "data" not in answer.json()


async def test_a_token_in_a_cookie_or_url_does_not_count(stranger: httpx.AsyncClient) -> None:
    token = with_secret(role="ADMIN")
    for answer in (
        await ask(stranger, {"Cookie": f"token={token}; Authorization=Bearer {token}"}),
        await stranger.post(f"/graphql?token={token}&access_token={token}", json={"query": ME}),
    ):
        assert answer.status_code == 401


async def test_a_known_client_without_a_role_is_forbidden(stranger: httpx.AsyncClient) -> None:
    answer = await ask(stranger, bearer(role="nurse"))
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_graphiql_and_introspection_are_closed(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 401
    answer = await ask(stranger, bearer(role="ADMIN"), "{ __schema { types { name } } }")
    assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


_GRAPHQL, _FILE = "/graphql?query={me{role}}", "/exams/studies/1.2?fileType=application/zip"


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        (_GRAPHQL, {"aud": "other"}, 401),
        (_GRAPHQL, {"role": "nurse"}, 403),
        (_FILE, {"aud": "other"}, 401),
        (_FILE, {"role": "nurse"}, 403),
        (_FILE, {"role": "PATIENT", "sub": "a patient without an ID"}, 403),
    ],
)
async def test_who_keeps_being_refused_is_told_to_wait_but_who_may_gets_in(
    secured: Settings, path: str, said: dict[str, str], status: int
) -> None:
    app = create_app(secured.model_copy(update={"rate_per_second": 0.01, "rate_burst": 3}))
    async with app.router.lifespan_context(app), browser(app) as client:
        statuses = [(await client.get(path, headers=bearer(**said))).status_code for _ in range(5)]
        assert statuses == [status] * 3 + [429] * 2
        assert (await ask(client, bearer())).status_code == 200


_FORM = "multipart/form-data; boundary=x"
_PATIENT = {"role": "PATIENT", "patient_id": "P1", "sub": "p-17"}


@pytest.mark.parametrize(
    ("said", "kind", "status"), [({}, _FORM, 401), ({}, "application/json", 401), (_PATIENT, _FORM, 403)]
)
async def test_an_upload_is_refused_before_it_is_read(
    secured: Settings, said: dict[str, str], kind: str, status: int
) -> None:
    """The client says that a GiB follows, sends nothing of it, and has its answer."""
    lines = {"Host": "x", "Content-Type": kind, "Content-Length": str(1 << 30), "Expect": "100-continue"}
    lines |= bearer(**said) if said else {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    async with serving(secured) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST /graphql HTTP/1.1\r\n{head}GraphQL-Require-Preflight: 1\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer
        writer.close()
        await writer.wait_closed()


async def test_an_upload_by_a_patient_is_recorded_as_denied(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/graphql", files={"operations": (None, "{}")}, headers=bearer(**_PATIENT))
    records = await ask(stranger, bearer(role="ADMIN"), "{ accessRecords { nodes { subject action outcome } } }")
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert records.json()["data"]["accessRecords"]["nodes"] == [
        {"subject": "p-17", "action": "graphql:exam:store", "outcome": "DENIED"}
    ]


async def test_tokens_and_keys_are_in_no_log_line(
    stranger: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = with_secret(), with_secret(aud="somebody-else", sub="secret-name")
    await ask(stranger, {"Authorization": f"Bearer {good}"})
    await ask(stranger, {"Authorization": f"Bearer {bad}"})
    written = "".join(capsys.readouterr())
    assert "token refused" in written
    assert not any(part in written for part in (good[:40], bad.split(".")[1], bad.split(".")[2], "secret-name"))
