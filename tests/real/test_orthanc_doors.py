"""An Orthanc that asks for credentials, behind HTTPS with a certificate of a private authority."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from graph.doctor.run import Options, examine
from graph.settings import Settings
from tests.certificates import Authority
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.leftovers import leftovers
from tests.real.https_front import https_front
from tests.real.orthanc import Orthanc, orthanc
from tests.real.relay import relay
from tests.samples import Exam

pytestmark = pytest.mark.xdist_group("orthanc")

PASSWORD = "tell-nobody"
TOKEN = "tell-nobody-either"
STUDIES = "query ($p: String!) { studies(patientID: $p) { nodes { studyInstanceUID } } }"
LARGE = 20_000_000
KNOWN = {"pacs_username": "service", "pacs_password": SecretStr(PASSWORD)}
TREE = """query ($p: String!) { studies(patientID: $p) { nodes {
  studyInstanceUID series { instances { sopInstanceUID thumbnail { url } } } } } }"""
JPEG = b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Asks for a password."""
    folder = tmp_path_factory.mktemp("orthanc")
    with orthanc(folder, AuthenticationEnabled=True, RegisteredUsers={"service": PASSWORD}) as running:
        yield running


@pytest.fixture(scope="module")
def https_port(tmp_path_factory: pytest.TempPathFactory, authority: Authority, behind: Orthanc) -> Iterator[int]:
    """Of the way in: HTTPS, with the password or with a token."""
    folder = tmp_path_factory.mktemp("nginx")
    with https_front(folder, authority, behind.http_port, user=f"service:{PASSWORD}", token=TOKEN) as port:
        yield port


def url(port: int) -> str:
    return f"https://127.0.0.1:{port}/dicom-web"


@asynccontextmanager
async def served(tmp_path: Path, pacs_url: str, **more: Any) -> AsyncIterator[Api]:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", pacs_url=pacs_url, **more)
    async with serving(settings) as here, httpx.AsyncClient(base_url=here, timeout=30) as client:
        yield Api(client)


@pytest.mark.parametrize(
    "door",
    [
        pytest.param(KNOWN, id="password"),
        pytest.param({"pacs_token": SecretStr(TOKEN)}, id="token"),
    ],
)
async def test_who_is_known_and_trusts_the_authority_gets_everything(
    tmp_path: Path, https_port: int, authority: Authority, door: dict[str, Any]
) -> None:
    image = Exam().image(Rows=4000, Columns=2500, PixelData=bytes(LARGE))
    async with served(tmp_path, url(https_port), pacs_ca_file=authority.ca_pem, **door) as api:
        (result, another) = await api.upload(image.content, Exam().image().content)
        nodes = (await api.ask(STUDIES, p=image.patient_id))["studies"]["nodes"]
        file = await api.http.get(
            f"/exams/studies/{image.study}/series/{image.series}/instance/{image.instance}",
            params={"fileType": "application/dicom"},
        )

    assert result["error"] is None is another["error"]
    assert nodes == [{"studyInstanceUID": image.study}]
    assert file.content == image.content


async def test_without_the_authority_nothing_is_said_to_the_server(tmp_path: Path, https_port: int) -> None:
    async with relay(https_port) as before, served(tmp_path, before.https_url, **KNOWN) as api:
        error = await api.error(STUDIES, p="P")

    assert error["code"] == "PACS_UNAVAILABLE"
    assert PASSWORD.encode() not in before.sent


@pytest.mark.parametrize(
    ("is_own", "host", "reason"),
    [
        pytest.param(False, "127.0.0.1", "unable to get local issuer certificate", id="another authority"),
        pytest.param(
            True, "localhost", "Hostname mismatch, certificate is not valid for 'localhost'.", id="another name"
        ),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_told_in_words(
    tmp_path: Path, https_port: int, authority: Authority, is_own: bool, host: str, reason: str
) -> None:
    pacs_url = url(https_port).replace("127.0.0.1", host)
    trusted = (authority if is_own else Authority(tmp_path)).ca_pem
    with structlog.testing.capture_logs() as lines:
        async with served(tmp_path, pacs_url, pacs_ca_file=trusted) as api:
            error = await api.error(STUDIES, p="P")
            uploaded = await api.upload_outcome(Exam().image().content)
            ready = await api.http.get("/health/ready")
    named = Settings(_env_file=None, data_dir=tmp_path / "data", pacs_url=pacs_url, pacs_ca_file=trusted)
    _, said = await diagnosed(named)

    assert (error["code"], error["status"], uploaded) == ("PACS_UNAVAILABLE", 502, "PACS_UNAVAILABLE")
    assert error["message"] == "the PACS cannot be reached: its certificate is not trusted"
    assert (ready.status_code, ready.json()["pacs"]) == (503, error["message"])
    told = [line["reason"] for line in lines if line["event"].startswith("the PACS is not trusted")]
    assert set(told) == {reason}
    assert f"PROBLEM  cannot be trusted: {reason}" in said
    assert "→ set PACS_CA_FILE to the authority that signed its certificate, and use the name in it" in said


async def test_over_tls_an_exam_is_there_from_study_to_picture_until_it_is_deleted(
    tmp_path: Path, https_port: int, authority: Authority, behind: Orthanc
) -> None:
    image = Exam().image()
    async with served(tmp_path, url(https_port), pacs_ca_file=authority.ca_pem, **KNOWN) as api:
        await api.upload(image.content)
        (study,) = (await api.ask(TREE, p=image.patient_id))["studies"]["nodes"]
        (instance,) = study["series"][0]["instances"]
        picture = await api.http.get(instance["thumbnail"]["url"])
        async with httpx.AsyncClient(base_url=behind.root, auth=("service", PASSWORD)) as orthanc_itself:
            (found,) = (await orthanc_itself.post("/tools/lookup", content=image.study)).json()
            await orthanc_itself.delete(found["Path"])
        nodes = (await api.ask(TREE, p=image.patient_id))["studies"]["nodes"]
        gone = await api.retrieve_outcome(image)

    assert instance["sopInstanceUID"] == image.instance
    assert picture.content.startswith(JPEG)
    assert (nodes, gone) == ([], "NOT_FOUND")


async def test_a_tls_connection_that_dies_midway_makes_nothing_half(
    tmp_path: Path, https_port: int, authority: Authority
) -> None:
    stored, new = (Exam().image(Rows=4000, Columns=2500, PixelData=bytes(LARGE)) for _ in range(2))
    trusting = {"pacs_ca_file": authority.ca_pem, "pacs_timeout_seconds": 2} | KNOWN
    async with relay(https_port) as before, served(tmp_path, before.https_url, **trusting) as api:
        assert await api.upload_outcome(stored.content) == "stored"
        outcomes = []
        for work in (api.retrieve_outcome(stored), api.upload_outcome(new.content)):
            before.stop_after, before.stopped = 5_000_000, asyncio.Event()
            running = asyncio.create_task(work)
            await before.stopped.wait()
            before.stop_after = None
            before.hang_up()
            outcomes.append(await running)
        left = leftovers(tmp_path / "data")
        after = [await api.retrieve_outcome(image) for image in (stored, new)]

    assert outcomes == ["broken off", "stored"]  # by a second connection
    assert left == []
    assert after == ["whole", "whole"]


@pytest.mark.parametrize(
    "door",
    [
        pytest.param({"pacs_username": "service", "pacs_password": SecretStr("wrong")}, id="wrong password"),
        pytest.param({"pacs_token": SecretStr("wrong")}, id="wrong token"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_wrong_credentials_are_told_at_once_and_no_file_is_sent(
    tmp_path: Path, https_port: int, authority: Authority, door: dict[str, Any]
) -> None:
    large = Exam().image(Rows=4000, Columns=2500, PixelData=bytes(LARGE))
    async with (
        relay(https_port) as before,
        served(tmp_path, before.https_url, pacs_ca_file=authority.ca_pem, **door) as api,
    ):
        search = await api.error(STUDIES, p="P")
        before.count = 0
        started = asyncio.get_running_loop().time()
        told = await api.upload_outcome(large.content)
        seconds = asyncio.get_running_loop().time() - started
        left = leftovers(tmp_path / "data")

    assert search["code"] == "PACS_UNAUTHORIZED"
    assert told == "PACS_UNAUTHORIZED"
    print(f"\nrefused after {before.count:,} bytes to the PACS, of a file of {len(large.content):,}; {seconds:.2f} s")
    assert before.count < 10_000
    assert seconds < 5
    assert left == []


async def diagnosed(settings: Settings, **options: bool) -> tuple[bool, str]:
    lines: list[str] = []
    is_well = await asyncio.to_thread(examine, settings, Options(**options), lines.append)
    return is_well, "\n".join(lines)


async def test_the_doctor_finds_what_is_wrong_at_the_door(
    tmp_path: Path, https_port: int, authority: Authority
) -> None:
    right = Settings(
        _env_file=None,
        data_dir=tmp_path,
        pacs_url=url(https_port),
        pacs_ca_file=authority.ca_pem,
        pacs_username="service",
        pacs_password=SecretStr(PASSWORD),
    )
    _, untrusted = await diagnosed(right.model_copy(update={"pacs_ca_file": None}))
    _, refused = await diagnosed(right.model_copy(update={"pacs_password": SecretStr("wrong")}))
    async with serving(right) as here:
        named = right.model_copy(update={"public_url": here, "reconcile_url": f"https://127.0.0.1:{https_port}"})
        is_well, well = await diagnosed(named, store=True, post=True)

    assert "PROBLEM  cannot be trusted" in untrusted
    assert "PROBLEM  refuses the credentials" in refused
    assert is_well, well
    for line in (
        "ok       accepts the credentials, and nobody without",
        "ok       took an object of patient DICOM-GRAPH-DOCTOR",
        "ok       gives back letters of several alphabets",
        "ok       gives the object back to the byte",
        "ok       is Orthanc 1.",
        "ok       DefaultEncoding is Utf8",
        "ok       its log of changes can be read",
        "note     the PACS has none: the embedded one is used",
    ):
        assert line in well, well
    assert PASSWORD not in untrusted + refused + well


async def test_the_doctor_knows_an_orthanc_that_loses_letters(tmp_path: Path) -> None:
    with orthanc(tmp_path, DefaultEncoding="Latin1") as careless:
        settings = Settings(_env_file=None, data_dir=tmp_path / "data", pacs_url=careless.pacs_url)
        is_well, said = await diagnosed(settings, store=True)

    assert not is_well
    assert "PROBLEM  DefaultEncoding is Latin1" in said
    assert "PROBLEM  changes letters beyond its character set" in said
    assert "note     lets anybody in" in said
    assert "note     has no studies" in said
    assert "→ set RECONCILE_URL to Orthanc's own root" in said
