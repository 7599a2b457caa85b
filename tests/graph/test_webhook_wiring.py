"""A callback taken by the server reaches the receivers in CALLBACK_URLS, and shows in webhookDeliveries."""

import asyncio
from pathlib import Path

import httpx
import orjson
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.graph.engine.serving import real_server
from tests.graph.routes.test_callback import SEED

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERIES = "{ webhookDeliveries { nodes { state attempts url event { studyInstanceUID } } } }"


async def test_an_event_is_delivered_signed_and_listed(archive_socket: Path, tmp_path: Path) -> None:
    received: list[tuple[dict[str, str], bytes]] = []
    arrived = asyncio.Event()

    async def receive(request: Request) -> Response:
        received.append((dict(request.headers), await request.body()))
        arrived.set()
        return Response(status_code=204)

    receiver = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    async with real_server(receiver) as address:
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path,
            archive_socket=archive_socket,
            callback_urls=(f"http://{address}/hook",),
            callback_secret=SECRET,
        )
        async with serving(settings) as url, httpx.AsyncClient(base_url=url) as client:
            assert (await client.post("/new-exam-callback", json=SEED)).status_code == 204
            await asyncio.wait_for(arrived.wait(), 10)
            async with asyncio.timeout(10):
                while (node := (await Api(client).ask(DELIVERIES))["webhookDeliveries"]["nodes"][0])[
                    "state"
                ] == "PENDING":
                    await asyncio.sleep(0.05)

    headers, body = received[0]
    assert orjson.loads(body) == SEED
    Webhook(SECRET).verify(body, headers)
    assert node == {
        "state": "DELIVERED",
        "attempts": 1,
        "url": f"http://{address}/hook",
        "event": {"studyInstanceUID": SEED["StudyInstanceUID"]},
    }
