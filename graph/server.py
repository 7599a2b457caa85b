"""Runs the application under uvicorn, with the embedded PACS beside it where there is no other."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import typer
import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from graph import garbage, logs
from graph.app import create_app
from graph.archive_process import ArchiveFailed, running_archive
from graph.archives import needs_embedded
from graph.settings import Settings, load
from graph.slow_clients import GuardedProtocol
from graph.start import StartFailed, check_start


def run(workers: int = 1) -> None:
    """Serves until a signal says to stop; then lets requests finish, closes subscriptions, stops the embedded PACS."""
    settings = load()
    logs.configure(settings.log_level)
    signal.signal(signal.SIGTERM, _end)
    if workers > 1 and not (settings.database_url or "").startswith("mongodb"):
        raise StartFailed(
            "--workers needs a MongoDB at DATABASE_URL: several processes cannot share the embedded store"
        )
    with _listening(settings) as listener:
        check_start(settings)
        host, port = listener.getsockname()[:2]
        base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        with _pacs(settings, base) as archive_socket:
            settings = settings.model_copy(update={"archive_socket": archive_socket})
            _announce(settings, base)
            _serve(settings, listener, workers)


def _end(*_: object) -> NoReturn:
    """uvicorn, when it has stopped, raises the signal again: then everything here is to be left in order."""
    raise SystemExit(0)


def from_environment() -> Starlette:
    """The application of one of several worker processes: one that died is replaced during an outage, too."""
    settings = load().model_copy(update={"database_wait_seconds": float("inf")})
    logs.configure(settings.log_level)
    return _created(settings)


def _created(settings: Settings) -> Starlette:
    """The application, in a process that runs nothing else."""
    app = create_app(settings)
    garbage.tune()
    return app


def _serve(settings: Settings, listener: socket.socket, workers: int) -> None:
    config = uvicorn.Config(
        _created(settings) if workers == 1 else f"{__name__}:from_environment",
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
    if workers == 1:
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):
            _run_one(server, listener)
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


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The server's socket, taken before anything is started, so that a taken port is one clear sentence."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise StartFailed(
                f"HOST={settings.host} PORT={settings.port}: {error.strerror}; set another PORT"
            ) from None
        listener.set_inheritable(True)
        yield listener


@contextmanager
def _pacs(settings: Settings, base: str) -> Iterator[Path | None]:
    """The socket of the embedded PACS, started here unless there is a PACS, or one was started elsewhere."""
    if settings.archive_socket is not None or not needs_embedded(settings):
        if settings.dimse_port is not None:
            raise StartFailed("DIMSE_PORT is for the embedded PACS, and none is started here: unset it")
        yield settings.archive_socket
        return
    arguments = ["--data-dir", str(settings.data_dir / "archive")]
    arguments += ["--notify-url", f"{base}/new-exam-callback"]
    arguments += ["--stable-age-seconds", str(settings.stable_age_seconds)]
    arguments += ["--allow-delete"] if settings.archive_allow_delete else []
    arguments += ["--prints-dir", str(settings.data_dir / "prints")]
    arguments += settings.dimse_arguments(settings.host, has_images=settings.pacs_url is None)
    environment = os.environ | {"LOG_LEVEL": settings.log_level}
    if settings.callback_token is not None:
        environment["NOTIFY_TOKEN"] = settings.callback_token.get_secret_value()
    try:
        with running_archive(arguments, environment) as archive_socket:
            yield archive_socket
    except ArchiveFailed as error:
        raise StartFailed(str(error)) from None


def _dicom_address(settings: Settings) -> str:
    host = settings.dimse_host or settings.host
    services = "" if settings.pacs_url is None else ", worklist and procedure steps only"
    return f"{settings.dimse_ae_title} on {host} port {settings.dimse_port}{services}"


def _announce(settings: Settings, base: str) -> None:
    """Says where everything is, for the person who started the server."""
    lines = {
        "GraphQL": f"{base}/graphql",
        "GraphiQL": f"{base}/graphql in a browser" if settings.serves_graphiql else "off (GRAPHIQL)",
        "PACS": settings.pacs_url or "embedded",
        **({"DICOM": _dicom_address(settings)} if settings.dimse_port is not None else {}),
        "Callback": f"{base}/new-exam-callback",
        "Data folder": str(settings.data_dir.resolve()),
    }
    typer.echo(f"dicom-graph {version('dicom-graph')}")
    for name, value in lines.items():
        typer.echo(f"  {name:<12} {value}")
