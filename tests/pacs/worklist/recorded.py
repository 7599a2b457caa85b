"""A server that answers as a foreign PACS is documented to, one exchange after the other, over a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from tests.pacs.archive.ups_server import running


@dataclass
class Exchange:
    """One request that must come, as method and target, and what the PACS answers to it."""

    request: str
    status: int = 200
    answer: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    """What came, for the test to look at."""


@asynccontextmanager
async def pacs(*exchanges: Exchange) -> AsyncIterator[DicomWeb]:
    """A client to a PACS that has these exchanges and no other."""
    left = list(exchanges)
    unexpected: list[str] = []

    async def answer(request: Request) -> Response:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if not left or left[0].request != f"{request.method} {target}":
            unexpected.append(f"{request.method} {target}")
            return Response(status_code=599)
        exchange = left.pop(0)
        content = await request.body()
        exchange.body = orjson.loads(content) if content else None
        body = b"" if exchange.answer is None else orjson.dumps(exchange.answer)
        return Response(body, exchange.status, exchange.headers)

    methods = ["GET", "POST", "PUT", "DELETE"]
    async with running(Starlette(routes=[Route("/{path:path}", answer, methods=methods)])) as url:
        client = DicomWeb(PacsAddress(url=url, decodes_queries=True))
        try:
            yield client
        finally:
            await client.aclose()
    assert not unexpected
    assert not [exchange.request for exchange in left]
