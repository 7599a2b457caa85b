"""GraphQL over HTTP and WebSocket, as one ASGI endpoint.

It serves `Route("/graphql", view)` and `WebSocketRoute("/graphql", view)`; a Mount redirects POST and breaks sockets.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from graph.engine import explorer
from graph.engine.answers import answer, refusal
from graph.engine.errors import masked
from graph.engine.negotiation import prefers_page
from graph.engine.operation import Operation, current_operation
from graph.engine.requests import KINDS, read_request
from graph.engine.schema import ContractSchema
from graph.engine.socket import Socket
from graph.engine.socket_options import SocketOptions
from graph.engine.spool_files import SpoolFiles
from graph.engine.uploads import UploadLimits
from graph.engine.view_options import ViewOptions
from graph.errors import ContractError, bad_input, translate
from graph.socket_counts import SocketCounts

ContextMaker = Callable[[HTTPConnection], Awaitable[Any]]
"""Makes the resolvers' context, before any body is read; raises ContractError to refuse.

For a socket it runs at `connection_init`, whose payload is `connection.state.connection_params`, and again for each
operation.
"""


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
            spool_files=SpoolFiles(options.spool_dir),
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
            return refusal(request, error)
        except ClientDisconnect:
            return refusal(request, bad_input("The request ended before its body did."))
        except Exception as error:  # masked: the client hears a code and an ID of the log
            return refusal(request, translate(error) or masked(error))
        finally:
            current_operation.reset(token)

    async def _answer(self, request: Request) -> Response:
        if request.method not in KINDS:
            raise bad_input("GraphQL is served to GET and POST.", status=405)
        if self._options.graphiql and _wants_page(request):
            return explorer.page()
        context = await self._context(request)
        async with read_request(request, self._uploads) as asked, self._in_time(request):
            executed = await self._schema.execute(
                asked.query,
                variable_values=asked.variables,
                operation_name=asked.operation_name,
                operation_extensions=asked.extensions,
                context_value=context,
                allowed_operation_types=KINDS[request.method],
            )
        return answer(request, executed)

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
