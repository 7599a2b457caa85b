"""GraphQL over HTTP: negotiation, methods, bodies, errors."""

from typing import Any

import httpx
import orjson
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import logs
from graph.engine.view_options import ViewOptions
from graph.errors import ContractError, ErrorCode
from tests.graph.engine.sample import SECRET, sample_app, sample_schema, trace
from tests.graph.engine.serving import in_process

RESPONSE_JSON = "application/graphql-response+json"


async def post(app: Any, query: str, accept: str = RESPONSE_JSON, **body: Any) -> httpx.Response:
    async with in_process(app) as client:
        return await client.post("/graphql", json={"query": query, **body}, headers={"Accept": accept})


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


async def test_a_query_gets_its_data_in_the_media_type_asked_for() -> None:
    app = sample_app()
    for accept, expected in {
        RESPONSE_JSON: RESPONSE_JSON,
        "application/json": "application/json",
        "*/*": "application/json",
        "": "application/json",
        f"application/json;q=0.5, {RESPONSE_JSON};q=0.9": RESPONSE_JSON,
        f"{RESPONSE_JSON};q=nonsense, application/json;q=0.1": "application/json",
    }.items():
        response = await post(app, "{ hello }", accept)
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{expected}; charset=utf-8"
        assert response.json() == {"data": {"hello": "Hello world"}}
        assert response.headers["cache-control"] == "no-store"


async def test_get_serves_queries_but_never_mutations() -> None:
    trace.calls.clear()
    async with in_process(sample_app()) as client:
        answer = await client.get(
            "/graphql", params={"query": "query($n: String!) { hello(name: $n) }", "variables": '{"n":"you"}'}
        )
        assert answer.json() == {"data": {"hello": "Hello you"}}

        refused = await client.get("/graphql", params={"query": 'mutation { rename(patient: {name: "x", age: 1}) }'})
        assert refused.status_code == 405
        assert refused.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "status": 405}
    assert trace.calls == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(method: str) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.request(method, "/graphql")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


async def test_the_page_is_served_to_browsers_only_and_only_when_it_is_on() -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with in_process(sample_app(ViewOptions(graphiql=True))) as client:
        page = await client.get("/graphql", headers=browser)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert (await client.get("/graphql")).status_code == 400
        assert (await client.get("/graphql", params={"query": "{hello}"}, headers=browser)).json()["data"]
    async with in_process(sample_app()) as client:
        off = await client.get("/graphql", headers=browser)
        assert off.status_code == 400
        assert off.json()["errors"][0]["message"] == "The request has no `query`."


MALFORMED = [
    b"5",
    b"null",
    b"[]",
    b'[{"query":"{hello}"}]',
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"query": 5}',
    b"{}",
    b'{"query": "{hello}", "variables": []}',
    b'{"query": "{hello}", "operationName": {}}',
    b'{"query": "{hello}", "extensions": "x"}',
    b'{"query": "\\ud800"}',
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: body[:20])
async def test_a_malformed_body_is_a_bad_request(body: bytes) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert codes(answer) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("variables", ["5", "[", "nonsense", "\ud7ff"])
async def test_malformed_variables_in_a_query_string_are_a_bad_request(variables: str) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.get("/graphql", params={"query": "{hello}", "variables": variables})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/graphql"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
    ids=str,
)
async def test_a_body_of_another_type_is_unsupported(headers: dict[str, str]) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.post("/graphql", content=b'{"query":"{hello}"}', headers=headers)
    assert answer.status_code == 415
    assert codes(answer) == ["BAD_USER_INPUT"]


async def test_a_body_over_the_limit_is_refused_with_or_without_a_length() -> None:
    async def chunks() -> Any:
        for _ in range(4):
            yield b"x" * 400

    async with in_process(sample_app(ViewOptions(max_body_bytes=1_000))) as client:
        for content in (b"x" * 1_001, chunks()):
            answer = await client.post("/graphql", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert codes(answer) == ["BAD_USER_INPUT"]


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda leaf: (
            st.lists(leaf)
            | st.dictionaries(st.sampled_from(["query", "variables", "operationName", "extensions", "x"]), leaf)
        ),
    ).map(lambda value: repr(value).encode())
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_whatever_is_a_server_error(body: bytes) -> None:
    async with in_process(sample_app()) as client:
        answer = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
    assert answer.json()["errors"]


@given(
    st.text(alphabet="{}()[]:!$@\"'#,. \nabhelopatinsm0123456789_", max_size=200)
    | st.lists(
        st.sampled_from(
            [
                "{",
                "}",
                "hello",
                "patients",
                "friends",
                "(",
                "first:",
                "$x",
                ")",
                "...",
                "on",
                "Query",
                "fragment",
                "F",
                "query",
                "mutation",
                "5",
                "null",
                '"s"',
                "@skip",
                "(if:",
                "true",
                "__typename",
                "__schema",
                ":",
            ]
        ),
        max_size=40,
    ).map(" ".join)
)
@settings(max_examples=300)
async def test_no_query_whatever_is_a_server_error(query: str) -> None:
    answer = await post(sample_app(schema=SCHEMA), query)
    assert answer.status_code < 500


SCHEMA = sample_schema()


async def test_errors_of_a_request_carry_code_and_status_and_no_data() -> None:
    app = sample_app()
    for query, code in {
        "{ hello": "GRAPHQL_PARSE_FAILED",
        "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
        "{ hello(name: 5) }": "GRAPHQL_VALIDATION_FAILED",
        "query($n: Int!) { patients(first: $n) { name } }": "BAD_USER_INPUT",
        "query a { hello } query b { hello }": "GRAPHQL_VALIDATION_FAILED",
        "subscription { count(to: 1) }": "BAD_USER_INPUT",
    }.items():
        modern = await post(app, query)
        assert modern.status_code == 400, query
        assert modern.json()["errors"][0]["extensions"] == {"code": code, "status": 400}, query
        assert "data" not in modern.json()
        assert (await post(app, query, "application/json")).status_code == 200


async def test_an_unknown_operation_name_is_refused_and_not_repeated() -> None:
    answer = await post(sample_app(), "query a { hello }", operationName=SECRET)
    assert codes(answer) == ["GRAPHQL_VALIDATION_FAILED"]
    assert SECRET not in answer.text


async def test_an_error_of_a_resolver_stands_at_its_place() -> None:
    answer = await post(sample_app(), "{ first: timeout hello }")
    assert answer.status_code == 200
    assert answer.json() == {
        "data": {"first": None, "hello": "Hello world"},
        "errors": [
            {
                "message": "The PACS did not answer in time.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["first"],
                "extensions": {"code": "PACS_TIMEOUT", "status": 504},
            }
        ],
    }
    assert codes(await post(sample_app(), "{ forbidden }")) == ["FORBIDDEN"]


@pytest.mark.parametrize("query", ["{ broken }", "{ missing }"])
async def test_an_unexpected_error_is_masked_and_logged_once_without_its_message(query: str) -> None:
    token = logs.request_id.set("request-1")
    try:
        with structlog.testing.capture_logs() as lines:
            answer = await post(sample_app(), query)
    finally:
        logs.request_id.reset(token)
    [error] = answer.json()["errors"]
    assert error["message"] == "Internal server error."
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "status": 500, "requestID": "request-1"}
    assert len(lines) == 1
    assert lines[0]["request_id"] == "request-1"
    assert lines[0]["frames"]
    assert SECRET not in answer.text
    assert SECRET not in str(lines)


async def test_the_same_failure_in_many_rows_is_one_line_of_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await post(sample_app(), "{ a: broken b: broken c: broken }")
    assert codes(answer) == ["INTERNAL_SERVER_ERROR"] * 3
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        (
            "query($n: Int) { patients(first: $n) { name } }",
            {"n": SECRET},
            "Variable '$n' has invalid value: Int cannot represent non-integer.",
        ),
        (
            "query($s: Sex!) { state(sex: $s) }",
            {"s": SECRET},
            "Variable '$s' has invalid value: Value does not exist in 'Sex' enum.",
        ),
        (
            "mutation($p: PatientInput!) { rename(patient: $p) }",
            {"p": {"name": "x", "age": SECRET}},
            "Variable '$p' has invalid value at .age: Int cannot represent non-integer.",
        ),
        (
            "mutation($p: PatientInput!) { rename(patient: $p) }",
            {"p": {"name": SECRET}},
            "Variable '$p' has invalid value: Expected value of type 'PatientInput' to include required field 'age'.",
        ),
        (
            "mutation($p: PatientInput!) { rename(patient: $p) }",
            {"p": SECRET},
            "Variable '$p' has invalid value: Expected value of type 'PatientInput' to be an object.",
        ),
        (
            "query($f: Upload) { fileSize(file: $f) }",
            {"f": SECRET},
            "A file is sent as a part of a multipart/form-data request.",
        ),
    ],
)
async def test_a_bad_variable_is_named_but_not_repeated(query: str, variables: dict[str, Any], message: str) -> None:
    answer = await post(sample_app(), query, variables=variables)
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400}
    assert error["message"].endswith(message)
    assert SECRET not in answer.text


async def test_a_null_for_an_argument_that_has_none_is_bad_input_at_its_field() -> None:
    answer = await post(sample_app(), "query($n: Int) { patients(first: $n) { name } }", variables={"n": None})
    [error] = answer.json()["errors"]
    assert error["path"] == ["patients"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "status": 400}


async def test_a_file_in_the_document_is_refused() -> None:
    answer = await post(sample_app(), '{ fileSize(file: "x") }')
    assert answer.status_code == 400
    assert codes(answer)[0] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")


async def test_the_context_is_asked_before_the_body_is_read() -> None:
    async def refuse(_: Any) -> None:
        raise ContractError(ErrorCode.UNAUTHENTICATED, "Who are you?")

    async def body() -> Any:
        raise AssertionError("the body was read")
        yield b""

    async with in_process(sample_app(context=refuse)) as client:
        answer = await client.post("/graphql", content=body(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert codes(answer) == ["UNAUTHENTICATED"]


async def test_a_refusal_for_now_says_when_to_come_back() -> None:
    async def refuse(_: Any) -> None:
        raise ContractError(ErrorCode.RATE_LIMITED, "Slowly.", retryAfterSeconds=3)

    answer = await post(sample_app(context=refuse), "{ hello }")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"


async def test_a_context_that_fails_is_masked() -> None:
    async def fail(_: Any) -> None:
        raise RuntimeError(SECRET)

    with structlog.testing.capture_logs() as lines:
        answer = await post(sample_app(context=fail), "{ hello }")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"]["requestID"]
    assert SECRET not in answer.text + str(lines)


async def test_text_that_is_no_unicode_is_still_an_answer() -> None:
    answer = await post(sample_app(), "{ oddText }")
    assert answer.status_code == 200
    assert answer.content == orjson.dumps({"data": {"oddText": "X"}}).replace(b"X", b"\\ud800")


async def test_the_operation_is_there_for_the_request_log() -> None:
    seen: list[Any] = []
    app = sample_app()

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.append(scope["state"]["operation"])

    for query in ("query Names { hello }", "mutation { nothing }", "{ broken }", "{"):
        await post(watched, query, operationName=None)
    assert [(operation.name, operation.kind, operation.outcome) for operation in seen] == [
        ("Names", "query", "ok"),
        (None, "mutation", "GRAPHQL_VALIDATION_FAILED"),
        (None, "query", "INTERNAL_SERVER_ERROR"),
        (None, None, "GRAPHQL_PARSE_FAILED"),
    ]
