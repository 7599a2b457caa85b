"""The doctor says what is wrong and what to set, and nothing that is secret."""

import asyncio
import contextlib
import gc
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from graph import cli, logs
from graph.doctor.run import Options, examine
from graph.settings import Settings
from persistence.store import open_store
from tests.certificates import Authority
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.graph.reconciler.fake_orthanc import FakeOrthanc
from tests.pacs.archive.serving import serving as plain_http
from tests.pacs.scripted import Exchange, Script, scripted_pacs
from tests.real.server import free_port
from tests.samples import Exam


async def report(settings: Settings, **options: bool) -> tuple[bool, str]:
    """Whether all is well, and what was printed."""
    lines: list[str] = []
    is_well = await asyncio.to_thread(examine, settings, Options(**options), lines.append)
    return is_well, "\n".join(lines)


def naming(tmp_path: Path, url: str, **more: object) -> Settings:
    values = {"data_dir": tmp_path, "pacs_url": url, "pacs_timeout_seconds": 0.5, "pacs_connect_timeout_seconds": 0.5}
    return Settings(_env_file=None, **(values | more))  # type: ignore[arg-type]  # options of tests


async def test_a_server_with_its_embedded_pacs_is_well(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"callback_token": SecretStr("tell-nobody")})
    async with serving(settings) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await Api(client).upload(Exam(attributes={"SpecificCharacterSet": "ISO_IR 192"}).image().content)
        named = settings.model_copy(update={"public_url": url})
        is_well, said = await report(named, store=True, post=True)
        again = await report(named, store=True)

    assert is_well, said
    for line in (
        "reachable, answers a search",
        "decodes query strings",
        "gives the Patient ID with series",
        "makes pictures (/thumbnail, /rendered)",
        "an object of ",
        "took an object of patient DICOM-GRAPH-DOCTOR",
        "gives back letters of several alphabets",
        "the embedded PACS has it",
        f"reachable at {url}/new-exam-callback",
        "takes posts with the token, and refuses an announcement of nothing",
        "SQLite, in use by a server that runs",
    ):
        assert f"ok       {line}" in said, said
    assert again[0]
    assert "tell-nobody" not in said
    store = await open_store(None, settings.data_dir)
    assert await store.last_sequence() == 0  # the post made no event
    await store.close()


async def test_the_callbacks_token_must_be_the_servers(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"callback_token": SecretStr("the server's")})) as url:
        other = settings.model_copy(update={"callback_token": SecretStr("tell-nobody"), "public_url": url})
        is_well, said = await report(other, post=True)

    assert not is_well
    assert "PROBLEM  refuses the token" in said
    assert "tell-nobody" not in said


def answering(status: int, body: bytes, content_type: str) -> Script:
    return lambda exchange: exchange.answer(status, body, content_type)


async def silent(exchange: Exchange) -> None:
    await asyncio.sleep(1.0)
    raise ConnectionError


async def babbles(exchange: Exchange) -> None:
    await exchange.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    raise ConnectionError


@pytest.mark.parametrize(
    ("script", "finding", "advice"),
    [
        pytest.param(
            answering(401, b"", "text/plain"), "refuses the credentials", "PACS_PASSWORD", id="wrong password"
        ),
        pytest.param(answering(404, b"", "text/plain"), "nothing at this path", "path of PACS_URL", id="wrong path"),
        pytest.param(answering(200, b"<html>", "text/html"), "not JSON", "right service's root", id="HTML"),
        pytest.param(answering(500, b"", "text/html"), "status 500", "right service's root", id="500"),
        pytest.param(silent, "did not answer in time", "firewalls", id="silent"),
        pytest.param(babbles, "breaks off", "is it HTTP, or HTTPS?", id="no HTTP"),
    ],
)
async def test_what_is_wrong_with_a_pacs_is_named(tmp_path: Path, script: Script, finding: str, advice: str) -> None:
    async with scripted_pacs(script) as pacs:
        secrets = {"pacs_username": "me", "pacs_password": SecretStr("tell-nobody")}
        is_well, said = await report(naming(tmp_path, pacs.url, **secrets))
        await pacs.until_closed()

    assert not is_well
    first = said.splitlines()[1:3]
    assert first[0].startswith("  PROBLEM ")
    assert finding in first[0]
    assert advice in first[1]
    assert "tell-nobody" not in said


async def test_orthancs_own_root_is_told_from_that_of_its_dicomweb(tmp_path: Path) -> None:
    async with plain_http(FakeOrthanc().app) as url:
        is_well, said = await report(naming(tmp_path, url))

    assert not is_well
    assert "PROBLEM  is Orthanc's own root, not its DICOMweb's" in said
    assert f"→ set PACS_URL={url}/dicom-web" in said


async def test_missing_credentials_are_named(tmp_path: Path) -> None:
    async with scripted_pacs(answering(401, b"", "text/plain")) as pacs:
        _, said = await report(naming(tmp_path, pacs.url))
    assert "PROBLEM  wants credentials, and none are set" in said


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        (f"http://127.0.0.1:{free_port()}/dicom-web", "does not listen"),
        ("http://no-such-host.invalid/dicom-web", "host name that is not known"),
    ],
    ids=["no server", "no host"],  # a free port in a name would differ between processes
)
async def test_where_nobody_is(tmp_path: Path, url: str, finding: str) -> None:
    is_well, said = await report(naming(tmp_path, url))
    assert not is_well
    assert finding in said
    assert list(tmp_path.iterdir()) == []  # looking makes nothing


async def test_certificates_are_explained(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", port, ssl=authority.server())
    async with server:
        _, untrusted = await report(naming(tmp_path / "data", f"https://127.0.0.1:{port}"))
        _, trusted = await report(naming(tmp_path / "data", f"https://127.0.0.1:{port}", pacs_ca_file=authority.ca_pem))
        _, plain = await report(naming(tmp_path / "data", f"http://127.0.0.1:{port}"))

    assert "cannot be trusted" in untrusted
    assert "set PACS_CA_FILE" in untrusted
    assert "ok       reachable" in trusted
    assert "note     has no studies" in trusted
    assert "is it HTTP, or HTTPS?" in plain


async def test_tls_where_there_is_none_is_explained(tmp_path: Path) -> None:
    async with plain_http(FakeOrthanc().app) as url:
        _, said = await report(naming(tmp_path, url.replace("http:", "https:")))
    assert "speaks no TLS that is understood" in said
    assert "write http:// in PACS_URL" in said


async def test_the_worklists_dialect_is_found(tmp_path: Path) -> None:
    async def orthancs(exchange: Exchange) -> None:
        await (exchange.json([]) if "/worklists/" in exchange.target else exchange.answer(404))

    async with scripted_pacs(orthancs) as server:
        named = naming(tmp_path, server.url, worklist_url=server.url)
        _, said = await report(named)
        is_dialect = await report(named.model_copy(update={"worklist_dialect": "orthanc"}))

    assert "PROBLEM  does not speak the dialect ups" in said
    assert "→ set WORKLIST_DIALECT=orthanc" in said
    assert "ok       answers a search in the dialect orthanc" in is_dialect[1]


async def test_a_proxy_that_does_not_let_the_callback_through_is_named(settings: Settings) -> None:
    async with plain_http(FakeOrthanc().app) as url:
        is_well, said = await report(settings.model_copy(update={"public_url": url}))

    assert not is_well
    assert "status 404: that is not this service" in said


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of pymongo, cancelled while it connects
async def test_a_store_that_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database, but long enough to be taken for one" * 50)
    _, broken = await report(naming(tmp_path, f"http://127.0.0.1:{free_port()}"))
    url = f"mongodb://me:tell-nobody@127.0.0.1:{free_port()}/x?timeoutMS=300"
    _, away = await report(naming(tmp_path, f"http://127.0.0.1:{free_port()}", database_url=url))
    gc.collect()

    assert "PROBLEM  SQLite cannot be opened" in broken
    assert "PROBLEM  MongoDB cannot be opened" in away
    assert "tell-nobody" not in away


def test_the_command_ends_with_1_when_there_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "configure", lambda _: None)  # of the whole process, in which other tests read logs
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACS_URL", f"http://127.0.0.1:{free_port()}/dicom-web")
    away = CliRunner().invoke(cli.app, ["doctor"])
    monkeypatch.setenv("PACS_URL", "orthanc:8042")
    wrong = CliRunner().invoke(cli.app, ["doctor"])

    assert (away.exit_code, wrong.exit_code) == (1, 1)
    assert "does not listen" in away.stdout
    assert "PACS_URL" in wrong.stderr


@pytest.mark.parametrize(
    ("pacs_url", "line"),
    [
        (None, "ok       the embedded PACS is offered as DICOMGRAPH, port 11112"),
        ("http://127.0.0.1:9/dicom-web", "only Verification, worklist and MPPS are offered"),
    ],
)
async def test_what_the_dicom_network_offers_is_told(tmp_path: Path, pacs_url: str | None, line: str) -> None:
    _, said = await report(Settings(_env_file=None, data_dir=tmp_path, pacs_url=pacs_url, dimse_port=11112))
    assert line in said
