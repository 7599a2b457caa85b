"""Ten thousand requests that hypothesis makes up: none ends in a 5xx, none leaves anything open.

The same ones in every run (`derandomize`). Documents are made after the schema, so that most of them reach resolvers,
the embedded PACS and the store; bodies and messages are JSON around them, bent and broken.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import websockets
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from starlette.applications import Starlette

from graph.app import create_app
from graph.schema import contract_schema
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.graph.viewer_links import stored
from tests.samples import Exam, Sample
from tests.security.grammar import documents

_BATCH = 10
_SHARE = 1 if os.environ.get("FUZZ") == "whole" else 5
"""A fifth of the ten thousand is asked in every run, all of them where FUZZ=whole."""
_PATIENCE_SECONDS = 10

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def made_up(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As many batches, the same in every run."""
    return profile(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """Runs in one loop, which at its end has no task left over, and no file more than at its beginning."""
    with asyncio.Runner() as runner:
        runner.run(asyncio.sleep(0))
        before = open_files()
        yield runner
        gc.collect()
        runner.run(asyncio.sleep(0.1))
        left = [task for task in asyncio.all_tasks(runner.get_loop()) if not task.done()]
        assert left == []
        assert open_files() <= before


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, Starlette]]:
    app = create_app(settings.model_copy(update={"rate_per_second": 0}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", timeout=30) as client,
    ):
        yield client, app


def check(response: httpx.Response) -> None:
    """No failure of the server, neither as a status nor within an answer."""
    assert response.status_code < 500, response.text
    assert "INTERNAL_SERVER_ERROR" not in response.text, response.text


def drawn(strategy: st.SearchStrategy[Any], examples: int, each: Callable[[list[Any]], None]) -> None:
    """Calls `each` with batches of what `strategy` makes up."""

    @made_up(examples // _SHARE)
    @given(st.lists(strategy, min_size=_BATCH, max_size=_BATCH))
    def go(batch: list[Any]) -> None:
        made.append(len(batch))
        each(batch)

    made: list[int] = []
    go()
    assert sum(made) >= examples // _SHARE * _BATCH


@pytest.mark.attack("10,000 made-up requests: 1,000 queries after the schema")
def test_no_query_after_the_schema_is_a_server_error(settings: Settings, loop: asyncio.Runner) -> None:
    context = client_of(settings)
    client, _ = loop.run(context.__aenter__())
    answered = {"data": 0}

    async def sample() -> Sample:
        (image,) = await stored(Api(client), Exam())
        return image

    known: Sample = loop.run(sample())

    async def ask(batch: list[str]) -> None:
        for query in batch:
            response = await client.post("/graphql", json={"query": query, "variables": {"v": "x"}})
            check(response)
            answered["data"] += bool(response.json().get("data"))

    try:
        drawn(documents(contract_schema()._schema, known), 100, lambda batch: loop.run(ask(batch)))
        assert answered["data"] > 250 / _SHARE, "too few of the documents reached anything"
    finally:
        loop.run(context.__aexit__(None, None, None))


def bodies(query: str) -> st.SearchStrategy[tuple[dict[str, str], bytes]]:
    """Bodies with their headers: requests with odd parts, JSON of any shape, forms, bytes, and bent ones of each."""
    request = st.fixed_dictionaries(
        {"query": st.just(query) | json_values},
        optional={"variables": json_values, "operationName": json_values, "extensions": json_values},
    )
    as_json = (request | json_values).map(orjson_or_text)
    form = st.tuples(as_json, as_json, st.binary(max_size=40)).map(form_of)
    kinds = st.sampled_from(["application/json", "application/json; charset=utf-8", "multipart/form-data; boundary=b"])
    bent = st.tuples(as_json | form, st.integers(0, 60), st.binary(max_size=3)).map(
        lambda three: three[0][: three[1]] + three[2] + three[0][three[1] :]
    )
    return st.tuples(
        kinds.map(lambda kind: {"Content-Type": kind, "X-Requested-With": "x"}), as_json | form | bent | st.binary()
    )


def orjson_or_text(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return repr(value).encode(errors="surrogatepass")


def form_of(parts: tuple[bytes, bytes, bytes]) -> bytes:
    names = [b'"operations"', b'"map"', b'"0"; filename="a"']
    pieces = [
        b"--b\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n" % pair
        for pair in zip(names, parts, strict=True)
    ]
    return b"".join(pieces) + b"--b--\r\n"


@pytest.mark.attack("10,000 made-up requests: 4,000 bodies to GraphQL and the callback")
def test_no_body_is_a_server_error(settings: Settings, loop: asyncio.Runner, tmp_path: Path) -> None:
    context = client_of(settings)
    client, _ = loop.run(context.__aenter__())

    async def send(batch: list[tuple[dict[str, str], bytes]]) -> None:
        for number, (headers, body) in enumerate(batch):
            path = "/new-exam-callback" if number % 5 == 4 else "/graphql"
            check(await client.post(path, content=body, headers=headers))

    try:
        drawn(bodies("{ me { subject } }"), 400, lambda batch: loop.run(send(batch)))
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp")]
    finally:
        loop.run(context.__aexit__(None, None, None))


def messages(query: str) -> st.SearchStrategy[str]:
    kinds = st.sampled_from(
        ["connection_init", "ping", "pong", "subscribe", "subscribe", "subscribe", "complete", "next", ""]
    )
    payload = st.fixed_dictionaries({"query": st.sampled_from([query, "subscription { newExam { cursor } }", "{"])})
    message = st.fixed_dictionaries(
        {"type": kinds | json_values},
        optional={"id": st.sampled_from(["1", "2", ""]) | json_values, "payload": payload | payload | json_values},
    )
    bent = st.tuples(message.map(orjson_or_text), st.integers(0, 40), st.binary(max_size=2)).map(
        lambda three: three[0][: three[1]] + three[2] + three[0][three[1] :]
    )
    return (message.map(orjson_or_text) | message.map(orjson_or_text) | bent).map(
        lambda data: data.decode(errors="replace")
    )


@pytest.mark.attack("10,000 made-up requests: 5,000 messages on sockets")
def test_no_message_breaks_a_socket(settings: Settings, loop: asyncio.Runner, caplog: pytest.LogCaptureFixture) -> None:
    context = serving(settings.model_copy(update={"rate_per_second": 0}))
    url: str = loop.run(context.__aenter__())
    target = url.replace("http", "ws") + "/graphql"

    async def talk(batch: list[str]) -> None:
        protocols = [websockets.Subprotocol("graphql-transport-ws")]
        async with websockets.connect(target, subprotocols=protocols, close_timeout=_PATIENCE_SECONDS) as socket:
            try:
                await socket.send('{"type":"connection_init"}')
                for message in batch:
                    await socket.send(message)
                await socket.send('{"type":"ping","payload":{"last":true}}')
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while b'"last"' not in (answer := str(await socket.recv()).encode()):
                        assert b"INTERNAL_SERVER_ERROR" not in answer, answer
            except websockets.ConnectionClosed:
                pass
        assert socket.close_code in (1000, 4400, 4401, 4409, 4429), socket.close_code

    try:
        drawn(messages("{ me { subject } }"), 500, lambda batch: loop.run(talk(batch)))
    finally:
        loop.run(context.__aexit__(None, None, None))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
