"""Clients that come too often, hold too much open, or ask for what takes too long."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
import websockets
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from graph.access import LOCAL, Identity, Role
from graph.app import create_app
from graph.errors import ContractError
from graph.rates import Rates, client_key
from graph.settings import Settings
from graph.shares import Shares
from graph.socket_counts import SocketCounts
from pacs.picture_ways import Thumbnail
from pacs.studies import ObjectFile
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.graph.viewer_links import browser, opened, stored
from tests.pacs.scripted import Exchange, scripted_pacs
from tests.samples import Exam

STUDIES = '{ studies(patientID: "P") { totalCount } }'
_PROTOCOL = [websockets.Subprotocol("graphql-transport-ws")]
_LIMITED = {"archive_socket": None, "rate_per_second": 1, "rate_burst": 3}


@asynccontextmanager
async def initialised(url: str) -> AsyncIterator[websockets.ClientConnection]:
    """A socket whose client has said who it is."""
    async with websockets.connect(url.replace("http", "ws") + "/graphql", subprotocols=_PROTOCOL) as socket:
        await socket.send('{"type":"connection_init"}')
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"
        yield socket


async def ask(socket: websockets.ClientConnection, query: str, operation_id: str = "1") -> None:
    """Begins an operation."""
    await socket.send(orjson.dumps({"id": operation_id, "type": "subscribe", "payload": {"query": query}}).decode())


def from_address(host: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "client": (host, 1)})


@pytest.mark.attack("too many requests: GraphQL")
async def test_who_comes_too_often_is_told_when_to_come_again(settings: Settings) -> None:
    async with serving(settings.model_copy(update=_LIMITED)) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.post("/graphql", json={"query": "{ me { subject } }"}) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.attack("too many requests: files, viewer, callback")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/exams/studies/1.2/series/1.2/instance/1.2?fileType=application/dicom"),
        ("GET", "/viewer?token=guess"),
        ("GET", "/viewer/dicomweb/studies/1.2/series"),
        ("POST", "/new-exam-callback"),
    ],
)
async def test_rest_routes_have_the_same_bound_and_the_callback_its_own(
    settings: Settings, method: str, path: str
) -> None:
    limits = _LIMITED | {"callback_rate_per_second": 1, "callback_rate_burst": 3}
    async with serving(settings.model_copy(update=limits)) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.request(method, path) for _ in range(4)]
        health = await client.get("/health/live")

    assert 429 not in [answer.status_code for answer in answers[:3]]
    assert (answers[3].status_code, answers[3].headers["retry-after"]) == (429, "1")
    assert (answers[3].json()["code"], health.status_code) == ("RATE_LIMITED", 200)


@pytest.mark.attack("too many requests: by a viewer session, in the name of who made its link")
async def test_a_session_uses_up_its_own_requests_alone(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"rate_per_second": 0.001, "rate_burst": 5}))
    async with app.router.lifespan_context(app), browser(app) as client:
        api, exam = Api(client), Exam()
        await stored(api, exam)
        await opened(client, api, exam.study)
        paths = ("/viewer/dicomweb/studies/{}/series", "/exams/studies/{}?fileType=application/zip")
        answers = [await client.head(path.format(exam.study)) for path in paths for _ in range(4)]
        others = [(await client.get("/viewer?token=guess")).status_code for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert others == [410, 410, 429]


@pytest.mark.attack("too many requests: operations on a socket")
async def test_operations_on_a_socket_count_as_requests(settings: Settings) -> None:
    async with serving(settings.model_copy(update=_LIMITED)) as url, initialised(url) as socket:
        kinds = []
        for number in range(3):
            await ask(socket, "{ me { subject } }", str(number))
            message = orjson.loads(await socket.recv())
            kinds.append(message["type"])
            if message["type"] == "next":
                await socket.recv()

    assert kinds == ["next", "next", "error"]
    assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.attack("too many messages on a socket")
async def test_a_flood_of_pings_closes_the_socket(settings: Settings) -> None:
    async with serving(settings.model_copy(update=_LIMITED)) as url, initialised(url) as socket:
        for _ in range(20):
            await socket.send('{"type":"ping"}')
        await socket.wait_closed()
    assert socket.close_code == 1013


def test_a_bucket_fills_again_and_zero_means_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    rates, free = Rates(2, 4), Rates(0, 1)
    for _ in range(4):
        rates.admit("a")
    with pytest.raises(ContractError):
        rates.admit("a")
    rates.admit("b")
    clock[0] += 1

    for _ in range(2):
        rates.admit("a")
    with pytest.raises(ContractError):
        rates.admit("a")
    for _ in range(100):
        free.admit("a")


@pytest.mark.attack("many addresses of one IPv6 network, forged addresses")
def test_clients_are_told_apart_by_name_and_by_what_they_cannot_choose() -> None:
    somebody = Identity("somebody", Role.DIAGNOSTIC)

    assert client_key(from_address("2001:db8::1")) == client_key(from_address("2001:db8::ffff:2"))
    assert client_key(from_address("2001:db8::1")) != client_key(from_address("2001:db8:0:1::1"))
    assert client_key(from_address("10.0.0.1"), LOCAL) != client_key(from_address("10.0.0.2"), LOCAL)
    assert client_key(from_address("10.0.0.1"), somebody) == client_key(from_address("10.0.0.2"), somebody)
    assert client_key(from_address("10.0.0.1"), Identity("address 10.0.0.1", Role.PATIENT)) != client_key(
        from_address("10.0.0.1")
    )
    assert client_key(from_address("x\r\ny")) == client_key(from_address("anything"))


@pytest.mark.attack("too many sockets")
async def test_a_client_has_a_bounded_number_of_sockets(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"max_sockets": 2})) as url:
        target = url.replace("http", "ws") + "/graphql"
        async with (
            websockets.connect(target, subprotocols=_PROTOCOL) as first,
            websockets.connect(target, subprotocols=_PROTOCOL) as second,
            websockets.connect(target, subprotocols=_PROTOCOL) as third,
        ):
            for socket in (first, second):
                await socket.send('{"type":"connection_init"}')
                assert orjson.loads(await socket.recv())["type"] == "connection_ack"
            await third.wait_closed()
            code = third.close_code
            await first.close()
        async with websockets.connect(target, subprotocols=_PROTOCOL) as fourth:
            await fourth.send('{"type":"connection_init"}')
            answer = orjson.loads(await fourth.recv())

    assert (code, answer["type"]) == (1013, "connection_ack")


def test_a_socket_counts_for_its_address_until_it_is_known() -> None:
    counts = SocketCounts(1)
    with counts.slot() as one, counts.slot() as other:
        one.count_for("address")
        with pytest.raises(ContractError):
            other.count_for("address")
        one.count_for("principal")
        other.count_for("address")
        with pytest.raises(ContractError):
            other.count_for("principal")

    assert not counts._open


async def test_a_client_waits_for_its_own_alone() -> None:
    shares, done = Shares(2), asyncio.Event()
    began: list[str] = []

    async def work(client: str) -> None:
        async with shares.of(client):
            began.append(client)
            await done.wait()

    tasks = [asyncio.create_task(work(client)) for client in "aaab"]
    await asyncio.sleep(0)
    assert (began, len(shares)) == (["a", "a", "b"], 2)
    done.set()
    await asyncio.gather(*tasks)
    tasks.clear()
    assert (began, len(shares)) == (["a", "a", "b", "a"], 0)


@pytest.mark.attack("all pictures for one client: hundreds in one document, while others wait")
async def test_pictures_of_one_client_are_made_few_at_a_time(
    app: Starlette, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [0, 0]

    async def slowly(*_: object, **__: object) -> Thumbnail:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.01)
        at_once[0] -= 1
        return Thumbnail(b"", "image/jpeg")

    (image,) = await stored(api, Exam())
    pictures = app.state.services.pacs.pictures
    monkeypatch.setattr(pictures._ways, "make", slowly)
    monkeypatch.setattr(pictures, "_gate", asyncio.Semaphore(100))  # that of all clients together
    aliases = " ".join(f"a{n}: thumbnail(size: {n + 1}) {{ url }}" for n in range(25))
    query = f'{{ studies(patientID: "{image.patient_id}") {{ nodes {{ series {{ instances {{ {aliases} }} }} }} }} }}'
    file = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}?fileType=image/jpeg"

    await asyncio.gather(api.ask(query), *(api.http.get(f"{file}&size={n}") for n in range(1, 20)))

    assert at_once == [0, 8]


@pytest.mark.attack("all connections to the PACS for one client, who reads its files slowly")
@pytest.mark.parametrize(("with_session", "most"), [(True, 8), (False, 24)], ids=["a patient's session", "staff"])
async def test_downloads_of_one_client_leave_connections_to_others(
    app: Starlette, api: Api, monkeypatch: pytest.MonkeyPatch, with_session: bool, most: int
) -> None:
    at_once = [0, 0]

    @asynccontextmanager
    async def slowly(*_: object, **__: object) -> AsyncIterator[ObjectFile]:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.05)
        at_once[0] -= 1
        yield ObjectFile(1, body())

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    (image,) = await stored(api, Exam())
    file = f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}?fileType=application/dicom"
    async with browser(app) as client:
        if with_session:
            await opened(client, api, image.study)
        monkeypatch.setattr(app.state.services.pacs, "retrieve", slowly)
        answers = await asyncio.gather(*(client.get(file) for _ in range(30)))

    assert {answer.status_code for answer in answers} == {200}
    assert at_once == [0, most]


@pytest.mark.attack("the PACS kept busy through /health/ready")
async def test_a_flood_of_health_checks_is_one_request_to_the_pacs_at_a_time(settings: Settings) -> None:
    at_once = [0, 0]

    async def slowly(exchange: Exchange) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.1)
        at_once[0] -= 1
        await exchange.json([])

    async with scripted_pacs(slowly) as pacs:
        changes = {"archive_socket": None, "pacs_url": pacs.url}
        async with serving(settings.model_copy(update=changes)) as url, httpx.AsyncClient(base_url=url) as client:
            before = len(pacs.targets)
            answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(60)))
        assert {answer.status_code for answer in answers} == {200}
        assert at_once[1] == 1
        assert len(pacs.targets) - before <= 5


@pytest.mark.attack("an operation that never ends")
@pytest.mark.parametrize("over_socket", [False, True])
async def test_an_operation_has_an_end_and_leaves_nothing_open(settings: Settings, over_socket: bool) -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.reader.read()

    async with scripted_pacs(never) as pacs:
        changes = {"archive_socket": None, "pacs_url": pacs.url, "operation_timeout_seconds": 0.3}
        started = time.monotonic()
        async with serving(settings.model_copy(update=changes)) as url:
            error = await (_socket_error(url) if over_socket else _http_error(url))
            seconds = time.monotonic() - started
            await pacs.until_closed()

    assert (error["code"], error["status"]) == ("PACS_TIMEOUT", 504)
    assert seconds < 5


async def _http_error(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        return await Api(client).error(STUDIES)


async def _socket_error(url: str) -> dict[str, Any]:
    async with initialised(url) as socket:
        await ask(socket, STUDIES)
        extensions: dict[str, Any] = orjson.loads(await socket.recv())["payload"][0]["extensions"]
        return extensions


async def test_a_subscription_may_last_longer_than_an_operation(settings: Settings) -> None:
    changes = {"operation_timeout_seconds": 0.2}
    async with serving(settings.model_copy(update=changes)) as url, initialised(url) as socket:
        await ask(socket, "subscription { newExam { patientID } }")
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(base_url=url) as client:
            await client.post("/new-exam-callback", json={"StudyInstanceUID": "1.2", "PatientID": "A"})
        message = orjson.loads(await asyncio.wait_for(socket.recv(), 5))

    assert message["payload"]["data"] == {"newExam": {"patientID": "A"}}
