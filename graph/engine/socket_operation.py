"""One operation on a socket, from its subscribe message to its complete or error."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.types.execution import PreExecutionError

from graph.engine.operation import Operation, current_operation
from graph.engine.requests import GraphQLRequest
from graph.engine.schema import ContractSchema
from graph.engine.socket_channel import Channel
from graph.engine.socket_closing import REFUSALS
from graph.errors import ContractError, ErrorCode

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketOperation:
    """What the client calls `id`. `ended` is called before the client is told, so that it may use the id again."""

    id: str
    asked: GraphQLRequest
    channel: Channel
    schema: ContractSchema
    make_context: Callable[[], Awaitable[Any]]
    timeout_seconds: float | None
    ended: Callable[[str], None]

    async def run(self) -> None:
        """Sends the results, one after the other, and what they end with."""
        operation = Operation()
        current_operation.set(operation)
        try:
            async with operation.within(self.timeout_seconds):
                await self._send_results()
        except WebSocketDisconnect:
            operation.outcome = "disconnected"
        except ContractError as error:
            operation.end([error])
            await self._refuse(error)
        except asyncio.CancelledError:
            operation.outcome = "cancelled"
            raise
        finally:
            log.info("graphql operation", operation=operation.name, kind=operation.kind, outcome=operation.outcome)

    async def _send_results(self) -> None:
        results = await self.schema.stream(
            self.asked.query,
            variable_values=self.asked.variables,
            operation_name=self.asked.operation_name,
            operation_extensions=self.asked.extensions,
            context_value=await self.make_context(),
        )
        async with aclosing(results):
            async for result in results:
                errors = [error.formatted for error in result.errors or ()]
                if isinstance(result, PreExecutionError):
                    await self._send_last({"id": self.id, "type": "error", "payload": errors})
                    return
                _raise_if_unknown(result.errors)
                payload = {"data": result.data, "errors": errors} if errors else {"data": result.data}
                await self.channel.send({"id": self.id, "type": "next", "payload": payload})
        await self._send_last({"id": self.id, "type": "complete"})

    async def _refuse(self, error: ContractError) -> None:
        with suppress(WebSocketDisconnect):
            if error.code is ErrorCode.UNAUTHENTICATED:
                await self.channel.close(*REFUSALS[error.code])
            else:
                await self._send_last({"id": self.id, "type": "error", "payload": [error.formatted]})

    async def _send_last(self, message: dict[str, Any]) -> None:
        self.ended(self.id)
        await self.channel.send(message)


def _raise_if_unknown(errors: list[GraphQLError] | None) -> None:
    """A client that is no longer known in the middle of a subscription loses its socket, as before it."""
    for error in errors or ():
        if (error.extensions or {}).get("code") == ErrorCode.UNAUTHENTICATED:
            raise ContractError(ErrorCode.UNAUTHENTICATED, error.message)
