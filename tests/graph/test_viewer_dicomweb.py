"""What a viewer session reads: its study, whole, and nothing else."""

from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pydicom
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import Response

from graph.routes.viewer_dicomweb import ROUTES
from graph.settings import Settings
from graph.viewer.one_study import without_urls
from graph.viewer.roles import ViewerRole
from graph.viewer.sessions import SessionCookies
from graph.viewer.tokens import Subject
from pacs import multipart
from tests.graph.api import Api
from tests.graph.viewer_links import browser, opened, stored
from tests.samples import Exam, Sample

ROOT = "/viewer/dicomweb"
MULTIPART = 'multipart/related; type="application/dicom"'


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A browser."""
    async with browser(app) as client:
        yield client


@pytest.fixture
async def image(client: httpx.AsyncClient, api: Api) -> Sample:
    """An image of the study that the browser has opened."""
    exam = Exam()
    (image, *_) = await stored(api, exam, exam.image(InstanceNumber=1), exam.image(SeriesNumber=2))
    await opened(client, api, exam.study)
    return image


def path_of(route: str, image: Sample) -> str:
    """A route's path with the image's UIDs."""
    return route.format(study=image.study, series=image.series, instance=image.instance, frame=1, frames=1)


async def test_a_session_finds_and_describes_its_study(client: httpx.AsyncClient, image: Sample) -> None:
    (study,) = (await client.get(f"{ROOT}/studies?includefield=StudyDescription")).json()
    series = (await client.get(f"{ROOT}/studies/{image.study}/series?Modality=CT")).json()
    (instance,) = (await client.get(f"{ROOT}/studies/{image.study}/series/{image.series}/instances")).json()
    metadata = (await client.get(f"{ROOT}/studies/{image.study}/metadata")).json()

    assert study["0020000D"]["Value"] == [image.study]
    assert study["00081190"]["Value"] == [f"http://127.0.0.1:8000{ROOT}/studies/{image.study}"]
    assert len(series) == len(metadata) == 2
    assert instance["00080018"]["Value"] == [image.instance]
    assert "embedded" not in str((study, series, instance, metadata))
    assert "BulkDataURI" not in str(metadata)


async def test_a_head_request_fetches_no_object(
    app: Starlette, client: httpx.AsyncClient, image: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = app.state.services.pacs
    for fetch in ("retrieve", "frames"):
        monkeypatch.setattr(pacs, fetch, None)
    study = f"{ROOT}/studies/{image.study}"
    instance = f"{study}/series/{image.series}/instances/{image.instance}"
    for path in (study, instance, f"{instance}/frames/1", f"/exams/studies/{image.study}?fileType=application/zip"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.head(f"{study}/series/1.2.3")).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Modality=C*", 2),
        ("Modality=MR", 0),
        ("00080060=ct", 2),
        ("StudyDate=20040101-20041231", 2),
        ("SeriesInstanceUID=1.2,{series}", 1),
        ("limit=1", 1),
        ("offset=1&limit=5", 1),
        ("fuzzymatching=true&NoSuchKeyword=x", 2),
        ("all=x", 2),
        ("60000010=x&includefield=60000010", 2),
    ],
)
async def test_series_are_searched(client: httpx.AsyncClient, image: Sample, query: str, found: int) -> None:
    response = await client.get(f"{ROOT}/studies/{image.study}/series?{query.format(series=image.series)}")

    assert len(response.json()) == found


@pytest.mark.parametrize("query", ["limit=-1", "offset=x", "includefield=../../x", "includefield=a%26PatientID=b"])
async def test_a_search_that_cannot_be_read_is_refused(client: httpx.AsyncClient, image: Sample, query: str) -> None:
    response = await client.get(f"{ROOT}/studies/{image.study}/series?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "BAD_USER_INPUT")


async def test_objects_come_as_they_are_stored(client: httpx.AsyncClient, image: Sample) -> None:
    path = f"{ROOT}/studies/{image.study}/series/{image.series}/instances/{image.instance}"

    parts = await parts_of(await client.get(path, headers={"Accept": MULTIPART}))
    bare = await client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    whole_study = await parts_of(await client.get(f"{ROOT}/studies/{image.study}"))

    assert parts == [image.content] == [bare.content]
    assert "attachment" in bare.headers["content-disposition"]
    assert len(whole_study) == 2
    assert image.content in whole_study


async def test_frames_come_as_they_are_stored(client: httpx.AsyncClient, image: Sample) -> None:
    path = f"{ROOT}/studies/{image.study}/series/{image.series}/instances/{image.instance}/frames"

    (frame,) = await parts_of(await client.get(f"{path}/1"))

    assert frame == pydicom.dcmread(BytesIO(image.content)).PixelData
    assert (await client.get(f"{path}/2")).status_code == 404
    assert (await client.get(f"{path}/0")).status_code == 400
    assert (await client.get(f"{path}/1,x")).status_code == 400


async def test_pictures_obey_viewport_window_and_type(client: httpx.AsyncClient, image: Sample) -> None:
    path = f"{ROOT}/studies/{image.study}/series/{image.series}/instances/{image.instance}"

    picture = await client.get(f"{path}/rendered?viewport=64,64&window=40,400,linear", headers={"Accept": "image/png"})
    dark = await client.get(f"{path}/frames/1/rendered?window=9000,10&viewport=64,64", headers={"Accept": "image/png"})
    small = await client.get(f"{ROOT}/studies/{image.study}/series/{image.series}/thumbnail")

    assert Image.open(BytesIO(picture.content)).size == (64, 64)
    assert Image.open(BytesIO(dark.content)).convert("L").getextrema() == (0, 0)
    assert picture.content != dark.content
    assert small.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "query",
    [
        "viewport=64",
        "viewport=0,5",
        "viewport=100000,100000",
        "window=1",
        "window=1,2,cubic",
        "window=nan,1",
        "quality=x",
    ],
)
async def test_a_picture_that_cannot_be_is_refused(client: httpx.AsyncClient, image: Sample, query: str) -> None:
    path = f"{ROOT}/studies/{image.study}/series/{image.series}/instances/{image.instance}/rendered"

    assert (await client.get(f"{path}?{query}")).status_code == 400


@pytest.mark.parametrize("route", [route.path for route in ROUTES])
async def test_every_route_is_closed_to_others(
    app: Starlette, client: httpx.AsyncClient, api: Api, image: Sample, route: str
) -> None:
    exam = Exam()
    (foreign,) = await stored(api, exam)
    inner = Sample(foreign.content, foreign.patient_id, image.study, foreign.series, foreign.instance)

    async with browser(app) as stranger:
        without_session = await stranger.get(path_of(route, image))
    other_study = await client.get(path_of(route, foreign))
    other_in_own = await client.get(path_of(route, inner))
    own = await client.get(path_of(route, image))

    assert own.status_code == 200
    assert without_session.status_code == 401
    if "{study}" in route:
        assert other_study.status_code == 403
    if "{series}" in route:
        assert other_in_own.status_code == 404 or other_in_own.json() == []
    for answer in (other_study, other_in_own):
        assert foreign.patient_id.encode() not in answer.content


@pytest.mark.parametrize("route", [route.path for route in ROUTES])
async def test_every_route_only_reads(client: httpx.AsyncClient, image: Sample, route: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await client.request(method, path_of(route, image))).status_code == 405


@pytest.mark.parametrize("uid", ["x", "1.2%2F..%2F1", "1.2,1.3", "*", "1.2?", "1" * 65])
async def test_what_is_no_uid_is_refused(client: httpx.AsyncClient, image: Sample, uid: str) -> None:
    response = await client.get(f"{ROOT}/studies/{image.study}/series/{uid}/metadata")

    assert response.status_code in (400, 404)


async def test_a_study_that_comes_under_another_patient_is_closed(
    app: Starlette, client: httpx.AsyncClient, api: Api
) -> None:
    exam = Exam()
    (image,) = await stored(api, exam)
    cookies: SessionCookies = app.state.viewer.cookies
    give(client, cookies, Subject(exam.study, exam.patient_id + "x", None, ViewerRole.PATIENT))

    for route in ROUTES:
        response = await client.get(path_of(route.path, image))
        assert response.status_code == 404 or response.json() == []


async def test_two_studies_stand_open_side_by_side(client: httpx.AsyncClient, api: Api, image: Sample) -> None:
    exam = Exam()
    await stored(api, exam)
    await opened(client, api, exam.study)

    for study in (image.study, exam.study):
        assert (await client.get(f"{ROOT}/studies/{study}/series")).status_code == 200
    assert len((await client.get(f"{ROOT}/studies")).json()) == 2


async def test_replicas_with_one_key_take_each_others_sessions(settings: Settings) -> None:
    subject = Subject("1.2.3", "P1", "user", ViewerRole.DIAGNOSTIC)
    keyed = [
        Settings(_env_file=None, data_dir=settings.data_dir / name, viewer_session_key=key * 32)
        for name, key in (("a", "k"), ("b", "k"), ("c", "x"))
    ]
    one, same, other = map(SessionCookies.of, keyed)
    cookies = cookies_of(one, subject)

    assert same.find(cookies, "1.2.3") == subject
    assert other.find(cookies, "1.2.3") is None
    assert other.all_of(cookies) == []


async def test_a_session_ends_and_is_sealed(settings: Settings) -> None:
    subject = Subject("1.2.3", "P1", None, ViewerRole.PATIENT)
    kept = SessionCookies.of(settings)
    ((name, value),) = cookies_of(kept, subject).items()
    ended = cookies_of(SessionCookies(kept.key, -1, kept.secure), subject)
    changed = value[:-1] + ("A" if value[-1] != "A" else "Q")

    assert SessionCookies.of(settings).find({name: value}, "1.2.3") == subject  # the key outlives a restart
    assert kept.find(ended, "1.2.3") is None
    assert kept.find({name: changed}, "1.2.3") is None
    assert kept.find({name: "a.b.c.d.e"}, "1.2.3") is None
    assert (settings.data_dir / "viewer-session.key").stat().st_mode & 0o077 == 0


def test_behind_https_the_cookie_is_secure(settings: Settings) -> None:
    public = settings.model_copy(update={"public_url": "https://dicom.example"})

    (name,) = cookies_of(SessionCookies.of(public), Subject("1.2.3", "P1", None, ViewerRole.PATIENT))

    assert name.startswith("__Host-")


async def test_the_page_is_served_to_its_session_alone(
    app: Starlette, client: httpx.AsyncClient, image: Sample
) -> None:
    page = await client.get(f"/viewer/studies/{image.study}")
    async with browser(app) as stranger:
        refused = await stranger.get(f"/viewer/studies/{image.study}")
    script = await client.get("/viewer/page/viewer.js")
    again = await client.get("/viewer/page/viewer.js", headers={"If-None-Match": script.headers["etag"]})

    assert f'data-study="{image.study}"' in page.text
    assert 'data-role="PATIENT"' in page.text
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    assert refused.status_code == 401
    assert script.headers["content-type"].startswith("text/javascript")
    assert again.status_code == 304
    for name in ("viewer.html", "..%2Fpages.py", "nothing"):
        assert (await client.get(f"/viewer/page/{name}")).status_code == 404


def test_urls_of_the_pacs_are_taken_out_wherever_they_stand() -> None:
    dataset = {
        "00081190": {"vr": "UR", "Value": ["http://pacs/x"]},
        "00081199": {"vr": "SQ", "Value": [{"00081190": {"vr": "UR", "Value": ["x"]}, "00081150": {"vr": "UI"}}]},
        "00280010": {"vr": "US", "Value": [5]},
        "00324000": {"vr": "LT", "Value": ["HTTP://pacs/y", "see http"]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://pacs/z"},
    }

    assert without_urls(dataset) == {
        "00081199": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI"}}]},
        "00280010": {"vr": "US", "Value": [5]},
        "00324000": {"vr": "LT", "Value": [None, "see http"]},
        "7FE00010": {"vr": "OW"},
    }


def cookies_of(maker: SessionCookies, subject: Subject) -> dict[str, str]:
    client = httpx.AsyncClient()
    return give(client, maker, subject)


def give(client: httpx.AsyncClient, maker: SessionCookies, subject: Subject) -> dict[str, str]:
    """Puts a session into a browser, as the redirect does."""
    response = Response()
    maker.put(response, subject)
    name, _, value = response.headers["set-cookie"].partition(";")[0].partition("=")
    client.cookies.set(name, value)
    return {name: value}


async def parts_of(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text

    async def body() -> AsyncIterator[bytes]:
        yield response.content

    parts = multipart.read_parts(multipart.boundary_of(response.headers["content-type"]), body())
    return [b"".join([piece async for piece in part.body]) async for part in parts]
