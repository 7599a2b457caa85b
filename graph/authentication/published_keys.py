"""The keys that an issuer publishes, at a URL or in a file: fetched, kept, and fetched again when they change."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

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
    """Keys of a JWKS that `fetch` brings from `place`. They stay in use while the issuer is down."""

    def __init__(
        self,
        place: str,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        pause_seconds: float = _PAUSE_SECONDS,
        fresh_seconds: float = _FRESH_SECONDS,
    ) -> None:
        self._place = place
        self._fetch_document = fetch
        self._pause_seconds = pause_seconds
        self._fresh_seconds = fresh_seconds
        self._ring: KeyRing | None = None
        self._tried_at = self._fetched_at = -float("inf")
        self._fetching: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None

    @classmethod
    def of_url(cls, url: str, client: httpx.AsyncClient, *, pause_seconds: float = _PAUSE_SECONDS) -> Self:
        """What a server publishes; redirects are followed if the client does so."""
        return cls(url, partial(_downloaded, client, url), pause_seconds=pause_seconds)

    @classmethod
    def of_file(cls, path: Path, *, pause_seconds: float = _PAUSE_SECONDS) -> Self:
        """What a file holds, which may be replaced."""
        return cls(str(path), partial(asyncio.to_thread, path.read_bytes), pause_seconds=pause_seconds)

    async def for_id(self, kid: str | None) -> tuple[Key, ...]:
        """See `Keys`. An unknown `kid` may be a new key's: the issuer is asked, but not more often than it may be."""
        if self._ring is None:
            await self._fetch()
        self.keep_fresh()
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

    def keep_fresh(self) -> None:
        """See `Keys`."""
        if self._ring is not None and time.monotonic() - self._fetched_at > self._fresh_seconds:
            self._begin_fetching()

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
            ring = KeyRing.of_jwks(await self._fetch_document())
        except (httpx.HTTPError, BadKeys, OSError) as error:  # a TimeoutError is an OSError
            log.warning("keys not fetched", place=self._place, reason=str(error) or type(error).__name__)
            return
        self._fetched_at = time.monotonic()
        if self._ring is None or _identifiers(ring) != _identifiers(self._ring):
            self._ring = ring
            log.info("keys fetched", place=self._place, keys=len(ring.keys))
            self.on_change()


async def _downloaded(client: httpx.AsyncClient, url: str) -> bytes:
    document = bytearray()
    async with asyncio.timeout(_TIMEOUT_SECONDS), client.stream("GET", url) as response:
        if response.status_code != httpx.codes.OK:
            raise BadKeys(f"was answered with status {response.status_code}")
        async for piece in response.aiter_bytes():
            document += piece
            if len(document) > _MOST_BYTES:
                raise BadKeys(f"has more than {_MOST_BYTES} bytes")
    return bytes(document)


def _identifiers(ring: KeyRing) -> set[tuple[str | None, str]]:
    return {(key.kid, key.thumbprint()) for key in ring.keys}
