"""The application under uvicorn. Its modules take longest to import: the embedded PACS starts meanwhile."""

import os
import socket
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from graph import garbage, logs
from graph.app import create_app
from graph.settings import Settings, load
from graph.slow_clients import GuardedProtocol
from graph.start import StartFailed


def prepared(settings: Settings, workers: int) -> uvicorn.Config:
    """How it is served, with the application itself where one process serves it.

    All that stays is there then: Python's search for garbage goes on, tuned.
    """
    config = uvicorn.Config(
        create_app(settings) if workers == 1 else f"{__name__}:from_environment",
        factory=workers > 1,
        workers=workers,
        http=GuardedProtocol,
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
        ws_per_message_deflate=False,
        ws_max_size=settings.max_query_bytes,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    garbage.tune()
    return config


def from_environment() -> Starlette:
    """The application of one of several worker processes: one that died is replaced during an outage, too."""
    settings = load().model_copy(update={"database_wait_seconds": float("inf")})
    logs.configure(settings.log_level)
    app = create_app(settings)
    garbage.tune()
    return app


def serve(config: uvicorn.Config, settings: Settings, listener: socket.socket) -> None:
    """Answers at `listener` until a signal says to stop; `StartFailed` where it could not begin."""
    if config.workers == 1:
        with suppress(KeyboardInterrupt):
            _run_one(uvicorn.Server(config), listener)
        return
    if settings.archive_socket is not None:
        os.environ["ARCHIVE_SOCKET"] = str(settings.archive_socket)
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        raise StartFailed("a worker did not start; the lines above say why")


def _run_one(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    except SystemExit:
        if not server.started:
            raise StartFailed("the server did not start; the lines above say why") from None
        raise
