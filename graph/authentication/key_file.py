"""The file of API keys, read again whenever it changes."""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog

from graph.access import Identity
from graph.authentication.api_keys import ApiKeys, BadKeyFile
from graph.authentication.authenticator import Unauthenticated

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0

_State = tuple[int, int, int] | None
"""What tells that a file has changed: time, size and inode; None: there is no file."""


class KeyFileAuthenticator:
    """Knows services by their keys. A key that is removed from the file ends within a second or so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: _State = None
        self._keys = ApiKeys({})
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads the file; raises `BadKeyFile` when that is not possible, or a line is no key."""
        self._state, self._keys = await asyncio.to_thread(_read, self._path)
        if self._state is None:
            raise BadKeyFile(f"{self._path} cannot be read: make keys with `dicom-graph api-key new`")
        if self._keys.bad_lines:
            raise BadKeyFile(f"{self._path}: line {self._keys.bad_lines[0]} is no key")
        self._watching = asyncio.create_task(self._watch())

    async def aclose(self) -> None:
        """Looks at the file no more."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def authenticate(self, credentials: str | None) -> Identity:
        """See `Authenticator`."""
        if credentials is None:
            raise Unauthenticated("Send a key: Authorization: Bearer …")
        who = self._keys.find(credentials)
        if who is None:
            raise Unauthenticated("The key is not known.")
        return who

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(_state_of, self._path) != self._state:
                self._state, self._keys = await asyncio.to_thread(_read, self._path)
                log.info("keys read", keys=len(self._keys.by_hash))
                if self._state is None or self._keys.bad_lines:
                    lines = self._keys.bad_lines
                    log.error("key file is not whole", file_is_there=self._state is not None, bad_lines=lines)


def _read(path: Path) -> tuple[_State, ApiKeys]:
    """The state is taken first: what changes while it is read is read again."""
    state = _state_of(path)
    try:
        return state, ApiKeys.of(path.read_bytes())
    except OSError:
        return None, ApiKeys({})


def _state_of(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
