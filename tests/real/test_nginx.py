"""The server behind nginx as deploy/nginx has it: uploads stream, sockets open, addresses and HTTPS are known."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets

from tests.certificates import Authority
from tests.graph.api import Api
from tests.graph.viewer_links import created
from tests.real.nginx import CONFIGURATION, Front, configured, nginx, program
from tests.real.server import ServerProcess, free_port
from tests.samples import Exam


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path, FORWARDED_ALLOW_IPS="127.0.0.1")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def front(server: ServerProcess, tmp_path: Path) -> Iterator[Front]:
    (tmp_path / "nginx").mkdir()
    with nginx(tmp_path / "nginx", [server.port]) as front:
        yield front


def test_the_configuration_is_right_by_nginx_itself(tmp_path: Path) -> None:
    path = configured(tmp_path, Authority(tmp_path), [8001, 8002], [free_port() for _ in range(3)])
    done = subprocess.run(
        [program(), "-t", "-c", path, "-p", tmp_path, "-e", tmp_path / "error.log"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_the_configuration_of_nginx_itself_takes_the_other_in(tmp_path: Path) -> None:
    whole = configured(tmp_path, Authority(tmp_path), [8001, 8002], [free_port() for _ in range(3)]).read_text()
    inside = tmp_path / "inside.conf"
    inside.write_text(whole[whole.index("upstream") : whole.rindex("}")])
    text = CONFIGURATION.with_name("nginx.conf").read_text().replace("/etc/nginx/conf.d/dicom-graph.conf", str(inside))
    path = tmp_path / "itself.conf"
    path.write_text(text.replace("/run/nginx.pid", str(tmp_path / "pid")))
    done = subprocess.run([program(), "-t", "-c", path, "-p", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_clients_are_served_over_https_as_who_they_are(front: Front, tmp_path: Path) -> None:
    forged = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}
    exam = Exam()
    image = exam.image(PixelData=b"\0" * 32 * 1024 * 1024, Rows=4096, Columns=4096)
    async with httpx.AsyncClient(base_url=front.url, verify=front.tls, timeout=60, headers=forged) as client:
        api = Api(client)
        (result,) = await api.upload(image.content)
        file = await client.get(result["instance"]["fileURL"])
        link = (await created(api, exam.study))["url"]
        records = await api.ask("{ accessRecords(first: 50) { nodes { address } } }")
    assert result["instance"]["fileURL"].startswith(front.url)
    assert (file.content == image.content, "strict-transport-security" in file.headers) == (True, True)
    assert link.startswith(front.url)
    assert {record["address"] for record in records["accessRecords"]["nodes"]} == {"127.0.0.1"}
    assert "buffered to a temporary file" not in (tmp_path / "nginx" / "error.log").read_text()


async def test_the_callback_is_for_the_private_network_alone(front: Front) -> None:
    body = {"StudyInstanceUID": "1.2.3", "PatientID": "P"}
    async with httpx.AsyncClient(verify=front.tls) as client:
        assert (await client.post(f"{front.url}/new-exam-callback", json=body)).status_code == 404
        assert (await client.post(f"{front.internal_url}/new-exam-callback", json=body)).status_code == 204
        assert (await client.get(f"{front.internal_url}/health/ready")).status_code == 200
        assert (await client.post(f"{front.internal_url}/graphql", json={"query": "{ __typename }"})).status_code == 404
        plain = await client.get(f"{front.plain_url}/viewer?token=x")
    assert (plain.status_code, plain.headers["location"]) == (308, "https://127.0.0.1/viewer?token=x")


async def test_subscriptions_pass(front: Front) -> None:
    url = f"wss://127.0.0.1:{front.port}/graphql"
    async with websockets.connect(
        url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")], ssl=front.tls
    ) as socket:
        await socket.send('{"type":"connection_init"}')
        assert await socket.recv() == '{"type":"connection_ack"}'
        query = "subscription { newExam { studyInstanceUID } }"
        await socket.send(f'{{"id":"1","type":"subscribe","payload":{{"query":"{query}"}}}}')
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient() as client:
            body = {"StudyInstanceUID": "1.2.3", "PatientID": "P"}
            await client.post(f"{front.internal_url}/new-exam-callback", json=body)
        async with asyncio.timeout(10):
            assert "1.2.3" in str(await socket.recv())
