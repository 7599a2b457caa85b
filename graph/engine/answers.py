"""Answers of GraphQL over HTTP: results and refusals, with the status that belongs to them."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from strawberry.types.execution import ExecutionResult, PreExecutionError

from graph.engine.encoding import encode
from graph.engine.negotiation import RESPONSE_JSON, answer_type
from graph.engine.requests import KINDS
from graph.errors import ContractError, ErrorCode

_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}


def answer(request: Request, executed: ExecutionResult) -> Response:
    """What came of an operation; its status is 200 unless nothing of it was begun."""
    errors = executed.errors or []
    refused = isinstance(executed, PreExecutionError) or (
        executed.data is None and bool(errors) and all(error.path is None for error in errors)
    )
    body: dict[str, Any] = {} if refused else {"data": executed.data}
    if errors:
        body["errors"] = [error.formatted for error in errors]
    status = errors[0].extensions["status"] if refused and errors[0].extensions else 200
    if answer_type(request.headers.get("accept", "")) != RESPONSE_JSON and status == 400:
        status = 200  # what `application/json` clients of old expect of a request that is no GraphQL
    return _json(request, body, status)


def refusal(request: Request, error: ContractError) -> Response:
    """Why there was no operation, with the header fields that belong to that."""
    request.state.operation.end([error])
    extensions: Mapping[str, Any] = error.extensions or {}
    status = extensions["status"]
    response = _json(request, {"errors": [error.formatted]}, status)
    if status == 405:
        response.headers["Allow"] = ", ".join(KINDS)
    if error.code is ErrorCode.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retryAfterSeconds" in extensions:
        response.headers["Retry-After"] = str(extensions["retryAfterSeconds"])
    return response


def _json(request: Request, body: dict[str, Any], status: int) -> Response:
    media_type = answer_type(request.headers.get("accept", ""))
    return Response(encode(body), status, _HEADERS, f"{media_type}; charset=utf-8")
