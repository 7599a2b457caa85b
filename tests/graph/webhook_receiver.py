"""A receiver of webhooks on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.served import served


@dataclass
class Receiver:
    """Answers with `statuses` in turn, the last for ever; keeps what it got."""

    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    wait_seconds: float = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    connections: set[tuple[str, int]] = field(default_factory=set)

    async def take(self, request: Request) -> Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert request.client is not None
        self.connections.add(request.client)
        body = await request.body()
        await asyncio.sleep(self.wait_seconds)
        self.at_once -= 1
        self.got.append((dict(request.headers), body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(self.answer, status, headers=self.headers)

    async def wait_for(self, how_many: int) -> None:
        async with asyncio.timeout(10):
            while len(self.got) < how_many:
                await asyncio.sleep(0.005)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    @property
    def studies(self) -> list[str]:
        return [orjson.loads(body)["StudyInstanceUID"] for _, body in self.got]


@asynccontextmanager
async def listening(receiver: Receiver, port: int = 0) -> AsyncIterator[Receiver]:
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    async with served(app, port=port, timeout_graceful_shutdown=1) as own_port:
        receiver.url = f"http://127.0.0.1:{own_port}/hook"
        yield receiver
