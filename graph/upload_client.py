"""`dicom-graph upload`: sends files to a server by the GraphQL multipart request specification."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import orjson
import typer

_AT_ONCE = 50
_TIMEOUT_SECONDS = 600.0
_MUTATION = """mutation Upload($files: [Upload!]!) {
  uploadExams(files: $files) { results { instance { sopInstanceUID sopClassName } error { code message } } }
}"""


class UploadFailed(RuntimeError):
    """The server could not be asked, or answered with an error as a whole."""


def upload_files(paths: Iterable[Path], url: str, token: str | None) -> tuple[int, int]:
    """Uploads files, and those in folders; prints a line each; returns how many were stored and how many not."""
    stored = failed = 0
    headers = {"GraphQL-Require-Preflight": "1"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with httpx.Client(headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        for batch in _batches(_files(paths)):
            for path, result in zip(batch, _upload(client, url, batch), strict=True):
                instance, error = result["instance"], result["error"]
                stored, failed = stored + bool(instance), failed + bool(error)
                said = f"{error['code']}: {error['message']}" if error else f"stored, {instance['sopInstanceUID']}"
                typer.echo(f"{path}: {said}", err=bool(error))
    return stored, failed


def _batches(paths: Iterator[Path]) -> Iterator[tuple[Path, ...]]:
    while batch := tuple(islice(paths, _AT_ONCE)):
        yield batch


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        elif path.is_file():
            yield path
        else:
            raise UploadFailed(f"{path} is neither a file nor a folder")


def _upload(client: httpx.Client, url: str, paths: tuple[Path, ...]) -> list[dict[str, Any]]:
    operations = {"query": _MUTATION, "variables": {"files": [None] * len(paths)}}
    places = {str(n): [f"variables.files.{n}"] for n in range(len(paths))}
    with ExitStack() as stack:
        files: list[tuple[str, Any]] = [
            ("operations", (None, orjson.dumps(operations), "application/json")),
            ("map", (None, orjson.dumps(places), "application/json")),
        ]
        files += [(str(n), (path.name, stack.enter_context(_opened(path)))) for n, path in enumerate(paths)]
        try:
            response = client.post(url, files=files)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UploadFailed(f"{url} cannot be asked: {error}") from error
        except OSError as error:
            raise UploadFailed(f"a file cannot be read: {error.strerror}") from error
    return _results(response)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UploadFailed(f"{path} cannot be read: {error.strerror}") from error


def _results(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        answer = response.json()
        if answer.get("errors"):
            raise UploadFailed(answer["errors"][0]["message"])
        results: list[dict[str, Any]] = answer["data"]["uploadExams"]["results"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # not what GraphQL answers
        raise UploadFailed(
            f"{response.url} is no GraphQL URL of this service (status {response.status_code}); its path is /graphql"
        ) from error
    return results
