"""Tokens of an external viewer, from a server on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from graph.app import create_app
from graph.errors import ContractError
from graph.settings import Settings
from graph.viewer.external import fetch_token
from graph.viewer.roles import ViewerRole
from graph.viewer.tokens import Subject
from tests.graph.api import Api
from tests.graph.viewer_links import CREATE, browser, created, stored
from tests.samples import Exam
from tests.served import served

SUBJECT = Subject("1.2.3", "P 1&x", "dr.house", ViewerRole.DIAGNOSTIC)


@asynccontextmanager
async def viewer(answer: Callable[[Request], Awaitable[Response]]) -> AsyncIterator[str]:
    """An external viewer whose token endpoint answers so."""
    app = Starlette(routes=[Route("/token", answer)])
    async with served(app, timeout_graceful_shutdown=0) as port:
        yield f"http://127.0.0.1:{port}/token"


async def test_the_token_and_its_link_are_the_external_viewers(settings: Settings) -> None:
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return JSONResponse({"token": "t/1"})

    exam = Exam()
    async with viewer(answer) as url:
        app = create_app(
            Settings(
                _env_file=None,
                data_dir=settings.data_dir,
                archive_socket=settings.archive_socket,
                viewer_token_url=url,
                viewer_authorization_token=SecretStr("s3cret"),
                dicom_viewer_url="https://viewer.example/?t={token}&study={studyInstanceUID}&role={role}",
            )
        )
        async with app.router.lifespan_context(app), browser(app) as client:
            await stored(Api(client), exam)
            payload = await created(Api(client), exam.study, user="dr.house", role="DIAGNOSTIC")
            missing = await Api(client).error(CREATE, input={"studyInstanceUID": "1.2.3.4"})

    (request,) = asked
    assert payload["token"] == "t/1"
    assert payload["url"] == f"https://viewer.example/?t=t%2F1&study={exam.study}&role=diagnostic"
    assert dict(request.query_params) == {
        "studyUID": exam.study,
        "patientID": exam.patient_id,
        "user": "dr.house",
        "role": "diagnostic",
    }
    assert request.headers["authorization"] == "Bearer s3cret"
    assert missing["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (PlainTextResponse("no", 401), "PACS_UNAUTHORIZED"),
        (PlainTextResponse("no", 404), "NOT_FOUND"),
        (PlainTextResponse("no", 500), "PACS_ERROR"),
        (PlainTextResponse("no", 503), "PACS_UNAVAILABLE"),
        (PlainTextResponse("", 302, {"location": "http://127.0.0.1:1/"}), "PACS_ERROR"),
        (PlainTextResponse("<html>"), "PACS_ERROR"),
        (JSONResponse({"token": 7}), "PACS_ERROR"),
        (JSONResponse({"token": ""}), "PACS_ERROR"),
        (JSONResponse(["token"]), "PACS_ERROR"),
        (PlainTextResponse("x" * 100_000), "PACS_ERROR"),
    ],
)
async def test_a_viewer_that_gives_no_token_is_an_error_with_a_code(answer: Response, code: str) -> None:
    async def reply(_: Request) -> Response:
        return answer

    async with viewer(reply) as url:
        with pytest.raises(ContractError) as failure:
            await fetch_token(url, None, SUBJECT)

    assert failure.value.code == code


async def test_a_viewer_that_is_silent_or_gone_is_an_error_in_time() -> None:
    async def sleep(_: Request) -> Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with viewer(sleep) as url:
        with pytest.raises(ContractError) as silent:
            await fetch_token(url, None, SUBJECT, patience_seconds=0.2)
    with pytest.raises(ContractError) as gone:
        await fetch_token(url, None, SUBJECT)

    assert silent.value.code == "PACS_TIMEOUT"
    assert gone.value.code == "PACS_UNAVAILABLE"
