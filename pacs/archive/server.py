"""The embedded PACS as a process of its own."""

import os
import threading
from pathlib import Path

import uvicorn

from pacs.archive.app import create_archive
from pacs.archive.dimse.server import probe
from pacs.archive.lock import DataLock
from pacs.archive.options import ArchiveOptions

_LOCK_WAIT_SECONDS = 5.0
_GRACE_SECONDS = 10
_STDIN = 0


def run(
    options: ArchiveOptions,
    *,
    socket: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8042,
    watch_parent: bool = False,
) -> None:
    """Serves the archive until SIGTERM or SIGINT, on the Unix socket or on `host` and `port`.

    With `watch_parent` it also ends when standard input ends, as it does when the parent dies. A data folder that
    another process holds is waited for, 5 s; then `ArchiveLocked`. `OSError` when the address cannot be had.
    """
    lock = DataLock(options.data_dir)
    lock.acquire(_LOCK_WAIT_SECONDS)
    if options.dimse is not None:
        probe(options.dimse)
    config = uvicorn.Config(
        create_archive(options, lock),
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
    finally:
        lock.release()
    if not server.started:
        raise OSError("the archive could not start; the log tells why")


def _end_with_parent(server: uvicorn.Server) -> None:
    while os.read(_STDIN, 4096):
        pass
    server.should_exit = True
