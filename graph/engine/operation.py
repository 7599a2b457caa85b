"""What the request log may say of a GraphQL operation: its name, its kind, how it ended."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from graphql import GraphQLError, OperationDefinitionNode

from graph.errors import ContractError, ErrorCode

_LONGEST_NAME = 64


@dataclass
class Operation:
    """One operation; the view puts it into `scope["state"]["operation"]`.

    `name` is a name that stands in the document (letters, digits, underscores), or None. `outcome` is "ok" or the code
    of the first error.
    """

    name: str | None = None
    kind: str | None = None
    outcome: str = "ok"
    _deadline: asyncio.Timeout | None = None

    @asynccontextmanager
    async def within(self, seconds: float | None) -> AsyncIterator[None]:
        """Ends a query or mutation that takes longer: PACS_TIMEOUT, for that is what they wait for."""
        try:
            async with asyncio.timeout(seconds) as self._deadline:
                yield
        except TimeoutError:
            if self._deadline is None or not self._deadline.expired():
                raise
            message = f"The operation took longer than {seconds:g} s."
            raise ContractError(ErrorCode.PACS_TIMEOUT, message) from None

    def describe(self, node: OperationDefinitionNode) -> None:
        self.kind = node.operation.value
        self.name = node.name.value[:_LONGEST_NAME] if node.name else None
        if self.kind == "subscription" and self._deadline is not None:
            self._deadline.reschedule(None)

    def end(self, errors: Iterable[GraphQLError]) -> None:
        for error in errors:
            self.outcome = str((error.extensions or {}).get("code"))
            return


current_operation: ContextVar[Operation | None] = ContextVar("current_operation", default=None)
"""The operation being served; None where a schema is used without a view."""
