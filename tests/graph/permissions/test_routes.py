"""Every route × every role; and doors that a bearer token does not open."""

from typing import Any

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Route

from graph.access import ROUTES, Door, Permission, Role
from graph.app import create_app
from graph.routes.guards import in_table
from graph.settings import Settings
from tests.graph.authentication.conftest import CALLBACK_TOKEN
from tests.graph.permissions.conftest import CELLS, House
from tests.samples import Sample

pytestmark = pytest.mark.asyncio(loop_scope="module")

_FILE_TYPES = {"/exams/studies/{study}": "application/zip"}
_CLOSED = {Door.SESSION: {401}, Door.CALLBACK: {401}, Door.LINK: {400}}
"""What a route answers to somebody who has a bearer token and nothing of what it asks for."""


async def visit(client: httpx.AsyncClient, path: str, image: Sample, **options: Any) -> httpx.Response:
    """The route, for this image."""
    place = {"study": image.study, "series": image.series, "instance": image.instance}
    url = path.format(**place, frame="1", frames="1", name="viewer.js")
    if path == "/new-exam-callback":
        return await client.post(url, json={"StudyInstanceUID": image.study, "PatientID": image.patient_id})
    if path == "/graphql":
        return await client.post(url, json={"query": "{ me { role } }"})
    params = {"fileType": _FILE_TYPES.get(path, "application/dicom")} if path.startswith("/exams/") else {}
    return await client.get(url, params=params, **options)


async def test_every_route_has_a_row(secured_settings: Settings) -> None:
    paths = {str(getattr(route, "path", route)) for route in create_app(secured_settings).routes}

    assert paths == set(ROUTES)


async def test_a_route_without_a_row_is_not_served() -> None:
    async def new(_: object) -> Response:
        return Response("seen")

    with pytest.raises(TypeError, match="/brand/new"):
        in_table([Route("/brand/new", new)])


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
@pytest.mark.parametrize("path", ROUTES)
async def test_a_route_is_for_whom_the_table_says(house: House, path: str, role: Role) -> None:
    row = ROUTES[path]
    async with house.client(role) as client:
        own, others = [(await visit(client, path, image)).status_code for image in (house.own, house.other)]

    cell = CELLS.setdefault(path, {})
    if row.door in _CLOSED:
        cell[role] = row.door.name.lower()
        assert {own, others} == _CLOSED[row.door]
        return
    found = {
        (200, 200): Permission.ALLOWED,
        (200, 404): Permission.OWN,
        (403, 403): Permission.DENIED,
    }[own, others]
    cell[role] = found.value
    assert found is row.roles.of(role)


@pytest.mark.parametrize("path", ROUTES)
async def test_without_a_token_only_what_is_open_opens(house: House, path: str) -> None:
    door = ROUTES[path].door
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
        async with house.client(None) as client:
            client.headers.update(headers)
            answer = await visit(client, path, house.own)
        assert answer.status_code in (_CLOSED.get(door) or ({200} if door is Door.NONE else {401}))
        if answer.status_code == 401:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "UNAUTHENTICATED" in answer.text or answer.headers["Content-Type"].startswith("text/html")


async def test_a_viewer_session_reads_the_files_of_its_study_and_nothing_else(house: House) -> None:
    query = "mutation ($i: CreateViewerTokenInput!) { createViewerToken(input: $i) { url } }"
    answer = await house.ask(Role.DIAGNOSTIC, query, i={"studyInstanceUID": house.own.study, "user": "dr. who"})
    async with house.client(None) as client:
        opened = await client.get(answer["data"]["createViewerToken"]["url"])
        assert opened.status_code == 303
        for path in (path for path, row in ROUTES.items() if row.door is Door.BEARER_OR_SESSION):
            assert (await visit(client, path, house.own)).status_code == 200
            assert (await visit(client, path, house.other)).status_code == 401
            wrong = {"headers": {"Authorization": "Bearer wrong"}}
            assert (await visit(client, path, house.own, **wrong)).status_code == 401
        mixed = Sample(b"", "", house.own.study, house.other.series, house.other.instance)
        path = "/exams/studies/{study}/series/{series}/instance/{instance}"
        assert (await visit(client, path, mixed)).status_code == 404
        assert (await visit(client, "/graphql", house.own)).status_code == 401
        assert (await visit(client, "/new-exam-callback", house.own)).status_code == 401


@pytest.mark.parametrize("form", ["bearer", "basic", "query"])
async def test_the_callback_takes_its_token_in_every_form(house: House, form: str) -> None:
    event = {"StudyInstanceUID": house.own.study, "PatientID": house.own.patient_id}
    sent: dict[str, dict[str, Any]] = {
        "bearer": {"headers": {"Authorization": f"Bearer {CALLBACK_TOKEN}"}},
        "basic": {"auth": ("pacs", CALLBACK_TOKEN)},
        "query": {"params": {"token": CALLBACK_TOKEN}},
    }
    async with house.client(None) as pacs:
        assert (await pacs.post("/new-exam-callback", json=event, **sent[form])).status_code == 204
