"""`dicom-graph serve`: what must be in order, then the embedded PACS where there is no other, then the application."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import NoReturn

import typer

from graph import garbage, logs
from graph.archive_process import ArchiveFailed, ArchiveProcess, starting_archive
from graph.settings import Settings, load
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
        with _pacs(settings, base) as archive:
            if archive is not None:
                settings = settings.model_copy(update={"archive_socket": archive.socket})
            garbage.pause()
            from graph.http_server import prepared, serve  # noqa: PLC0415  meanwhile the embedded PACS starts

            config = prepared(settings, workers)
            if archive is not None:
                archive.wait_until_it_listens()
            _announce(settings, base)
            serve(config, settings, listener)


def _end(*_: object) -> NoReturn:
    """uvicorn, when it has stopped, raises the signal again: then everything here is to be left in order."""
    raise SystemExit(0)


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
def _pacs(settings: Settings, base: str) -> Iterator[ArchiveProcess | None]:
    """The embedded PACS, which starts now; None where there is another, or it was started elsewhere."""
    if settings.archive_socket is not None or not settings.needs_embedded:
        if settings.dimse_port is not None:
            raise StartFailed("DIMSE_PORT is for the embedded PACS, and none is started here: unset it")
        yield None
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
        with starting_archive(arguments, environment) as archive:
            yield archive
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
