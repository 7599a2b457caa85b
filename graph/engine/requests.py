"""A GraphQL request, out of a query string, a JSON body, a form or a socket's message."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from strawberry.types.graphql import OperationType

from graph.engine.form import Form, read_form, too_large_body
from graph.engine.uploads import UploadedFile, UploadLimits
from graph.errors import bad_input

PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")
"""A page of another origin cannot set one of these without asking first (CORS), as it can with a form."""

KINDS = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
"""The methods of HTTP, and the operations that each may ask for."""


@dataclass(frozen=True)
class GraphQLRequest:
    """The parameters of one operation."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


@asynccontextmanager
async def read_request(request: Request, limits: UploadLimits) -> AsyncIterator[GraphQLRequest]:
    """The request's operation; its uploaded files are open within the block.

    Raises ContractError: BAD_USER_INPUT, with status 400, 405 (method), 413 (size) or 415 (type of the body).
    """
    if request.method == "GET":
        yield _from_query_string(request.query_params)
        return
    media_type = _media_type(request)
    if media_type == "application/json":
        yield parameters(decode(await _body(request, limits.max_json_bytes)))
        return
    _refuse_longer(request, limits.max_request_bytes)
    async with read_form(request.headers["content-type"], request.stream(), limits) as form:
        yield parameters(_with_files(form))


def decode(data: bytes | str) -> Any:
    """JSON, or BAD_USER_INPUT."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise bad_input("This is not JSON.") from None


def parameters(data: Any) -> GraphQLRequest:
    """The operation in a decoded body; raises BAD_USER_INPUT for anything else."""
    if isinstance(data, list):
        raise bad_input("Operations are sent one by one, not in a list.")
    if not isinstance(data, dict):
        raise bad_input("A GraphQL request is a JSON object.")
    query = _typed(data, "query", str, "a string")
    if not query:
        raise bad_input("The request has no `query`.")
    return GraphQLRequest(
        query=query,
        variables=_typed(data, "variables", dict, "an object"),
        operation_name=_typed(data, "operationName", str, "a string"),
        extensions=_typed(data, "extensions", dict, "an object"),
    )


def _typed(data: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    value = data.get(name)
    if value is not None and not isinstance(value, kind):
        raise bad_input(f"`{name}` is {what} or null.")
    return value


def _from_query_string(query: Mapping[str, str]) -> GraphQLRequest:
    decoded = {name: decode(query[name]) for name in ("variables", "extensions") if query.get(name)}
    plain = {name: query[name] for name in ("query", "operationName") if query.get(name)}
    return parameters(plain | decoded)


def _media_type(request: Request) -> str:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise bad_input("The body of a request must not be compressed.", status=415)
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type == b"application/json" and options.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8"):
        return "application/json"
    if media_type == b"multipart/form-data":
        if not any(request.headers.get(header) for header in PREFLIGHT_HEADERS):
            raise bad_input("A multipart request needs the header `GraphQL-Require-Preflight: 1`.")
        return "multipart/form-data"
    raise bad_input("The body of a request is application/json (UTF-8) or multipart/form-data.", status=415)


def _refuse_longer(request: Request, max_bytes: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large_body(max_bytes)


async def _body(request: Request, max_bytes: int) -> bytes:
    _refuse_longer(request, max_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large_body(max_bytes)
    return bytes(body)


def _with_files(form: Form) -> dict[str, Any]:
    operations, places = decode(form.operations), decode(form.map)
    if not isinstance(operations, dict):
        raise bad_input("`operations` is one GraphQL request, a JSON object.")
    if not isinstance(places, dict):
        raise bad_input("`map` is a JSON object from the names of parts to lists of paths.")
    if unplaced := form.files.keys() - places.keys():
        raise bad_input(f"{len(unplaced)} of the form's files are not in `map`.")
    for name, paths in places.items():
        if name not in form.files:
            raise bad_input("`map` names a file that is not in the form.")
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise bad_input("`map` is a JSON object from the names of parts to lists of paths.")
        for path in paths:
            _place(operations, path, form.files[name])
    return operations


def _place(operations: dict[str, Any], path: str, file: UploadedFile) -> None:
    *parents, last = path.split(".")
    if not parents or parents[0] != "variables":
        raise bad_input("The paths of `map` begin with `variables.`.")
    target: Any = operations
    for step in parents:
        target = _child(target, step)
    if _child(target, last) is not None:
        raise bad_input("A path of `map` leads to a value that is not null.")
    target[int(last[:9]) if isinstance(target, list) else last] = file


def _child(container: Any, step: str) -> Any:
    if isinstance(container, dict) and step in container:
        return container[step]
    if isinstance(container, list) and step.isascii() and step.isdecimal() and int(step[:9]) < len(container):
        return container[int(step[:9])]
    raise bad_input("A path of `map` leads nowhere.")
