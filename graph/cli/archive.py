"""`dicom-graph archive`, and `archive check`: the embedded PACS by itself."""

import os
from pathlib import Path
from typing import Annotated

import typer

from graph.cli.failing import fail

app = typer.Typer(help="The embedded PACS.", invoke_without_command=True)


@app.callback()
def archive(
    context: typer.Context,
    data_dir: Annotated[Path, typer.Option(help="Folder for the files and the index.")] = Path(".data/archive"),
    socket: Annotated[Path | None, typer.Option(help="Unix socket to listen on, instead of a port.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8042,
    host_name: Annotated[
        list[str] | None, typer.Option(help="Name with a dot by which it may be called there; may be repeated.")
    ] = None,
    notify_url: Annotated[str | None, typer.Option(help="Where new exams are announced.")] = None,
    stable_age_seconds: Annotated[float, typer.Option(help="Quiet time after which a study is announced.")] = 2.0,
    allow_delete: Annotated[bool, typer.Option(help="Whether studies and series may be deleted.")] = False,
    dimse_port: Annotated[
        int | None, typer.Option(help="Port for the DICOM network; without it there is none.")
    ] = None,
    dimse_host: Annotated[str, typer.Option(help="Address for it; off loopback only peers may call.")] = "127.0.0.1",
    dimse_ae_title: Annotated[str, typer.Option(help="AE title.")] = "DICOMGRAPH",
    dimse_peers: Annotated[str, typer.Option(help="Known peers: AET=host:port, divided by commas.")] = "",
    dimse_tls_cert: Annotated[Path | None, typer.Option(help="PEM file of the certificate; without it no TLS.")] = None,
    dimse_tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    dimse_tls_ca: Annotated[Path | None, typer.Option(help="PEM file of the authority of the peers.")] = None,
    prints_dir: Annotated[
        Path | None, typer.Option(help="Folder for films printed over it; else in --data-dir.")
    ] = None,
    dimse_images: Annotated[bool, typer.Option(help="Whether images are stored and found over it.")] = True,
    watch_parent: Annotated[bool, typer.Option(hidden=True, help="Ends when standard input does.")] = False,
) -> None:
    """Runs the embedded PACS by itself. NOTIFY_TOKEN in the environment is presented at the notify URL."""
    if context.invoked_subcommand is not None:
        context.obj = data_dir
        return
    from graph import garbage, logs

    garbage.pause()
    from pacs.archive.dimse.options import DimseOptions, TlsFiles
    from pacs.archive.faults import ArchiveUnusable
    from pacs.archive.lock import ArchiveLocked
    from pacs.archive.options import ArchiveOptions
    from pacs.archive.server import run as run_archive
    from pacs.peers import check_ae_title, parse_peers

    logs.configure(os.environ.get("LOG_LEVEL", "info"))
    if (dimse_tls_cert is None) != (dimse_tls_key is None) or (dimse_tls_ca and not dimse_tls_cert):
        fail("--dimse-tls-cert and --dimse-tls-key belong together, and --dimse-tls-ca needs them")
    try:
        network = dimse_port and DimseOptions(
            port=dimse_port,
            host=dimse_host,
            ae_title=check_ae_title(dimse_ae_title),
            peers=parse_peers(dimse_peers),
            tls=TlsFiles(dimse_tls_cert, dimse_tls_key, dimse_tls_ca) if dimse_tls_cert and dimse_tls_key else None,
            offers_images=dimse_images,
        )
    except ValueError as error:
        fail(error)
    options = ArchiveOptions(
        data_dir=data_dir,
        notify_url=notify_url,
        notify_token=os.environ.get("NOTIFY_TOKEN") or None,
        stable_age_seconds=stable_age_seconds,
        allow_delete=allow_delete,
        dimse=network or None,
        prints_dir=prints_dir,
        takes_given=watch_parent and socket is not None,
    )
    garbage.tune()
    try:
        run_archive(options, socket=socket, host=host, port=port, host_names=host_name or (), watch_parent=watch_parent)
    except (ArchiveLocked, ArchiveUnusable, OSError) as error:
        fail(error)


@app.command()
def check(context: typer.Context) -> None:
    """Verifies the stored files against the index, while the embedded PACS is stopped."""
    from pacs.archive.faults import ArchiveUnusable
    from pacs.archive.lock import ArchiveLocked
    from pacs.archive.verify import verify

    try:
        report = verify(context.obj)
    except (ArchiveLocked, ArchiveUnusable, OSError) as error:
        fail(error)
    problems = {
        "missing": report.missing,
        "damaged": report.damaged,
        "unreadable": report.unreadable,
        "not in the index": report.unknown,
        "index": report.index_errors,
    }
    for kind, found in problems.items():
        for one in found:
            typer.echo(f"{kind}: {one}", err=True)
    typer.echo(f"{report.instances} instances, {sum(map(len, problems.values()))} problems")
    raise typer.Exit(0 if report.is_clean else 1)
