"""graphql-transport-ws over real sockets: the protocol, its close codes, and operations that always end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from graph.engine.view_options import ViewOptions
from graph.errors import ContractError, ErrorCode
from tests.graph.engine.sample import SECRET, sample_app, trace
from tests.graph.engine.serving import eventually, real_server

PROTOCOL = [Subprotocol("graphql-transport-ws")]


async def send(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def receive(client: ClientConnection) -> Any:
    message = await asyncio.wait_for(client.recv(), 5)
    assert isinstance(message, str), "frames are text"
    return json.loads(message)


async def close_code(client: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            async for _ in client:
                pass
    return client.close_code


@asynccontextmanager
async def client_of(app: Any, initialise: bool = True, **connection: Any) -> AsyncIterator[ClientConnection]:
    async with (
        real_server(app) as address,
        connect(f"ws://{address}/graphql", subprotocols=PROTOCOL, **connection) as client,
    ):
        if initialise:
            await send(client, type="connection_init")
            assert await receive(client) == {"type": "connection_ack"}
        yield client


async def subscribe(client: ClientConnection, query: str, operation_id: str = "1", **payload: Any) -> None:
    await send(client, id=operation_id, type="subscribe", payload={"query": query, **payload})


async def test_a_subscription_gives_its_events_and_completes() -> None:
    async with client_of(sample_app()) as client:
        await subscribe(client, "subscription($to: Int!) { count(to: $to) }", variables={"to": 2})
        assert [await receive(client) for _ in range(3)] == [
            {"id": "1", "type": "next", "payload": {"data": {"count": 0}}},
            {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
            {"id": "1", "type": "complete"},
        ]
        await subscribe(client, "{ hello }")  # a query, and the same id again
        assert (await receive(client))["payload"] == {"data": {"hello": "Hello world"}}
        assert (await receive(client))["type"] == "complete"


async def test_a_ping_is_answered() -> None:
    async with client_of(sample_app(), initialise=False) as client:
        await send(client, type="ping", payload={"x": 1})
        assert await receive(client) == {"type": "pong", "payload": {"x": 1}}
        await send(client, type="pong")
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}


MALFORMED: list[str | bytes] = [
    "nonsense",
    "",
    "5",
    "null",
    "[]",
    "[" * 100_000,
    "{}",
    '{"type": 5}',
    '{"type": "nonsense"}',
    '{"type": ["subscribe"]}',
    '{"type": "connection_init", "payload": 5}',
    '{"type": "subscribe", "payload": {"query": "{hello}"}}',
    '{"type": "subscribe", "id": {}, "payload": {"query": "{hello}"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{hello}"}}',
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": 5}',
    '{"type": "subscribe", "id": "1", "payload": {}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "variables": []}}',
    '{"type": "complete"}',
    '{"type": "complete", "id": []}',
    b"\x00",
    b'{"type": "ping"}',
]


@pytest.mark.parametrize("message", MALFORMED, ids=lambda message: message[:40])
async def test_a_malformed_message_closes_the_socket(message: str | bytes) -> None:
    async with client_of(sample_app(), initialise="connection_init" not in str(message)) as client:
        await client.send(message)
        assert await close_code(client) == 4400


async def test_a_text_frame_that_is_no_text_closes_the_socket() -> None:
    async with client_of(sample_app()) as client:
        await client.send(b"\xff\xfe", text=True)
        assert await close_code(client) == 1007


async def test_no_messages_whatever_break_the_server() -> None:
    messages = st.lists(
        st.text(max_size=30)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["subscribe", "complete", "ping", "pong"])},
            optional={
                "id": st.sampled_from(["1", "2", 3, None, ""]),
                "payload": st.none()
                | st.fixed_dictionaries(
                    {
                        "query": st.sampled_from(
                            ["{ hello }", "{", "{ broken }", "subscription { count(to: 5) }", "", 1]
                        )
                    },
                    optional={"variables": st.none() | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)},
                ),
            },
        ).map(json.dumps),
        max_size=6,
    )
    async with real_server(sample_app()) as address:

        async def talk(texts: list[str]) -> int | None:
            async with connect(f"ws://{address}/graphql", subprotocols=PROTOCOL) as client:
                await send(client, type="connection_init")
                try:
                    for text in texts:
                        await client.send(text)
                    await send(client, type="ping")
                    while (await receive(client)) != {"type": "pong"}:
                        pass
                except ConnectionClosed:
                    return client.close_code
                return None

        loop = asyncio.get_running_loop()

        @given(messages)
        @settings(max_examples=60)
        def whatever(texts: list[str]) -> None:
            code = asyncio.run_coroutine_threadsafe(talk(texts), loop).result(20)
            assert code in (None, 4400, 4409)

        with structlog.testing.capture_logs():
            await asyncio.to_thread(whatever)
        await eventually(lambda: trace.open_generators == 0)


async def test_a_message_over_the_limit_closes_the_socket() -> None:
    async with client_of(sample_app(ViewOptions(max_message_bytes=1_000))) as client:
        await subscribe(client, "{ hello }" + " " * 1_000)
        assert await close_code(client) == 1009


async def test_only_the_current_protocol_is_spoken() -> None:
    async with real_server(sample_app()) as address:
        for protocols in ([Subprotocol("graphql-ws")], None):
            async with connect(f"ws://{address}/graphql", subprotocols=protocols) as client:
                assert await close_code(client) == 4406


async def test_a_page_of_another_origin_cannot_open_a_socket() -> None:
    app = sample_app(ViewOptions(allowed_origins=frozenset({"https://portal.example"})))
    async with real_server(app) as address:
        for origin in (f"http://{address}", "https://portal.example"):
            async with connect(f"ws://{address}/graphql", subprotocols=PROTOCOL, origin=origin):  # type: ignore[arg-type]
                pass
        for origin in ("https://evil.example", "null", f"http://{address}.evil.example"):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(f"ws://{address}/graphql", subprotocols=PROTOCOL, origin=origin)  # type: ignore[arg-type]


async def test_a_client_that_does_not_say_who_it_is_is_closed() -> None:
    async with client_of(sample_app(ViewOptions(connection_init_timeout_seconds=0.05)), initialise=False) as client:
        assert await close_code(client) == 4408


async def test_an_initialised_client_may_stay() -> None:
    async with client_of(sample_app(ViewOptions(connection_init_timeout_seconds=0.05))) as client:
        await asyncio.sleep(0.1)
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}


async def test_operations_wait_for_the_acknowledgement_and_there_is_one() -> None:
    async with client_of(sample_app(), initialise=False) as client:
        await subscribe(client, "{ hello }")
        assert await close_code(client) == 4401
    async with client_of(sample_app()) as client:
        await send(client, type="connection_init")
        assert await close_code(client) == 4429


async def test_an_id_in_use_closes_the_socket() -> None:
    async with client_of(sample_app()) as client:
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }")
        await subscribe(client, "{ hello }")
        assert await close_code(client) == 4409


async def test_a_socket_has_a_bounded_number_of_operations() -> None:
    async with client_of(sample_app(ViewOptions(max_operations_per_socket=1))) as client:
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }", "1")
        await subscribe(client, "{ hello }", "2")
        refusal = await receive(client)
        assert (refusal["id"], refusal["type"]) == ("2", "error")
        assert refusal["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { count", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription($n: Int!) { count(to: $n) }", "BAD_USER_INPUT"),
        ("query a { hello } query b { hello }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_operation_that_cannot_start_is_an_error_and_the_socket_stays(query: str, code: str) -> None:
    async with client_of(sample_app()) as client:
        await subscribe(client, query)
        answer = await receive(client)
        assert (answer["id"], answer["type"]) == ("1", "error")
        assert answer["payload"][0]["extensions"] == {"code": code, "status": 400}
        await send(client, type="ping")
        assert await receive(client) == {"type": "pong"}


async def test_an_error_while_subscribing_has_its_code() -> None:
    async with client_of(sample_app()) as client:
        await subscribe(client, "subscription { refused }")
        answer = await receive(client)
        errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert errors[0]["extensions"] == {"code": "BAD_USER_INPUT", "status": 400}


async def test_an_error_between_events_is_masked() -> None:
    with structlog.testing.capture_logs() as lines:
        async with client_of(sample_app()) as client:
            await subscribe(client, "subscription { breaks }")
            assert (await receive(client))["payload"] == {"data": {"breaks": 1}}
            broken = await receive(client)
            assert broken["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
            assert (await receive(client))["type"] == "complete"
    assert SECRET not in str(broken) + str(lines)
    assert [line["outcome"] for line in lines if line["event"] == "graphql operation"] == ["INTERNAL_SERVER_ERROR"]


async def test_generators_are_closed_when_the_client_completes_or_goes() -> None:
    async with client_of(sample_app()) as client:
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }", "1")
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }", "2")
        await eventually(lambda: trace.open_generators == 2)
        await send(client, type="complete", id="1")
        await eventually(lambda: trace.open_generators == 1)
        await send(client, type="complete", id="unknown")
        client.transport.abort()  # no farewell, as when a laptop's lid is shut
        await eventually(lambda: trace.open_generators == 0)


async def test_stopping_the_server_closes_sockets_and_generators() -> None:
    async with real_server(sample_app()) as address:
        client = await connect(f"ws://{address}/graphql", subprotocols=PROTOCOL)
        await send(client, type="connection_init")
        await receive(client)
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }")
        await eventually(lambda: trace.open_generators == 1)
    assert await close_code(client) in (1001, 1012)
    assert trace.open_generators == 0


async def test_who_the_client_is_comes_with_connection_init() -> None:
    async def context(connection: Any) -> Any:
        if connection.state.connection_params.get("token") != "good":
            raise ContractError(ErrorCode.UNAUTHENTICATED, "Who are you?")
        return {}

    app = sample_app(context=context)
    async with client_of(app, initialise=False) as client:
        await send(client, type="connection_init", payload={"token": "bad"})
        assert await close_code(client) == 4401
    async with client_of(app, initialise=False) as client:
        await send(client, type="connection_init", payload={"token": "good"})
        assert await receive(client) == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContractError(ErrorCode.FORBIDDEN, "No."), 4403),
        (ContractError(ErrorCode.RATE_LIMITED, "Later."), 1013),
        (RuntimeError(SECRET), 1011),
    ],
)
async def test_a_refused_context_has_a_close_code(error: Exception, code: int) -> None:
    async def refuse(_: Any) -> None:
        raise error

    with structlog.testing.capture_logs():
        async with client_of(sample_app(context=refuse), initialise=False) as client:
            await send(client, type="connection_init")
            assert await close_code(client) == code


async def test_an_expired_context_closes_the_socket() -> None:
    app = sample_app(lifetime_seconds=lambda _: 0.05)
    async with client_of(app) as client:
        await subscribe(client, "subscription { count(to: 9, delaySeconds: 9) }")
        assert await close_code(client) == 4401
    assert trace.open_generators == 0


async def test_a_context_that_no_longer_holds_closes_the_socket_at_the_next_operation() -> None:
    calls = iter([None, ContractError(ErrorCode.FORBIDDEN, "No."), ContractError(ErrorCode.UNAUTHENTICATED, "Gone.")])

    async def context(_: Any) -> Any:
        if error := next(calls):
            raise error

    async with client_of(sample_app(context=context)) as client:
        await subscribe(client, "{ hello }")
        assert (await receive(client))["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        await subscribe(client, "{ hello }")
        assert await close_code(client) == 4401
