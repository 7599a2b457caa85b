"""Paths that are none: steps upwards, escapes, what is no UID. Nothing of them reaches the PACS."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.viewer_links import browser, opened, stored
from tests.pacs.scripted import Exchange, ScriptedPacs, scripted_pacs
from tests.samples import Exam

ODD = [
    "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "1.2%2f..%2f..", "1.2%00", "1.2%0a",
    "1.2%0d%0aX-A:%20b", "1.2%20", "%201.2", "1..2", ".1", "1.", "*", "%3f", "1.2,1.3", "1.2%5c1.3", "1.2;x", "1.2&x=y",
    "%EF%BC%91.2", "%D9%A1.2", "9." * 32 + "9", "1" * 10_000, "-1", "0x1", "1e5", "%", "%zz", "%ff", "null", "${1.2}",
    "1.2'--", "%25%32%65",
]  # fmt: skip
ROUTES = [
    "/exams/studies/{uid}?fileType=application/zip",
    "/exams/studies/{uid}/series/1.2/instance/1.2?fileType=application/dicom",
    "/exams/studies/1.2/series/{uid}/instance/1.2?fileType=application/dicom",
    "/exams/studies/1.2/series/1.2/instances/{uid}?fileType=image/jpeg",
    "/viewer/studies/{uid}",
    "/viewer/page/{uid}",
    "/viewer/dicomweb/studies/{uid}",
    "/viewer/dicomweb/studies/{uid}/series",
    "/viewer/dicomweb/studies/{uid}/metadata",
    "/viewer/dicomweb/studies/1.2/series/{uid}/instances",
    "/viewer/dicomweb/studies/1.2/series/1.2/instances/{uid}/frames/1",
    "/viewer/dicomweb/studies/1.2/series/1.2/instances/1.2/frames/{uid}",
    "/viewer/dicomweb/studies/{uid}/rendered",
]


@pytest.fixture
async def pacs() -> AsyncIterator[ScriptedPacs]:
    async def nothing(exchange: Exchange) -> None:
        await exchange.json([])

    async with scripted_pacs(nothing) as pacs:
        yield pacs


@pytest.fixture
async def behind(settings: Settings, pacs: ScriptedPacs) -> AsyncIterator[Starlette]:
    """The application before a PACS that notes what it is asked."""
    app = create_app(settings.model_copy(update={"archive_socket": None, "pacs_url": pacs.url, "rate_per_second": 0}))
    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.attack("paths that are none, in every route")
@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_no_uid_goes_no_further(behind: Starlette, pacs: ScriptedPacs, route: str) -> None:
    before = len(pacs.targets)  # what the start asked
    async with browser(behind) as client:
        for uid in ODD:
            response = await client.get(route.format(uid=uid))
            assert response.status_code in (400, 401, 403, 404), (uid, response.status_code, response.text)
    await asyncio.sleep(0.3)  # records are completed behind the requests' backs
    assert pacs.targets[before:] == []


@pytest.mark.attack("paths that are none, as they stand in a request line")
@pytest.mark.parametrize(
    "target",
    [
        "/exams/studies/../../../etc/passwd?fileType=application/zip",
        "/viewer/page/../../viewer.py",
        "/viewer/page/..%2f..%2fviewer.py",
        "//graphql//",
        "/graphql/../graphql",
        "http://evil.example/graphql",
        "/./health/live/.",
        "/\\..\\..\\etc\\passwd",
        "*",
    ],
)
async def test_a_request_line_leads_nowhere_else(base_url: str, target: str) -> None:
    port = int(base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 404, 405), answer
    assert b"root:" not in answer


@pytest.mark.attack("files of the page by other names")
@pytest.mark.parametrize(
    "name", ["viewer.html", "message.html", "__init__.py", "VIEWER.JS", "viewer.js%00", "viewer.js/"]
)
async def test_the_page_has_its_own_files_and_no_others(api: Api, name: str) -> None:
    assert (await api.http.get(f"/viewer/page/{name}")).status_code in (404, 307)


@pytest.mark.attack("a viewer session reaches beyond its study by its path")
@pytest.mark.parametrize(
    "escape", ["{own}%2f..%2f{other}", "{own}/../{other}", "{other}", "{own},{other}", "{own}%5c{other}"]
)
async def test_a_session_stays_in_its_study(app: Starlette, api: Api, escape: str) -> None:
    own, other = Exam(), Exam()
    await stored(api, own)
    await stored(api, other)
    async with browser(app) as client:
        await opened(client, api, own.study)
        path = escape.format(own=own.study, other=other.study)
        for below in ("series", "instances", "metadata"):
            response = await client.get(f"/viewer/dicomweb/studies/{path}/{below}")
            assert response.status_code in (400, 403, 404), response.text
        rows = (await client.get("/viewer/dicomweb/studies", params={"StudyInstanceUID": other.study})).json()
    assert rows == []
