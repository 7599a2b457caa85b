"""The audits of the GraphQL over HTTP specification (npm graphql-http), against a real server."""

from tests.graph.engine.sample import sample_app
from tests.graph.engine.serving import real_server
from tests.real import graphql_clients


async def test_every_audit_passes() -> None:
    async with real_server(sample_app()) as address:
        audits = await graphql_clients.run("audits.mjs", f"http://{address}/graphql")
    assert len(audits) >= 61
    assert [audit for audit in audits if audit["status"] != "ok"] == []
