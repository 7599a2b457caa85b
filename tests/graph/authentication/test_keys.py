"""The issuer's keys: fetched once, fetched again when they change, kept while the issuer is down."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from graph.authentication.authenticator import Unauthenticated
from graph.authentication.keys import BadKeys, KeyRing
from graph.authentication.published_keys import PublishedKeys
from graph.authentication.tokens import TokenAuthenticator
from graph.errors import ContractError
from tests.graph.authentication.issuer import AUDIENCE, ISSUER, Publisher, jwks, rsa_key, signed
from tests.graph.authentication.test_tokens import _NAMES

_PAUSE_SECONDS = 0.3


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def authenticator(url: str, client: httpx.AsyncClient, pause_seconds: float = _PAUSE_SECONDS) -> TokenAuthenticator:
    return _known(PublishedKeys.of_url(url, client, pause_seconds=pause_seconds))


def _known(keys: PublishedKeys) -> TokenAuthenticator:
    return TokenAuthenticator(
        keys,
        _NAMES,
        issuer=ISSUER,
        audience=[AUDIENCE],
        algorithms=["RS256"],
        leeway_seconds=0,
    )


async def test_many_at_once_fetch_the_keys_once(client: httpx.AsyncClient) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        known = authenticator(url, client)
        tokens = [signed(rsa_key("a"), sub=f"user {n}") for n in range(20)]
        found = await asyncio.gather(*map(known.authenticate, tokens))
    assert [who.subject for who in found] == [f"user {n}" for n in range(20)]
    assert issuer.asked == 1


async def test_a_new_key_is_found_and_the_withdrawn_one_ends(client: httpx.AsyncClient) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        known = authenticator(url, client)
        old, new = signed(rsa_key("a")), signed(rsa_key("b"))
        await known.authenticate(old)
        issuer.answer = JSONResponse(jwks("b"))
        await asyncio.sleep(_PAUSE_SECONDS)
        assert (await known.authenticate(new)).subject == "anna"
        with pytest.raises(Unauthenticated):
            await known.authenticate(old)  # though it was verified before


async def test_a_key_that_is_withdrawn_ends_though_no_other_token_comes() -> None:
    """Its token was verified before, and is all that is presented."""
    published = [jwks("a")]

    async def fetch() -> bytes:
        return json.dumps(published[-1]).encode()

    known = _known(PublishedKeys("here", fetch, pause_seconds=0, fresh_seconds=0.05))
    token = signed(rsa_key("a"))
    await known.authenticate(token)
    published.append(jwks("b"))
    await asyncio.sleep(0.06)
    await known.authenticate(token)  # finds that the keys are old
    await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated):
        await known.authenticate(token)


async def test_a_flood_of_unknown_keys_asks_the_issuer_as_often_as_it_may(client: httpx.AsyncClient) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        known = authenticator(url, client, pause_seconds=30)
        await known.authenticate(signed(rsa_key("a")))
        for n in range(200):
            with pytest.raises(Unauthenticated):
                await known.authenticate(signed(rsa_key("b"), header={"kid": f"unknown {n}"}))
        await known.authenticate(signed(rsa_key("a"), sub="another"))
    assert issuer.asked <= 2


async def test_keys_outlive_the_issuer(client: httpx.AsyncClient) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        known = authenticator(url, client)
        await known.authenticate(signed(rsa_key("a")))
    await asyncio.sleep(_PAUSE_SECONDS)
    with pytest.raises(Unauthenticated):
        await known.authenticate(signed(rsa_key("b")))
    assert (await known.authenticate(signed(rsa_key("a"), sub="later"))).subject == "later"


async def test_without_any_key_nobody_is_told_from_another_until_the_issuer_is_back(client: httpx.AsyncClient) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        pass
    known = authenticator(url, client)
    with pytest.raises(ContractError) as refused:
        await known.authenticate(signed(rsa_key("a")))
    assert (refused.value.extensions or {})["status"] == 503
    async with issuer.serving(int(url.split(":")[2].split("/")[0])):
        await asyncio.sleep(1.1)
        assert (await known.authenticate(signed(rsa_key("a")))).subject == "anna"


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("no"),
        JSONResponse([]),
        JSONResponse({"keys": None}),
        JSONResponse({"keys": []}),
        JSONResponse({"keys": [1, {}, {"kty": "RSA"}, {"kty": "RSA", "n": "AQ", "e": 5}]}),
        JSONResponse({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}),
        JSONResponse(jwks("b"), 500),
        RedirectResponse("/jwks?again"),
        JSONResponse({"keys": ["x" * (1 << 20)]}),
    ],
    ids=["text", "list", "null", "empty", "broken", "symmetric", "500", "redirect", "large"],
)
async def test_what_is_no_key_set_changes_nothing(client: httpx.AsyncClient, answer: Response) -> None:
    issuer = Publisher()
    async with issuer.serving() as url:
        known = authenticator(url, client)
        await known.authenticate(signed(rsa_key("a")))
        issuer.answer = answer
        await asyncio.sleep(_PAUSE_SECONDS)
        with pytest.raises(Unauthenticated):
            await known.authenticate(signed(rsa_key("b")))
        assert (await known.authenticate(signed(rsa_key("a"), sub="later"))).subject == "later"
    assert issuer.asked == 2


async def test_a_file_of_keys_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(jwks("a")))
    known = _known(PublishedKeys.of_file(file, pause_seconds=_PAUSE_SECONDS))
    await known.authenticate(signed(rsa_key("a")))
    file.write_text(json.dumps(jwks("b")))
    await asyncio.sleep(_PAUSE_SECONDS)
    assert (await known.authenticate(signed(rsa_key("b")))).subject == "anna"
    with pytest.raises(Unauthenticated):
        await known.authenticate(signed(rsa_key("a")))
    file.unlink()
    await asyncio.sleep(_PAUSE_SECONDS)
    assert (await known.authenticate(signed(rsa_key("b"), sub="later"))).subject == "later"


def test_a_set_without_a_public_key_is_refused() -> None:
    for document in (b"", b"{}", b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', b"\xff"):
        with pytest.raises(BadKeys):
            KeyRing.of_jwks(document)
