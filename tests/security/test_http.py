"""What other web pages, browsers and the curious may do over HTTP."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from tests.graph.api import UPLOAD, Api
from tests.graph.conftest import serving
from tests.graph.viewer_links import browser, opened, stored
from tests.samples import Exam

PORTAL = "https://portal.example"
_LIBRARIES = re.compile(
    r"starlette|uvicorn|strawberry|graphql-core|pydantic|orjson|httpx|websockets|python|traceback|file \"",
    re.IGNORECASE,
)
_MUTATION = "mutation { generateUIDs { uids } }"


@pytest.fixture
async def allowing(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that lets the pages of one portal use it."""
    app = create_app(settings.model_copy(update={"cors_origins": (PORTAL,), "public_url": "https://dicom.example"}))
    async with app.router.lifespan_context(app), browser(app) as client:
        yield client


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization",
    }


@pytest.mark.attack("a page of another origin reads answers (CORS, none allowed)")
async def test_no_other_origin_may_read_answers_by_default(api: Api) -> None:
    asked = await api.http.options("/graphql", headers=preflight("https://evil.example"))
    answer = await api.http.post(
        "/graphql", json={"query": "{ me { subject } }"}, headers={"Origin": "https://e.example"}
    )

    for response in (asked, answer):
        assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.attack("a page that is not on the allow-list reads answers (CORS)")
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://portal.example", f"{PORTAL}.evil.example", f"{PORTAL}:444", "*"]
)
async def test_only_listed_origins_may_read_answers(allowing: httpx.AsyncClient, origin: str) -> None:
    refused = await allowing.options("/graphql", headers=preflight(origin))
    allowed = await allowing.options("/graphql", headers=preflight(PORTAL))
    answer = await allowing.post("/graphql", json={"query": "{ me { subject } }"}, headers={"Origin": PORTAL})

    assert (refused.status_code, refused.headers.get("access-control-allow-origin")) == (400, None)
    assert allowed.headers["access-control-allow-origin"] == answer.headers["access-control-allow-origin"] == PORTAL
    assert "access-control-allow-credentials" not in {**allowed.headers, **answer.headers}
    assert "Origin" in answer.headers["vary"]


@pytest.mark.attack("a page of another origin opens a socket")
@pytest.mark.parametrize(("origin", "is_let_in"), [("https://evil.example", False), ("null", False), (PORTAL, True)])
async def test_only_listed_origins_may_open_sockets(settings: Settings, origin: str, is_let_in: bool) -> None:
    async with serving(settings.model_copy(update={"cors_origins": (PORTAL,)})) as url:
        connection = websockets.connect(
            url.replace("http", "ws") + "/graphql",
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            origin=websockets.Origin(origin),
        )
        if is_let_in:
            async with connection:
                return
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await connection
    assert refusal.value.response.status_code == 403


_REBOUND = "evil.example:8000"


@pytest.mark.attack("a page reaches a server without authentication under a name of its own (DNS rebinding)")
@pytest.mark.parametrize(
    "host", [_REBOUND, "127.0.0.1.evil.example", "evil.example.", "[::1", "1.2.3.4.5", "localhost.x"]
)
async def test_without_authentication_strange_names_lead_nowhere(api: Api, host: str) -> None:
    for url in ("/graphql?query={me{role}}", "/exams/studies/1.2?fileType=application/zip", "/health/live"):
        answer = await api.http.get(url, headers={"Host": host, "Origin": f"http://{host}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8000",
        "127.0.0.1",
        "[::1]:8000",
        "10.0.0.1:80",
        "dicom-graph",
        "a.localhost",
        "portal.example",
        "dicom.example",
    ],
)
async def test_names_of_this_machine_and_of_settings_are_known(allowing: httpx.AsyncClient, host: str) -> None:
    assert (await allowing.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.attack("a page opens a socket under a name of its own (DNS rebinding)")
async def test_without_authentication_strange_names_open_no_socket(base_url: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(
            f"ws://{_REBOUND}/graphql",
            host="127.0.0.1",
            port=int(base_url.rpartition(":")[2]),
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            origin=websockets.Origin(f"http://{_REBOUND}"),
        )
    assert refused.value.response.status_code == 403


@pytest.mark.attack("a page of another origin announces exams, where no token is needed (CSRF)")
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000"])
async def test_pages_announce_no_exams(app: Starlette, api: Api, origin: str) -> None:
    event = '{"StudyInstanceUID": "1.2", "PatientID": "A"}'
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    answer = await api.http.post("/new-exam-callback", content=event, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert await app.state.services.store.last_sequence() == 0


@pytest.mark.attack("sniffing, framing, caching, referring: missing headers")
@pytest.mark.parametrize(
    "path",
    [
        "/graphql?query={me{subject}}",
        "/health/live",
        "/exams/studies/1.2/series/1.2/instance/1.2?fileType=application/dicom",
        "/viewer?token=x",
        "/viewer/studies/1.2",
        "/viewer/dicomweb/studies",
        "/nowhere",
    ],
)
async def test_every_answer_has_the_headers_that_bind_browsers(allowing: httpx.AsyncClient, path: str) -> None:
    headers = (await allowing.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "no-store" in headers["cache-control"]
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "server" not in headers


async def test_without_https_nothing_is_said_of_it(api: Api) -> None:
    assert "strict-transport-security" not in (await api.http.get("/health/live")).headers


@pytest.mark.attack("patient data left in a browser's or proxy's cache, for whoever sits there next")
async def test_patient_data_is_not_kept_by_shared_caches(api: Api) -> None:
    (image,) = await stored(api, Exam())
    path = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}"
    urls = [f"{path}?fileType=application/dicom", f"{path}?fileType=image/jpeg"]
    urls.append(f"/exams/studies/{image.study}?fileType=application/zip")

    answers = [await api.http.get(url) for url in urls]
    kept = [answer.headers["cache-control"] for answer in answers]
    answer = await api.http.post(
        "/graphql", json={"query": f'{{studies(patientID:"{image.patient_id}"){{totalCount}}}}'}
    )

    assert all(header.startswith("private") for header in kept)
    assert [re.findall(r"max-age=\d+", header) for header in kept] == [[], ["max-age=600"], []]
    assert [answer.headers["vary"] for answer in answers[:2]] == ["Authorization, Cookie"] * 2
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.attack("errors that name libraries, suggest fields or show the stack")
@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/graphql", {"content": b"{"}),
        ("POST", "/graphql", {"json": {"query": "{"}}),
        ("POST", "/graphql", {"json": {"query": "{ studys }"}}),
        ("POST", "/graphql", {"json": {"query": '{ studies(patientId: "x") { totalCount } }'}}),
        ("POST", "/graphql", {"json": {"query": "{ me { subjekt } }"}}),
        ("POST", "/graphql", {"json": {"query": "query ($p: Strin) { me { subject } }"}}),
        ("POST", "/graphql", {"json": {"query": "{ workitems(states: [SCHEDULD]) { nodes { state } } }"}}),
        ("POST", "/graphql", {"json": {"query": "mutation { createWorkitem(input: {patientld: 1}) { x } }"}}),
        ("POST", "/graphql", {"json": {"query": "query ($f: Int!) { me { subject } }", "variables": {"f": "x"}}}),
        ("POST", "/graphql", {"content": b"x" * 3_000_000, "headers": {"content-type": "application/json"}}),
        ("PUT", "/graphql", {}),
        ("DELETE", "/new-exam-callback", {}),
        ("POST", "/new-exam-callback", {"content": b"["}),
        ("GET", "/exams/studies/x/series/y/instance/z?fileType=application/dicom", {}),
        ("GET", "/exams/studies/1/series/2/instance/3?fileType=application/dicom", {}),
        ("GET", "/viewer/dicomweb/studies/1.2/series?limit=x", {}),
        ("GET", "/%00", {}),
        ("OPTIONS", "/exams", {}),
    ],
)
async def test_errors_tell_no_more_than_they_must(api: Api, method: str, path: str, options: dict[str, object]) -> None:
    response = await api.http.request(method, path, **options)  # type: ignore[arg-type]  # options of httpx

    whole = response.text + str(response.headers)
    assert not _LIBRARIES.search(whole), whole
    assert "did you mean" not in whole.lower()
    assert "scheduled," not in whole.lower()
    assert response.status_code < 500


@pytest.mark.attack("a mutation by GET, from a link or an image")
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/graphql-response+json", "text/html"])
async def test_get_carries_no_mutation(api: Api, accept: str) -> None:
    headers = {"Accept": accept}
    response = await api.http.get("/graphql", params={"query": _MUTATION}, headers=headers)
    named = {
        "query": f"query a {{ me {{ subject }} }} {_MUTATION.replace('mutation', 'mutation b')}",
        "operationName": "b",
    }
    other = await api.http.get("/graphql", params=named, headers=headers)

    for answer in (response, other):
        assert answer.status_code == 405
        assert "data" not in answer.json()


@pytest.mark.attack("a form of another page uploads (CSRF)")
async def test_forms_of_other_pages_change_nothing(api: Api) -> None:
    operations = f'{{"query": "{" ".join(UPLOAD.split())}", "variables": {{"files": [null]}}}}'
    form: dict[str, tuple[str | None, str | bytes]] = {
        "operations": (None, operations),
        "map": (None, '{"0": ["variables.files.0"]}'),
        "0": ("a", b"DICM"),
    }
    plain = f'{{"query": "{_MUTATION}"}}'

    upload = await api.http.post("/graphql", files=form)
    text = await api.http.post("/graphql", content=plain, headers={"Content-Type": "text/plain"})
    coded = await api.http.post("/graphql", data={"query": _MUTATION})

    assert [answer.status_code for answer in (upload, text, coded)] == [400, 415, 415]
    assert all("data" not in answer.json() for answer in (upload, text, coded))


@pytest.mark.attack("a viewer's cookie authorises GraphQL")
async def test_cookies_count_for_nothing_at_graphql(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    query = {"query": "{ me { subject role } }"}
    async with browser(app) as client:
        await opened(client, api, exam.study, user="Dr Who", role="DIAGNOSTIC")
        assert client.cookies
        with_cookie = (await client.post("/graphql", json=query)).json()

    assert with_cookie == (await api.http.post("/graphql", json=query)).json()
    assert "Dr Who" not in str(with_cookie)
