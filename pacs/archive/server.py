"""The embedded PACS as a process of its own."""

import os
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pacs.archive.app import create_archive
from pacs.archive.faults import usable
from pacs.archive.lock import DataLock
from pacs.archive.options import ArchiveOptions
from pacs.known_hosts import KnownHosts

_LOCK_WAIT_SECONDS = 5.0
_GRACE_SECONDS = 10
_STDIN = 0
_UNKNOWN = "the archive is not known by this name: start it with --host-name"


def run(
    options: ArchiveOptions,
    *,
    socket: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8042,
    host_names: Iterable[str] = (),
    watch_parent: bool = False,
) -> None:
    """Serves the archive until SIGTERM or SIGINT, on the Unix socket or on `host` and `port`.

    On a port it answers to addresses, names without a dot and `host_names`, and 403 to any other (see `KnownHosts`).
    With `watch_parent` it also ends when standard input ends, as it does when the parent dies. A data folder that
    another process holds is waited for, 5 s; then `ArchiveLocked`. `ArchiveUnusable` for a folder that cannot be used,
    `OSError` when the address cannot be had.
    """
    lock = DataLock(options.data_dir)
    with usable(options.data_dir):
        lock.acquire(_LOCK_WAIT_SECONDS)
    if options.dimse is not None:
        from pacs.archive.dimse.server import probe  # noqa: PLC0415  takes long to import, and few need it

        probe(options.dimse)
    archive = _Starting(create_archive(options, lock))
    refuse = partial(PlainTextResponse, _UNKNOWN, 403)
    config = uvicorn.Config(
        archive if socket else KnownHosts(archive, names=host_names, refuse=refuse),
        uds=str(socket) if socket else None,
        host=host,
        port=port,
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    if watch_parent:
        threading.Thread(target=_end_with_parent, args=(server,), daemon=True, name="archive-parent").start()
    try:
        server.run()
    except SystemExit:  # what uvicorn makes of a start that failed
        if archive.failure is None:
            raise
    finally:
        lock.release()
    if archive.failure is not None:
        raise archive.failure
    if not server.started:
        raise OSError("the archive could not start; the log tells why")


class _Starting:
    """An application that keeps why it did not start, instead of having it logged as a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.failure: Exception | None = None
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed = "lifespan.startup.failed"
        has_failed = False

        async def told(message: Message) -> None:
            nonlocal has_failed
            has_failed = message["type"] == failed
            await send({"type": failed} if has_failed else message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:  # kept, whatever it is: `run` raises it
            if not has_failed:
                raise
            self.failure = error


def _end_with_parent(server: uvicorn.Server) -> None:
    while os.read(_STDIN, 4096):
        pass
    server.should_exit = True
