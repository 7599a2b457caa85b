"""What must be in order before the server starts: found out first, and told in a sentence."""

import asyncio
from contextlib import AsyncExitStack

from graph.settings import Settings
from persistence.errors import StoreError, StoreUnavailable
from persistence.store import open_store


class StartFailed(RuntimeError):
    """The server cannot start; the message says what to change."""


def check_start(settings: Settings) -> None:
    """Opens what the server will open, and closes it; raises `StartFailed`. Waits for a database that is not up yet."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailed(f"DATA_DIR={settings.data_dir}: {error.strerror}; set another DATA_DIR") from None
    asyncio.run(_open_all(settings))


async def _open_all(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        await _open_store(settings, stack)
        if settings.auth == "none":
            return
        from graph.authentication.start import start_authenticator  # noqa: PLC0415  takes long to import

        try:
            await start_authenticator(settings, stack)
        except (OSError, ValueError) as error:
            raise StartFailed(f"AUTH={settings.auth}: {error}") from None


async def _open_store(settings: Settings, stack: AsyncExitStack) -> None:
    wait_seconds = settings.database_wait_seconds
    try:
        store = await open_store(settings.database_url, settings.data_dir, wait_seconds=wait_seconds)
    except StoreUnavailable as error:
        raise StartFailed(f"DATABASE_URL: {error}, after {wait_seconds:g} s; see that it runs there") from None
    except StoreError as error:
        raise StartFailed(str(error)) from None
    except ValueError as error:
        raise StartFailed(f"DATABASE_URL: {error}") from None
    stack.push_async_callback(store.close)
