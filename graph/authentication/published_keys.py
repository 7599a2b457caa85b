"""The keys that an issuer publishes at a URL: fetched, kept, and fetched again when they change."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import structlog
from joserfc.jwk import Key

from graph.authentication.keys import BadKeys, KeyRing
from graph.errors import ContractError, ErrorCode

log = structlog.get_logger(__name__)

_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 1 << 20
_FRESH_SECONDS = 600.0
"""After so long keys are fetched again, so that one that was withdrawn ends; the old ones serve until then."""
_PAUSE_SECONDS = 30.0
"""The least between two fetches, whatever tokens say of their keys."""
_FIRST_PAUSE_SECONDS = 1.0
"""The same as long as there are no keys at all."""


class PublishedKeys:
    """Keys of a JWKS URL. They stay in use while the issuer is down."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._url = url
        self._client = client
        self._pause_seconds = pause_seconds
        self._ring: KeyRing | None = None
        self._tried_at = self._fetched_at = -float("inf")
        self._fetching: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None

    async def for_id(self, kid: str | None) -> tuple[Key, ...]:
        """See `Keys`. An unknown `kid` may be a new key's: the issuer is asked, but not more often than it may be."""
        if self._ring is None:
            await self._fetch()
        elif time.monotonic() - self._fetched_at > _FRESH_SECONDS:
            self._begin_fetching()
        if self._ring is None:
            raise ContractError(
                ErrorCode.INTERNAL_SERVER_ERROR,
                "Tokens cannot be verified at the moment; try again later.",
                status=503,
                retryAfterSeconds=int(_TIMEOUT_SECONDS),
            )
        found = self._ring.for_id(kid)
        if not found:
            await self._fetch()
            found = self._ring.for_id(kid)
        return found

    async def aclose(self) -> None:
        """Ends a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    async def _fetch(self) -> None:
        task = self._begin_fetching()
        if task is not None:
            await asyncio.shield(task)  # whoever hangs up does not end it for the others

    def _begin_fetching(self) -> asyncio.Task[None] | None:
        """The one fetch that everybody waits for; None as long as the issuer is left in peace."""
        if self._fetching is None or self._fetching.done():
            pause_seconds = _FIRST_PAUSE_SECONDS if self._ring is None else self._pause_seconds
            if time.monotonic() - self._tried_at < pause_seconds:
                return None
            self._tried_at = time.monotonic()
            self._fetching = asyncio.create_task(self._try_to_fetch())
        return self._fetching

    async def _try_to_fetch(self) -> None:
        try:
            ring = KeyRing.of_jwks(await self._document())
        except (httpx.HTTPError, BadKeys, TimeoutError) as error:
            log.warning("keys not fetched", url=self._url, reason=str(error) or type(error).__name__)
            return
        self._fetched_at = time.monotonic()
        if self._ring is None or _identifiers(ring) != _identifiers(self._ring):
            self._ring = ring
            log.info("keys fetched", url=self._url, keys=len(ring.keys))
            self.on_change()

    async def _document(self) -> bytes:
        document = bytearray()
        async with asyncio.timeout(_TIMEOUT_SECONDS), self._client.stream("GET", self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise BadKeys(f"was answered with status {response.status_code}")
            async for piece in response.aiter_bytes():
                document += piece
                if len(document) > _MOST_BYTES:
                    raise BadKeys(f"has more than {_MOST_BYTES} bytes")
        return bytes(document)


def _identifiers(ring: KeyRing) -> set[tuple[str | None, str]]:
    return {(key.kid, key.thumbprint()) for key in ring.keys}
