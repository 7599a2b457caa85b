"""The clients that pages use, graphql-ws and urql, against a real server."""

import structlog

from tests.graph.engine.sample import sample_app, trace
from tests.graph.engine.serving import eventually, real_server
from tests.real import graphql_clients


async def test_graphql_ws_runs_several_operations_on_one_socket() -> None:
    with structlog.testing.capture_logs():
        async with real_server(sample_app()) as address:
            answers = await graphql_clients.run("graphql_ws.mjs", f"ws://{address}/graphql")
            await eventually(lambda: trace.open_generators == 0)
    assert answers == {
        "numbers": [{"data": {"count": number}} for number in range(3)],
        "query": [{"data": {"hello": "Hello world"}}],
        "invalid": [{"thrown": ["GRAPHQL_VALIDATION_FAILED"]}],
        "left": 2,
        "afterwards": [{"data": {"count": 0}}],
    }


async def test_urql_queries_uploads_and_subscribes() -> None:
    with structlog.testing.capture_logs():
        async with real_server(sample_app()) as address:
            answers = await graphql_clients.run("urql.mjs", f"http://{address}/graphql")
    assert answers == {
        "hello": {"hello": "Hello you"},
        "failed": "FORBIDDEN",
        "renamed": {"rename": "x"},
        "uploaded": {"upload": [{"filename": "1.dcm", "size": 5}, {"filename": "2.dcm", "size": 6}]},
        "counted": [0, 1, 2],
    }
