"""Files in GraphQL requests: the multipart request specification, its limits, and files that are never left open."""

import asyncio
import contextlib
import gc
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.engine.view_options import ViewOptions
from graph.errors import ContractError, ErrorCode
from tests.graph.engine.sample import sample_app, trace
from tests.graph.engine.serving import eventually, in_process, real_server

UPLOAD = "mutation($files: [Upload!]!) { upload(files: $files) { filename size tooLarge content } }"
GUARD = {"GraphQL-Require-Preflight": "1"}


def form(*contents: bytes, query: str = UPLOAD, **changes: Any) -> dict[str, Any]:
    """Arguments for httpx: a form of the specification, with parts replaced or left out (None)."""
    parts = {
        "operations": json.dumps({"query": query, "variables": {"files": [None] * len(contents)}}),
        "map": json.dumps({str(index): [f"variables.files.{index}"] for index in range(len(contents))}),
    } | changes
    fields = [(name, (None, value)) for name, value in parts.items() if value is not None]
    files = [(str(index), (f"{index}.dcm", content)) for index, content in enumerate(contents)]
    return {"files": [*fields, *files], "headers": GUARD}


async def upload(*contents: bytes, options: ViewOptions | None = None, **changes: Any) -> httpx.Response:
    async with in_process(sample_app(options)) as client:
        return await client.post("/graphql", **form(*contents, **changes))


@pytest.fixture(autouse=True)
def every_upload_is_closed() -> Any:
    trace.uploads.clear()
    yield
    assert all(upload.file.closed for upload in trace.uploads)


async def test_files_reach_the_resolver_in_order() -> None:
    answer = await upload(b"first", b"", "dritte ü".encode())
    assert answer.json() == {
        "data": {
            "upload": [
                {"filename": "0.dcm", "size": 5, "tooLarge": False, "content": "first"},
                {"filename": "1.dcm", "size": 0, "tooLarge": False, "content": ""},
                {"filename": "2.dcm", "size": 9, "tooLarge": False, "content": "dritte Ã¼"},
            ]
        }
    }


async def test_one_file_may_stand_at_two_places() -> None:
    answer = await upload(
        b"x",
        operations=json.dumps({"query": UPLOAD, "variables": {"files": [None, None]}}),
        map=json.dumps({"0": ["variables.files.0", "variables.files.1"]}),
    )
    assert [stored["size"] for stored in answer.json()["data"]["upload"]] == [1, 1]


async def test_a_file_over_the_limit_fails_alone() -> None:
    answer = await upload(b"x" * 10, b"x" * 11, b"ok", options=ViewOptions(max_upload_bytes=10))
    assert [(stored["size"], stored["tooLarge"], stored["content"]) for stored in answer.json()["data"]["upload"]] == [
        (10, False, "x" * 10),
        (11, True, ""),
        (2, False, "ok"),
    ]


async def test_a_form_over_the_limit_is_refused() -> None:
    options = ViewOptions(max_request_bytes=5_000)
    assert (await upload(b"x" * 5_000, options=options)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="0"; filename="x"\r\n\r\n'
        while True:
            yield b"x" * 1_000

    async with in_process(sample_app(options)) as client:
        headers = GUARD | {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await client.post("/graphql", content=endless(), headers=headers)
    assert answer.status_code == 413


async def test_too_many_files_and_too_much_json_are_refused() -> None:
    assert (await upload(b"1", b"2", b"3", options=ViewOptions(max_upload_files=2))).status_code == 400
    assert (await upload(b"1", options=ViewOptions(max_body_bytes=100))).status_code == 413


@pytest.mark.parametrize(
    "changes",
    [
        {"operations": None},
        {"map": None},
        {"operations": "nonsense"},
        {"operations": "[]"},
        {"operations": "null"},
        {"operations": json.dumps([{"query": UPLOAD}])},
        {"map": "nonsense"},
        {"map": "[]"},
        {"map": "{}"},
        {"map": '{"0": "variables.files.0"}'},
        {"map": '{"0": [1]}'},
        {"map": '{"0": ["variables.files.1"]}'},
        {"map": '{"0": ["variables.files.-1"]}'},
        {"map": '{"0": ["variables.files.x"]}'},
        {"map": '{"0": ["variables.files.' + "9" * 5_000 + '"]}'},
        {"map": '{"0": ["variables.files.٣"]}'},
        {"map": '{"0": ["variables.other"]}'},
        {"map": '{"0": ["query"]}'},
        {"map": '{"0": ["variables"]}'},
        {"map": '{"0": [""]}'},
        {"map": '{"0": ["variables.files.0", "variables.files.0"]}'},
        {"map": '{"0": ["variables.files.0"], "1": []}'},
        {"map": "[" * 100_000},
    ],
    ids=lambda changes: str(changes)[:50],
)
async def test_a_form_that_breaks_the_specification_is_a_bad_request(changes: dict[str, Any]) -> None:
    answer = await upload(b"x", **changes)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "status": 400}


@pytest.mark.parametrize("guard", ["GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Requested-With"])
async def test_a_form_needs_a_header_that_a_strange_page_cannot_send(guard: str) -> None:
    async with in_process(sample_app()) as client:
        request = form(b"x") | {"headers": {}}
        refused = await client.post("/graphql", **request)
        assert refused.status_code == 400
        assert "GraphQL-Require-Preflight" in refused.json()["errors"][0]["message"]
        allowed = await client.post("/graphql", **(request | {"headers": {guard: "1"}}))
        assert allowed.json()["data"]


PART = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--b--\r\n",
        b"--b\r\n\r\nno name\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        PART % b"operations",
        PART % b"operations" + PART % b"operations" + b"--b--\r\n",
        PART % b"0" + PART % b"0" + b"--b--\r\n",
        b"--b\r\n" + b"X-Long: " + b"x" * 100_000,
        b"--b\r\n" + b"X-Many: 1\r\n" * 10_000,
        b"--b\r\n\xff: 1\r\n\r\n",
    ],
    ids=lambda body: body[:24],
)
async def test_a_broken_form_is_a_bad_request(body: bytes) -> None:
    async with in_process(sample_app()) as client:
        headers = GUARD | {"Content-Type": "multipart/form-data; boundary=b"}
        assert (await client.post("/graphql", content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 1_000],
    ids=lambda value: value[:35],
)
async def test_a_form_without_a_fit_boundary_is_a_bad_request(content_type: str) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.post("/graphql", content=b"x", headers=GUARD | {"Content-Type": content_type})
    assert answer.status_code == 400


@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--b--",
                b"\r\n",
                b"\r",
                b"\n",
                b"Content-Disposition",
                b": ",
                b"form-data; ",
                b'name="operations"',
                b'name="map"',
                b'name="0"',
                b'; filename="a"',
                b'{"query":"{hello}"}',
                b'{"0":["variables.x"]}',
                b"x",
                b"\x00",
                b"\xff",
            ]
        ),
        max_size=40,
    ).map(b"".join)
)
@settings(max_examples=200)
async def test_no_form_whatever_is_a_server_error(body: bytes) -> None:
    async with in_process(sample_app()) as client:
        headers = GUARD | {"Content-Type": "multipart/form-data; boundary=b"}
        assert (await client.post("/graphql", content=body, headers=headers)).status_code < 500


async def test_files_are_closed_when_the_resolver_fails() -> None:
    with structlog.testing.capture_logs():
        answer = await upload(b"x", query=UPLOAD.replace("files: $files", "files: $files, fail: true"))
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert len(trace.uploads) == 1


def _spooled(folder: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed in the meantime
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [target for target in found if target.startswith(str(folder))]


async def test_a_client_that_hangs_up_midway_leaves_nothing(tmp_path: Path) -> None:
    app = sample_app(ViewOptions(spool_dir=tmp_path))
    async with real_server(app) as address:
        host, port = address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nGraphQL-Require-Preflight: 1\r\nContent-Length: 99999999\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="0"; filename="a"\r\n\r\n' + b"x" * 9_000_000
        )
        await writer.drain()
        await eventually(lambda: _spooled(tmp_path))
        assert os.listdir(tmp_path) == []  # unlinked: a kill -9 leaves nothing either

        writer.close()
        await eventually(lambda: not _spooled(tmp_path))
    gc.collect()  # a file that nobody closed would warn here


async def test_nothing_is_read_of_an_upload_by_a_stranger(tmp_path: Path) -> None:
    async def refuse(_: Any) -> None:
        raise ContractError(ErrorCode.UNAUTHENTICATED, "Who are you?")

    app = sample_app(ViewOptions(spool_dir=tmp_path / "missing"), context=refuse)
    async with real_server(app) as address, httpx.AsyncClient() as client:
        answer = await client.post(f"http://{address}/graphql", **form(b"x" * 3_000_000))
    assert answer.status_code == 401


async def test_a_refused_upload_gets_its_answer_while_it_is_still_sending() -> None:
    app = sample_app(ViewOptions(max_request_bytes=100_000))
    async with real_server(app) as address, httpx.AsyncClient() as client:
        answer = await client.post(f"http://{address}/graphql", **form(b"x" * 20_000_000))
    assert answer.status_code == 413
