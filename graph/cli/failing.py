"""How a command says that it could not do what it was asked."""

from typing import NoReturn

import typer


def fail(reason: object, code: int = 2) -> NoReturn:
    """Says why, on standard error, and ends with `code`."""
    for line in str(reason).splitlines():
        typer.echo(f"dicom-graph: {line}", err=True)
    raise typer.Exit(code)
