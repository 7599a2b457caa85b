"""Tokens that are used twice, guessed, bent or told apart by time."""

import asyncio
import hashlib
import secrets

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.viewer_links import browser, created, opened, stored
from tests.samples import Exam

_EVENT = {"StudyInstanceUID": "1.2", "PatientID": "A"}


@pytest.mark.attack("token replay: a viewer link, raced for by a hundred")
async def test_a_link_opens_for_one_of_a_hundred(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    link = (await created(api, exam.study))["url"]
    async with browser(app) as client:
        answers = await asyncio.gather(*(client.get(link, headers={"Cookie": ""}) for _ in range(100)))
    assert sorted({answer.status_code for answer in answers}) == [303, 410]
    assert [answer.status_code for answer in answers].count(303) == 1


@pytest.mark.attack("token replay: a viewer link, guessed or bent")
async def test_a_link_cannot_be_guessed(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    token = (await created(api, exam.study))["token"]
    bent = [
        token[:-1],
        token + "A",
        token.swapcase(),
        token[:-1] + "*",
        f" {token}",
        f"{token}=",
        "",
        secrets.token_urlsafe(32),
    ]
    async with browser(app) as client:
        statuses = [(await client.get("/viewer", params={"token": one})).status_code for one in bent]
        digest = (await client.get("/viewer", params={"token": hashlib.sha256(token.encode()).hexdigest()})).status_code
        assert not client.cookies
        right = (await client.get("/viewer", params={"token": token})).status_code
    assert set(statuses) <= {400, 410}
    assert (digest, right) == (410, 303)


@pytest.mark.attack("token replay: a viewer's cookie, bent, for another study, or on another server")
async def test_a_cookie_opens_its_study_on_its_server_alone(app: Starlette, api: Api, settings: Settings) -> None:
    own, other = Exam(), Exam()
    await stored(api, own)
    await stored(api, other)
    async with browser(app) as client:
        await opened(client, api, own.study)
        ((name, value),) = client.cookies.items()
    foreign_name = name[: -len(_suffix(own.study))] + _suffix(other.study)
    header, *parts = value.split(".")
    attempts = {
        "bent": (own.study, name, value[:-2] + ("AA" if value[-2:] != "AA" else "BB")),
        "cut": (own.study, name, value[: len(value) // 2]),
        "no encryption": (own.study, name, f"eyJhbGciOiJub25lIn0.{'.'.join(parts)}"),
        "empty": (own.study, name, ""),
        "other study": (other.study, foreign_name, value),
        "header alone": (own.study, name, header),
    }
    async with browser(app) as client:
        for what, (study, cookie, content) in attempts.items():
            answer = await client.get(
                f"/viewer/dicomweb/studies/{study}/series", headers={"Cookie": f"{cookie}={content}"}
            )
            assert answer.status_code in (401, 403), what
    elsewhere = create_app(settings.model_copy(update={"data_dir": settings.data_dir / "other"}))
    async with elsewhere.router.lifespan_context(elsewhere), browser(elsewhere) as client:
        answer = await client.get(f"/viewer/dicomweb/studies/{own.study}/series", headers={"Cookie": f"{name}={value}"})
    assert answer.status_code == 401


def _suffix(study: str) -> str:
    return hashlib.sha256(study.encode()).hexdigest()[:16]


class _Bytes(bytes):
    """A secret that must not be compared by what stops at the first difference, and so tells where that is."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a secret was compared with == or !=")

    __ne__ = __eq__
    __hash__ = bytes.__hash__


class _Text(str):
    """The same as text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a secret was compared with == or !=")

    __ne__ = __eq__
    __hash__ = str.__hash__

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return _Bytes(super().encode(encoding, errors))


@pytest.mark.attack("timing of wrong tokens: the callback's")
async def test_no_comparison_that_stops_early_sees_the_callback_token(settings: Settings) -> None:
    """Such a comparison, `==`, fails here. Its time is not measured, as it is lost in that of the request."""
    app = create_app(settings.model_copy(update={"callback_token": SecretStr(_Text("secret"))}))
    async with app.router.lifespan_context(app), browser(app) as client:
        statuses = {
            token: (await client.send(_announcement(client, token))).status_code
            for token in ("", "Xecret", "secreX", "secret", "secrets")
        }
    assert statuses == {"": 401, "Xecret": 401, "secreX": 401, "secret": 204, "secrets": 401}


def _announcement(client: httpx.AsyncClient, token: str) -> httpx.Request:
    return client.build_request("POST", "/new-exam-callback", json=_EVENT, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.attack("a token in another place, form or case")
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic"},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic c2VjcmV0"},
        {"Authorization": "secret"},
        {"Authorization": "Bearer SECRET"},
        {"Authorization": "Bearer secret, Bearer other"},
        {"Cookie": "token=secret"},
        {"X-Token": "secret"},
        {},
    ],
)
async def test_the_callback_takes_its_token_only_as_it_says(settings: Settings, headers: dict[str, str]) -> None:
    app = create_app(Settings(**{**settings.model_dump(), "callback_token": "secret"}, _env_file=None))
    async with app.router.lifespan_context(app), browser(app) as client:
        answer = await client.post("/new-exam-callback", json=_EVENT, headers=headers)
        assert (await app.state.services.store.last_sequence()) == 0
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
