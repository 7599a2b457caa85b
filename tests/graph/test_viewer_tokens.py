"""createViewerToken and the link it makes."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
import structlog
import structlog.testing
from starlette.applications import Starlette

from graph.app import create_app
from graph.context import Services
from graph.settings import Settings, SettingsError, load
from graph.viewer import tokens
from graph.viewer.roles import ViewerRole
from graph.viewer.sessions import SessionCookies
from graph.viewer.tokens import Subject
from tests.graph.api import Api
from tests.graph.viewer_links import CREATE, browser, created, opened, stored
from tests.samples import Exam


async def test_a_link_opens_the_viewer_and_leaves_the_address_bar(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)

    payload = await created(api, exam.study)
    async with browser(app) as client:
        response = await client.get(payload["url"])

    assert payload["url"] == f"http://127.0.0.1:8000/viewer?token={payload['token']}"
    assert len(payload["token"]) == 43  # 256 bits
    assert payload["role"] == "PATIENT"
    left = dt.datetime.fromisoformat(payload["expiresAt"]) - dt.datetime.now(dt.UTC)
    assert 290 < left.total_seconds() <= 300
    assert response.status_code == 303
    assert response.headers["location"] == f"http://127.0.0.1:8000/viewer/studies/{exam.study}"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=1800" in cookie
    assert exam.patient_id not in cookie


async def test_a_token_is_stored_as_its_digest_alone(api: Api, settings: Settings) -> None:
    exam = Exam()
    await stored(api, exam)

    token = (await created(api, exam.study))["token"]

    kept = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert exam.study.encode() in kept
    assert token.encode() not in kept


async def test_of_a_hundred_who_race_with_one_token_one_gets_in(app: Starlette, api: Api) -> None:
    exam = Exam()
    await stored(api, exam)
    url = (await created(api, exam.study))["url"]

    async with browser(app) as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(100)))

    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 99
    assert [answer.status_code for answer in answers if "set-cookie" in answer.headers] == [303]
    assert "used already" in next(answer.text for answer in answers if answer.status_code == 410)


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
async def test_a_preview_of_the_link_does_not_use_it_up(app: Starlette, api: Api, headers: dict[str, str]) -> None:
    exam = Exam()
    await stored(api, exam)
    url = (await created(api, exam.study))["url"]

    async with browser(app) as client:
        assert "set-cookie" not in (await client.head(url)).headers
        assert (await client.get(url, headers=headers)).status_code == 503
        assert (await client.get(url)).status_code == 303


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?token=", 400), ("?token=x", 410), ("?token=" + "A" * 43, 410), ("?token=%00", 410)],
)
async def test_what_is_no_token_opens_nothing(app: Starlette, query: str, status: int) -> None:
    async with browser(app) as client:
        response = await client.get(f"/viewer{query}")

    assert response.status_code == status
    assert "set-cookie" not in response.headers
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_a_token_that_waited_too_long_opens_nothing(app: Starlette, api: Api) -> None:
    services: Services = app.state.services
    subject = Subject("1.2.3", "P1", None, ViewerRole.PATIENT)
    token, _ = await tokens.issue(services.store, subject, lifetime_seconds=0)

    async with browser(app) as client:
        assert (await client.get(f"/viewer?token={token}")).status_code == 410


async def test_a_study_that_is_missing_or_another_patients_gets_no_token(api: Api) -> None:
    exam = Exam()
    await stored(api, exam)

    for input in (
        {"studyInstanceUID": "1.2.3.4"},
        {"studyInstanceUID": exam.study, "patientID": "somebody else"},
        {"studyInstanceUID": exam.study, "patientID": exam.patient_id.lower()},
    ):
        assert (await api.error(CREATE, input=input))["code"] == "NOT_FOUND"
    wildcard = await api.error(CREATE, input={"studyInstanceUID": exam.study, "patientID": "*"})
    assert wildcard["code"] == "NOT_FOUND"


async def test_a_study_that_is_no_known_patients_is_not_shown(api: Api) -> None:
    exam = Exam(patient_id="")
    await stored(api, exam)

    error = await api.error(CREATE, input={"studyInstanceUID": exam.study})

    assert error["code"] == "BAD_USER_INPUT"
    assert "patientID" in error["message"]


async def test_the_token_is_in_no_log_line(app: Starlette, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    exam = Exam()
    await stored(api, exam)
    async with browser(app) as client:
        payload = await created(api, exam.study)
        await client.get(payload["url"])
        await client.get(payload["url"])

    logged = "".join(capsys.readouterr())
    assert "route=/viewer" in logged
    assert payload["token"] not in logged


async def test_a_link_leads_to_the_viewer_of_the_settings(settings: Settings) -> None:
    template = "https://viewer.example/open?study={studyInstanceUID}&as={role}"
    app = create_app(settings.model_copy(update={"dicom_viewer_url": template}))
    exam = Exam()
    async with app.router.lifespan_context(app), browser(app) as client:
        api = Api(client)
        await stored(api, exam)
        response = await opened(client, api, exam.study, role="DIAGNOSTIC")

    assert response.headers["location"] == f"https://viewer.example/open?study={exam.study}&as=diagnostic"


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("dicom_viewer_url", "viewer.example", "http"),
        ("dicom_viewer_url", "//viewer.example/{role}", "http"),
        ("dicom_viewer_url", "javascript:alert(1)", "http"),
        ("dicom_viewer_url", "https://{role}.example/", "http"),
        ("dicom_viewer_url", "https://viewer.example/{study}", "{study}"),
        ("dicom_viewer_url", "https://viewer.example/{token}", "VIEWER_TOKEN_URL"),
        ("viewer_token_url", "https://viewer.example/token", "DICOM_VIEWER_URL"),
        ("viewer_session_key", "short", "32"),
        ("viewer_token_seconds", 0, "greater"),
    ],
)
def test_settings_of_the_viewer_are_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: object, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=hint.replace("{", r"\{")):
        load(**{name: value})


@pytest.mark.parametrize(
    ("changes", "is_warned"),
    [
        ({"database_url": "mongodb://host/name"}, True),
        ({"database_url": "mongodb://host/name", "viewer_session_key": "k" * 32}, False),
        ({}, False),
    ],
)
def test_replicas_without_a_common_key_are_warned_of(tmp_path: Path, changes: dict[str, str], is_warned: bool) -> None:
    with structlog.testing.capture_logs() as logged:
        SessionCookies.of(load(data_dir=tmp_path, **changes))
    assert any("VIEWER_SESSION_KEY" in line["event"] for line in logged) is is_warned
