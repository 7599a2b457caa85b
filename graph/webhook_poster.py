"""Posts to receivers of events, over connections that are kept open for the next posts."""

import asyncio
from contextlib import suppress
from datetime import datetime

import httpx
import structlog
from standardwebhooks.webhooks import Webhook

from graph.webhook_messages import Answer, request
from graph.webhook_names import ReceiverNames
from persistence.records import ExamEvent, WebhookDelivery

log = structlog.get_logger(__name__)

_KEPT = 16
_KEPT_SECONDS = 3
"""Many servers end an idle connection after 5 s; a post at that very moment would be lost."""

_REST_BYTES = 64 * 1024
_REST_SECONDS = 1.0


class Poster:
    """One client for all receivers; how many posts are made at once is up to its user."""

    def __init__(self, sign: Webhook | None, timeout_seconds: float) -> None:
        self._sign = sign
        self._timeout_seconds = timeout_seconds
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_KEPT, keepalive_expiry=_KEPT_SECONDS)
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=timeout_seconds, limits=limits)
        self._names = ReceiverNames()
        self._names.serve(self._client)

    async def post(self, event: ExamEvent, delivery: WebhookDelivery, sent_at: datetime) -> Answer:
        """How one attempt ended; raises nothing."""
        try:
            message = request(event, delivery, self._sign, sent_at)
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._client.send(message, stream=True)
        except TimeoutError:
            return Answer(None, failure=f"no answer in {self._timeout_seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(None, failure=f"no answer: {type(error).__name__}")
        except Exception as error:  # whatever it is, the attempt counts, or it would be made for ever
            log.exception("a webhook cannot be posted", delivery=delivery.id)
            return Answer(None, failure=f"not posted: {type(error).__name__}")
        await _let_go(response)
        return Answer(response.status_code, response.headers.get("retry-after"))

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._client.aclose()
        self._names.close()


async def _let_go(response: httpx.Response) -> None:
    """Ends an answer whose status has come; its connection is kept if what is left of it is short, and comes soon."""
    with suppress(httpx.HTTPError, TimeoutError):
        try:
            async with asyncio.timeout(_REST_SECONDS):
                read = 0
                async for piece in response.aiter_raw():
                    read += len(piece)
                    if read > _REST_BYTES:
                        return
        finally:
            await response.aclose()
