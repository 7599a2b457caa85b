"""GraphQL over HTTP and WebSocket, as one ASGI endpoint.

It serves `Route("/graphql", view)` and `WebSocketRoute("/graphql", view)`; a Mount redirects POST and breaks sockets.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from graph.engine import explorer
from graph.engine.encoding import encode
from graph.engine.errors import masked
from graph.engine.negotiation import RESPONSE_JSON, answer_type, prefers_page
from graph.engine.operation import Operation, current_operation
from graph.engine.requests import read_request
from graph.engine.schema import ContractSchema
from graph.engine.socket import Socket
from graph.engine.socket_options import SocketOptions
from graph.engine.uploads import UploadLimits
from graph.errors import ContractError, ErrorCode, bad_input
from graph.socket_counts import SocketCounts

ContextMaker = Callable[[HTTPConnection], Awaitable[Any]]
"""Makes the resolvers' context, before any body is read; raises ContractError to refuse.

For a socket it runs at `connection_init`, whose payload is `connection.state.connection_params`, and again for each
operation.
"""

_KINDS = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
_MIB = 1 << 20


@dataclass(frozen=True)
class ViewOptions:
    """What the view serves, and how much it takes."""

    graphiql: bool = False
    """Serve the page for trying queries to browsers, at GET."""
    max_body_bytes: int = 1 * _MIB
    """JSON, in a body or in a form's `operations`."""
    max_upload_bytes: int = 2048 * _MIB
    """One file."""
    max_upload_files: int = 1_000
    max_request_bytes: int = 16_384 * _MIB
    """A whole form."""
    spool_dir: Path | None = None
    """Where uploads wait; None: the system's temporary folder."""
    max_message_bytes: int = 1 * _MIB
    """One message on a socket."""
    max_operations_per_socket: int = 100
    max_sockets_per_client: int = 50
    messages_per_second: float = 0
    """In the long run, of one socket; 0: any number."""
    message_burst: int = 1000
    connection_init_timeout_seconds: float = 10
    operation_timeout_seconds: float | None = None
    """For queries and mutations without files."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins, besides the server's own, whose pages may open sockets."""


class GraphQLView:
    """The endpoint.

    `lifetime_seconds` tells how long a context is good for (its token expires; None: never); its socket closes then.
    `client_of` names the client whose sockets are counted together; its context is None as long as it is not known.
    """

    def __init__(
        self,
        schema: ContractSchema,
        context: ContextMaker,
        options: ViewOptions | None = None,
        *,
        lifetime_seconds: Callable[[Any], float | None] = lambda _: None,
        client_of: Callable[[HTTPConnection, Any], str] = lambda *_: "",
    ) -> None:
        self._schema = schema
        self._context = context
        self._options = options = options or ViewOptions()
        self._lifetime_seconds = lifetime_seconds
        self._uploads = UploadLimits(
            max_json_bytes=options.max_body_bytes,
            max_file_bytes=options.max_upload_bytes,
            max_files=options.max_upload_files,
            max_request_bytes=options.max_request_bytes,
            spool_dir=options.spool_dir,
        )
        self._sockets = SocketOptions(
            max_message_bytes=options.max_message_bytes,
            max_operations=options.max_operations_per_socket,
            messages_per_second=options.messages_per_second,
            message_burst=options.message_burst,
            connection_init_timeout_seconds=options.connection_init_timeout_seconds,
            operation_timeout_seconds=options.operation_timeout_seconds,
            counts=SocketCounts(options.max_sockets_per_client),
            client_of=client_of,
            allowed_origins=options.allowed_origins,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            await Socket(websocket, self._schema, self._context, self._sockets, self._lifetime_seconds).serve()
            return
        request = Request(scope, receive)
        response = await self._answer_whatever_happens(request)
        await response(scope, receive, send)

    async def _answer_whatever_happens(self, request: Request) -> Response:
        operation = request.state.operation = Operation()
        token = current_operation.set(operation)
        try:
            return await self._answer(request)
        except ContractError as error:
            return _refusal(request, error)
        except ClientDisconnect:
            return _refusal(request, bad_input("The request ended before its body did."))
        except Exception as error:  # masked: the client hears a code and an ID of the log
            return _refusal(request, masked(error))
        finally:
            current_operation.reset(token)

    async def _answer(self, request: Request) -> Response:
        if request.method not in _KINDS:
            raise bad_input("GraphQL is served to GET and POST.", status=405)
        if self._options.graphiql and _wants_page(request):
            return explorer.page()
        context = await self._context(request)
        async with read_request(request, self._uploads) as asked, self._in_time(request):
            result = await self._schema.execute(
                asked.query,
                variable_values=asked.variables,
                operation_name=asked.operation_name,
                operation_extensions=asked.extensions,
                context_value=context,
                allowed_operation_types=_KINDS[request.method],
            )
        return _result(request, result)

    def _in_time(self, request: Request) -> AbstractAsyncContextManager[None]:
        """The bound of the operation; none for files, whose transfers have bounds of their own."""
        operation: Operation = request.state.operation
        return operation.within(None if _has_files(request) else self._options.operation_timeout_seconds)


def _has_files(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/")


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "query" not in request.query_params and _accepts_page(request)


def _accepts_page(request: Request) -> bool:
    return prefers_page(request.headers.get("accept", ""))


def _result(request: Request, result: ExecutionResult) -> Response:
    errors = result.errors or []
    refused = isinstance(result, PreExecutionError) or (
        result.data is None and bool(errors) and all(error.path is None for error in errors)
    )
    body: dict[str, Any] = {} if refused else {"data": result.data}
    if errors:
        body["errors"] = [error.formatted for error in errors]
    status = errors[0].extensions["status"] if refused and errors[0].extensions else 200
    if answer_type(request.headers.get("accept", "")) != RESPONSE_JSON and status == 400:
        status = 200  # what `application/json` clients of old expect of a request that is no GraphQL
    return _json(request, body, status)


def _refusal(request: Request, error: ContractError) -> Response:
    request.state.operation.end([error])
    extensions: Mapping[str, Any] = error.extensions or {}
    status = extensions["status"]
    response = _json(request, {"errors": [error.formatted]}, status)
    if status == 405:
        response.headers["Allow"] = ", ".join(_KINDS)
    if error.code is ErrorCode.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retryAfterSeconds" in extensions:
        response.headers["Retry-After"] = str(extensions["retryAfterSeconds"])
    return response


def _json(request: Request, body: dict[str, Any], status: int) -> Response:
    media_type = answer_type(request.headers.get("accept", ""))
    return Response(encode(body), status, _HEADERS, f"{media_type}; charset=utf-8")
