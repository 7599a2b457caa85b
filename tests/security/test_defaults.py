"""What the libraries below let through by default: the rows of "vulnerable by default" and "500s out of the box"."""

from typing import Any

import httpx
import orjson
import pytest
import websockets

from graph.settings import Settings
from tests.graph.api import UPLOAD, Api
from tests.graph.conftest import serving

_FILES = {"query": " ".join(UPLOAD.split()), "variables": {"files": [None]}}
_GUARD = {"GraphQL-Require-Preflight": "1"}
_JSON = {"Content-Type": "application/json"}


@pytest.mark.attack("500 out of the box: a JSON body that is no object")
@pytest.mark.parametrize("body", [b"5", b"null", b'"x"', b"true", b"[]", b"[1]", b"1e999", b"-0", b"", b" "])
async def test_a_body_that_is_no_object_is_a_bad_request(api: Api, body: bytes) -> None:
    response = await api.http.post("/graphql", content=body, headers=_JSON)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")


@pytest.mark.attack("500 out of the box: a body that is not UTF-8")
@pytest.mark.parametrize(
    "body", [b"\xff\xfe{", b'{"query": "\xc3("}', b'{"query": "\\ud800"}', b"\x00", b"\xef\xbb\xbf{}"]
)
async def test_a_body_that_is_not_utf_8_is_a_bad_request(api: Api, body: bytes) -> None:
    response = await api.http.post("/graphql", content=body, headers=_JSON)
    assert response.status_code == 400


@pytest.mark.attack("500 out of the box: 100,000 brackets")
@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'{"query":['])
async def test_deep_json_is_a_bad_request(api: Api, bracket: bytes) -> None:
    response = await api.http.post("/graphql", content=bracket * 100_000, headers=_JSON)
    assert response.status_code == 400


@pytest.mark.attack("500 out of the box: variables nested deeply")
async def test_deep_variables_are_an_error_of_the_request(api: Api) -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    response = await api.http.post(
        "/graphql", json={"query": "query ($p: [String]) { me { subject } }", "variables": {"p": deep}}
    )
    assert response.status_code in (200, 400)


@pytest.mark.attack("500 out of the box: a multipart map that is a list, or points nowhere")
@pytest.mark.parametrize(
    "places",
    [
        [],
        ["variables.files.0"],
        {"0": "variables.files.0"},
        {"0": ["nowhere"]},
        {"0": ["variables"]},
        {"0": ["variables.files.9"]},
        {"0": ["variables.files.-1"]},
        {"0": ["variables.files.0.x"]},
        {"0": ["variables.files.²"]},
        {"0": ["variables.files." + "9" * 5000]},
        {"0": [5]},
        {"9": ["variables.files.0"]},
        {"0": ["query"]},
        {"0": ["variables.files.0", "variables.files.0"]},
        None,
        5,
    ],
)
async def test_a_map_that_is_none_is_a_bad_request(api: Api, places: object) -> None:
    form: dict[str, tuple[str | None, bytes]] = {
        "operations": (None, orjson.dumps(_FILES)),
        "map": (None, orjson.dumps(places)),
        "0": ("a", b"DICM"),
    }
    response = await api.http.post("/graphql", files=form, headers=_GUARD)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_USER_INPUT")


@pytest.mark.attack("500 out of the box: a socket's message that is no object")
@pytest.mark.parametrize(
    "message", ["5", "null", "[]", '"x"', "{", "[" * 100_000, '{"type": 5}', '{"type": ["ping"]}', b"\xff", b"{}"]
)
async def test_a_message_that_is_no_object_closes_the_socket(base_url: str, message: str | bytes) -> None:
    async with websockets.connect(
        base_url.replace("http", "ws") + "/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send(message)
        await socket.wait_closed()
    assert socket.close_code == 4400


@pytest.mark.attack("vulnerable by default: the old subprotocol graphql-ws")
@pytest.mark.parametrize("offered", [["graphql-ws"], [], ["graphql-ws", "x"]])
async def test_the_old_protocol_is_not_spoken(base_url: str, offered: list[str]) -> None:
    protocols = [websockets.Subprotocol(name) for name in offered] or None
    async with websockets.connect(base_url.replace("http", "ws") + "/graphql", subprotocols=protocols) as socket:
        await socket.wait_closed()
    assert (socket.close_code, socket.subprotocol) == (4406, None)


@pytest.mark.attack("vulnerable by default: binary frames where text is due")
async def test_messages_are_text(base_url: str) -> None:
    async with websockets.connect(
        base_url.replace("http", "ws") + "/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:
        await socket.send('{"type":"connection_init"}')
        assert isinstance(await socket.recv(), str)


@pytest.mark.attack("vulnerable by default: batches of operations")
@pytest.mark.parametrize("count", [0, 1, 1000])
async def test_operations_come_one_by_one(api: Api, count: int) -> None:
    response = await api.http.post("/graphql", json=[{"query": "{ me { subject } }"}] * count)
    assert response.status_code == 400


@pytest.mark.attack("vulnerable by default: more files than allowed")
async def test_an_upload_has_a_bounded_number_of_files(settings: Settings) -> None:
    async with (
        serving(settings.model_copy(update={"max_upload_files": 3})) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        files: list[tuple[str, tuple[str | None, bytes]]] = [
            ("operations", (None, orjson.dumps(_FILES))),
            ("map", (None, b"{}")),
        ]
        files += [(str(number), (f"{number}", b"x")) for number in range(4)]
        response = await client.post("/graphql", files=files, headers=_GUARD)
    assert response.status_code == 400


@pytest.mark.attack("vulnerable by default: bytes beyond the bounds of each route")
@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        ("/graphql", "application/json", "max_query_bytes"),
        ("/graphql", "multipart/form-data; boundary=b", "max_request_bytes"),
        ("/new-exam-callback", "application/json", None),
    ],
)
@pytest.mark.parametrize("with_length", [True, False])
async def test_bodies_are_bounded(
    settings: Settings, path: str, content_type: str, limit: str | None, with_length: bool
) -> None:
    async def pieces() -> Any:
        yield (
            b'--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\n'
            if "multipart" in content_type
            else b"{"
        )
        for _ in range(40):
            yield b"x" * 65536

    changes = {limit: 1 << 20} if limit else {}
    content: Any = b"".join([piece async for piece in pieces()]) if with_length else pieces()
    async with serving(settings.model_copy(update=changes)) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post(path, content=content, headers=_GUARD | {"Content-Type": content_type})
    assert response.status_code == 413


@pytest.mark.attack("vulnerable by default: introspection and the page for queries off loopback")
async def test_what_shows_the_schema_can_be_off(settings: Settings) -> None:
    changes = {"introspection": False, "graphiql": False}
    async with serving(settings.model_copy(update=changes)) as url, httpx.AsyncClient(base_url=url) as client:
        asked = await client.post("/graphql", json={"query": "{ __schema { types { name } } }"})
        typed = await client.post("/graphql", json={"query": '{ __type(name: "Query") { name } }'})
        page = await client.get("/graphql", headers={"Accept": "text/html"})
    assert "data" not in asked.json()
    assert "data" not in typed.json()
    assert "<html" not in page.text
