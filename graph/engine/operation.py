"""What the request log may say of a GraphQL operation: its name, its kind, how it ended."""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from graphql import GraphQLError, OperationDefinitionNode

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

    def describe(self, node: OperationDefinitionNode) -> None:
        self.kind = node.operation.value
        self.name = node.name.value[:_LONGEST_NAME] if node.name else None

    def end(self, errors: Iterable[GraphQLError]) -> None:
        for error in errors:
            self.outcome = str((error.extensions or {}).get("code"))
            return


current_operation: ContextVar[Operation | None] = ContextVar("current_operation", default=None)
"""The operation being served; None where a schema is used without a view."""
