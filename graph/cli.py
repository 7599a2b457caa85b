"""The command line: `dicom-graph serve | archive | upload | doctor | api-key | schema`.

Each command imports what it needs when it runs, so that none waits for what another needs.
"""

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    help="A GraphQL API in front of any PACS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
archive_app = typer.Typer(help="The embedded PACS.", invoke_without_command=True)
app.add_typer(archive_app, name="archive")
api_key_app = typer.Typer(help="Keys of services, for AUTH=api-key.", no_args_is_help=True)
app.add_typer(api_key_app, name="api-key")


@app.command()
def serve(
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve; more than one needs DATABASE_URL.")] = 1,
) -> None:
    """Runs the server, and the embedded PACS where no other is configured. Settings are environment variables."""
    from graph.server import run
    from graph.settings import SettingsError
    from graph.start import StartFailed

    try:
        run(workers)
    except (SettingsError, StartFailed) as error:
        _fail(error)


@archive_app.callback()
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
    from graph import logs
    from pacs.archive.dimse.options import DimseOptions, TlsFiles
    from pacs.archive.faults import ArchiveUnusable
    from pacs.archive.lock import ArchiveLocked
    from pacs.archive.options import ArchiveOptions
    from pacs.archive.server import run as run_archive
    from pacs.peers import check_ae_title, parse_peers

    logs.configure(os.environ.get("LOG_LEVEL", "info"))
    if (dimse_tls_cert is None) != (dimse_tls_key is None) or (dimse_tls_ca and not dimse_tls_cert):
        _fail("--dimse-tls-cert and --dimse-tls-key belong together, and --dimse-tls-ca needs them")
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
        _fail(error)
    options = ArchiveOptions(
        data_dir=data_dir,
        notify_url=notify_url,
        notify_token=os.environ.get("NOTIFY_TOKEN") or None,
        stable_age_seconds=stable_age_seconds,
        allow_delete=allow_delete,
        dimse=network or None,
        prints_dir=prints_dir,
    )
    try:
        run_archive(options, socket=socket, host=host, port=port, host_names=host_name or (), watch_parent=watch_parent)
    except (ArchiveLocked, ArchiveUnusable, OSError) as error:
        _fail(error)


@archive_app.command()
def check(context: typer.Context) -> None:
    """Verifies the stored files against the index, while the embedded PACS is stopped."""
    from pacs.archive.faults import ArchiveUnusable
    from pacs.archive.lock import ArchiveLocked
    from pacs.archive.verify import verify

    try:
        report = verify(context.obj)
    except (ArchiveLocked, ArchiveUnusable, OSError) as error:
        _fail(error)
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


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    url: Annotated[str, typer.Option(help="The GraphQL URL.")] = "http://127.0.0.1:8000/graphql",
    token: Annotated[str | None, typer.Option(envvar="DICOM_GRAPH_TOKEN", help="Bearer token.")] = None,
) -> None:
    """Uploads DICOM files to a server and says what became of each."""
    from graph.upload_client import UploadFailed, upload_files

    try:
        stored, failed = upload_files(files, url, token)
    except UploadFailed as error:
        _fail(error)
    typer.echo(f"{stored} stored, {failed} not stored")
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor(
    store: Annotated[
        bool, typer.Option("--store", help="Also store one tiny object in the PACS, which stays.")
    ] = False,
    post: Annotated[bool, typer.Option("--post", help="Also post to the callback: nothing, which it refuses.")] = False,
) -> None:
    """Probes what the settings name: PACS, worklist, callback, store. Says what it found and what to set."""
    from graph import logs
    from graph.doctor.run import Options, examine
    from graph.settings import SettingsError, load

    logs.configure("error")
    try:
        is_well = examine(load(), Options(store=store, post=post), typer.echo)
    except SettingsError as error:
        _fail(error, code=1)
    raise typer.Exit(0 if is_well else 1)


@api_key_app.command("new")
def new_api_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; access records show it.")],
    role: Annotated[str, typer.Option(help="PATIENT, DIAGNOSTIC, INTEGRATION or ADMIN.")],
    patient_id: Annotated[str | None, typer.Option(help="Whose exams a PATIENT sees.")] = None,
    file: Annotated[Path, typer.Option(envvar="API_KEY_FILE", help="The file; made where there is none.")] = Path(
        "api-keys.jsonl"
    ),
) -> None:
    """Makes a key, prints it this once, and adds its hash to the file. To end a key, remove its line."""
    from graph.access import Role
    from graph.authentication.api_keys import BadKeyFile, new_key

    if role.upper() not in Role.__members__:
        _fail(f"--role is one of {', '.join(Role.__members__)}")
    try:
        typer.echo(new_key(file, name, Role[role.upper()], patient_id))
    except (BadKeyFile, OSError) as error:
        _fail(error)


@app.command()
def schema(
    check: Annotated[bool, typer.Option(help="Only say whether the file is current.")] = False,
    path: Annotated[Path, typer.Option(help="The file.")] = Path("schema.graphql"),
) -> None:
    """Prints the GraphQL schema from the code to schema.graphql."""
    printed = schema_text()
    if not check:
        path.write_text(printed, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != printed:
        _fail(f"{path} is stale: run `make schema`")


def schema_text() -> str:
    """What schema.graphql must hold."""
    from graph.schema import contract_schema

    return f"# Printed from the code by `make schema`; do not edit.\n\n{contract_schema().as_str()}\n"


def _fail(reason: object, code: int = 2) -> NoReturn:
    for line in str(reason).splitlines():
        typer.echo(f"dicom-graph: {line}", err=True)
    raise typer.Exit(code)


def main() -> None:
    """The `dicom-graph` command. What it writes to disk is patient data: for its own user's eyes only."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
