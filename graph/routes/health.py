"""`GET /health/live` and `GET /health/ready`, for whoever runs the server."""

import asyncio
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from graph.context import Services
from pacs.errors import PacsError
from persistence.errors import StoreError, StoreUnwritable

_PATIENCE_SECONDS = 5.0


async def live(_: Request) -> Response:
    """The process runs and answers."""
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """200 when the store and the PACS answer, else 503; each is named with `ok` or what is wrong with it.

    Whoever asks while they are being asked gets the same answer: strangers cannot keep the PACS busy from here.
    """
    state = request.app.state
    running: asyncio.Task[tuple[str, str]] | None = getattr(state, "readiness", None)
    if running is None or running.done():
        running = state.readiness = asyncio.create_task(_states(state.services))
    store, pacs = await asyncio.shield(running)
    is_ready = store == pacs == "ok"
    body = {"status": "ready" if is_ready else "not ready", "store": store, "pacs": pacs}
    return JSONResponse(body, status_code=200 if is_ready else 503)


async def _states(services: Services) -> tuple[str, str]:
    return await asyncio.gather(_state(services.store.ping()), _state(services.pacs.ping()))


async def _state(answer: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(answer, _PATIENCE_SECONDS)
    except TimeoutError:
        return "did not answer in time"
    except PacsError as error:
        return str(error)
    except StoreUnwritable:
        return "cannot be written to"
    except StoreError:
        return "does not answer"
    return "ok"
