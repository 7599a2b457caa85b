"""The command line: `dicom-graph serve | archive | upload | doctor | api-key | schema`.

Each command imports what it needs when it runs, so that none waits for what another needs.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from graph.cli import archive
from graph.cli.failing import fail

app = typer.Typer(
    help="A GraphQL API in front of any PACS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(archive.app, name="archive")
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
        fail(error)


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
        fail(error)
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
        fail(error, code=1)
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
        fail(f"--role is one of {', '.join(Role.__members__)}")
    try:
        typer.echo(new_key(file, name, Role[role.upper()], patient_id))
    except (BadKeyFile, OSError) as error:
        fail(error)


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
        fail(f"{path} is stale: run `make schema`")


def schema_text() -> str:
    """What schema.graphql must hold."""
    from graph.schema import contract_schema

    return f"# Printed from the code by `make schema`; do not edit.\n\n{contract_schema().as_str()}\n"


def main() -> None:
    """The `dicom-graph` command. What it writes to disk is patient data: for its own user's eyes only."""
    os.umask(0o077)
    app()
