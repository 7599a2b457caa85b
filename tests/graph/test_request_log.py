"""What the log says of an answer that ends in its middle."""

import errno
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from graph.request_log import RequestLog
from graph.routes.problems import HANDLERS
from pacs.errors import PacsFault


async def lines(failure: Exception) -> list[Any]:
    """Those of an answer whose second piece fails, but for the line of every request."""

    async def answer(_: Request) -> Response:
        return StreamingResponse(pieces())

    async def pieces() -> AsyncIterator[bytes]:
        yield b"the first"
        raise failure

    app = RequestLog(Starlette(routes=[Route("/", answer)], exception_handlers=HANDLERS))
    with structlog.testing.capture_logs() as told:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            with pytest.raises(RuntimeError, match="already started"):
                await client.get("/")
    return [line for line in told if line["event"] != "request"]


async def test_a_pacs_that_breaks_off_is_named_with_its_reason() -> None:
    (line,) = await lines(PacsFault("the PACS broke off"))
    assert (line["event"], line["reason"]) == ("answer broken off", "the PACS broke off")


async def test_a_full_disk_is_named_with_its_reason() -> None:
    *_, line = await lines(OSError(errno.ENOSPC, "no space"))
    assert line["event"] == "answer broken off"
    assert "No space left on device" in line["reason"]


async def test_another_failure_of_the_system_is_named_with_its_place() -> None:
    (line,) = await lines(OSError(errno.EIO, "no disk"))
    assert (line["event"], line["error"]) == ("unexpected failure", "OSError")
    assert "pieces" in line["at"][-1]
