"""Bearer tokens that are forged, stale or stolen, against the whole server: over HTTP and on sockets."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import websockets
from starlette.applications import Starlette

from graph.access import Role
from graph.app import create_app
from graph.authentication.api_keys import new_key
from graph.settings import Settings
from tests.graph.authentication.bad_tokens import BAD
from tests.graph.authentication.issuer import AUDIENCE, ISSUER, Publisher, jwks, rsa_key, signed
from tests.graph.conftest import serving
from tests.graph.viewer_links import browser

_ME = {"query": "{ me { subject role } }"}


@pytest.fixture
def secured(settings: Settings, tmp_path: Path) -> Settings:
    """An issuer's keys in a file."""
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(jwks("a")))
    changes = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": (AUDIENCE,), "jwt_jwks_file": file}
    return settings.model_copy(update={**changes, "jwt_leeway_seconds": 0, "rate_per_second": 0})


@pytest.fixture
async def secured_app(secured: Settings) -> AsyncIterator[Starlette]:
    app = create_app(secured)
    async with app.router.lifespan_context(app):
        yield app


def _sendable(token: str) -> bytes:
    """As a header takes it: without what ends one."""
    return token.encode(errors="surrogatepass").replace(b"\0", b"")


@pytest.mark.attack("forged and stale bearer tokens: alg none, key confusion, wrong audience, expired, …")
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_opens_nothing_over_http(secured_app: Starlette, name: str) -> None:
    headers = {b"Authorization": b"Bearer " + _sendable(BAD[name]())}
    async with browser(secured_app) as client:
        graphql = await client.post("/graphql", json=_ME, headers=headers)
        file = await client.get("/exams/studies/1.2?fileType=application/zip", headers=headers)
    assert (graphql.status_code, file.status_code) == (401, 401)
    assert graphql.json()["errors"][0]["extensions"]["code"] == file.json()["code"] == "UNAUTHENTICATED"


@pytest.mark.attack("two tokens in one request, of which a proxy in front may have checked the other")
@pytest.mark.parametrize("second", ["PATIENT", "ADMIN", None])
async def test_of_two_tokens_none_counts(secured_app: Starlette, second: str | None) -> None:
    tokens = [signed(rsa_key("a")), signed(rsa_key("a"), role=second) if second else ""]
    async with browser(secured_app) as client:
        headers = [("Authorization", f"Bearer {token}") for token in tokens]
        graphql = await client.post("/graphql", json=_ME, headers=headers)
        file = await client.get("/exams/studies/1.2?fileType=application/zip", headers=headers)
    assert (graphql.status_code, file.status_code) == (401, 401)


@pytest.mark.attack("forged and stale bearer tokens: on sockets")
async def test_a_bad_token_opens_no_socket(secured: Settings) -> None:
    async with serving(secured) as url:
        for name, make in BAD.items():
            async with websockets.connect(
                url.replace("http", "ws", 1) + "/graphql",
                subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
            ) as socket:
                token = make().encode(errors="replace").decode()
                init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
                await socket.send(orjson.dumps(init).decode())
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(socket.recv(), 10)
                assert socket.close_code == 4401, name


@pytest.mark.attack("a flood of tokens with unknown keys does not reach the issuer")
async def test_unknown_keys_do_not_flood_the_issuer(secured: Settings) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        app = create_app(secured.model_copy(update={"jwt_jwks_file": None, "jwt_jwks_url": url}))
        tokens = [signed(rsa_key("b"), header={"kid": f"unknown {n}"}) for n in range(300)]
        async with app.router.lifespan_context(app), browser(app) as client:

            async def ask(token: str) -> int:
                return (
                    await client.post("/graphql", json=_ME, headers={"Authorization": f"Bearer {token}"})
                ).status_code

            assert await ask(signed(rsa_key("a"))) == 200
            assert set(await asyncio.gather(*map(ask, tokens))) == {401}
            assert await ask(signed(rsa_key("a"), sub="another")) == 200
    assert issuer.asked <= 2


@pytest.mark.attack("token replay: an API key that was removed from the file")
async def test_a_removed_key_is_not_taken_again(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = new_key(file, "portal", Role.DIAGNOSTIC)
    app = create_app(settings.model_copy(update={"auth": "api-key", "api_key_file": file}))
    async with app.router.lifespan_context(app), browser(app) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        assert (await client.post("/graphql", json=_ME)).status_code == 200
        file.write_text("")
        deadline = time.monotonic() + 5
        while (status := (await client.post("/graphql", json=_ME)).status_code) == 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert status == 401
        assert (await client.get("/exams/studies/1.2?fileType=application/zip")).status_code == 401


@pytest.mark.attack("timing of wrong tokens: API keys")
async def test_a_wrong_key_takes_as_long_wherever_it_differs(settings: Settings, tmp_path: Path) -> None:
    """A key is looked up by its hash, which tells nothing of how near a guess is."""
    file = tmp_path / "keys"
    key = new_key(file, "portal", Role.DIAGNOSTIC)
    wrong = {"at once": "x" + key[1:], "at the end": key[:-1] + ("x" if key[-1] != "x" else "y")}
    app = create_app(settings.model_copy(update={"auth": "api-key", "api_key_file": file, "rate_per_second": 0}))
    seconds: dict[str, list[float]] = {kind: [] for kind in wrong}
    async with app.router.lifespan_context(app), browser(app) as client:
        for _ in range(100):
            for kind, token in wrong.items():
                headers = {"Authorization": f"Bearer {token}"}
                began = time.perf_counter()
                answer = await client.post("/graphql", json=_ME, headers=headers)
                seconds[kind].append(time.perf_counter() - began)
                assert answer.status_code == 401
    first, last = (statistics.median(values) for values in seconds.values())
    assert abs(first - last) < 0.2 * max(first, last), (first, last)
