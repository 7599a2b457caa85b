"""A strawberry schema that keeps the contract: limits, caches, error codes."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.name_converter import NameConverter
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.scalar import ScalarDefinition

from graph.engine.cost import Costs
from graph.engine.documents import Documents
from graph.engine.errors import contract_errors, no_operation
from graph.engine.execution import CompiledExecutor, ContractExecutor
from graph.engine.limits import Limits
from graph.engine.operation import current_operation
from graph.engine.stages import Stages
from graph.engine.uploads import UPLOAD, UploadedFile
from graph.errors import bad_input

_REFUSED_KINDS = {
    OperationType.QUERY: bad_input("Queries are not served here."),
    OperationType.MUTATION: bad_input("Mutations are not served over GET; send a POST.", status=405),
    OperationType.SUBSCRIPTION: bad_input("Subscriptions are served over WebSocket, by graphql-transport-ws."),
}


OnErrors = Callable[[Any, list[GraphQLError], Mapping[str, Any] | None], None]
"""Told the context, the contract's errors and the variables of each answer that has errors."""


class ContractSchema(strawberry.Schema):
    """A schema whose every error has a code and a status, and tells no more than it may."""

    documents: Documents
    """Those that were parsed, checked and planned before."""
    on_errors: OnErrors = staticmethod(lambda *_: None)

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """The result of a query or mutation; never raises for anything that a client sent."""
        try:
            result = await super().execute(*args, **kwargs)
        except InvalidOperationTypeError as error:
            result = PreExecutionError(None, [_REFUSED_KINDS[error.operation_type]])
        except CannotGetOperationTypeError:
            result = PreExecutionError(None, [no_operation()])
        return self._settled(result, kwargs)

    def create_extensions_runner(self, execution_context: ExecutionContext, _: object) -> SchemaExtensionsRunner:
        """What surrounds the stages of one operation; see strawberry."""
        return Stages(execution_context, self.documents)

    async def stream(self, *args: Any, **kwargs: Any) -> Any:
        """The results of any operation, one after the other."""
        return self._settled_stream(await super().stream(*args, **kwargs), kwargs)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Does nothing: strawberry would log messages here, which may hold patient data."""

    async def _settled_stream(self, results: Any, asked: dict[str, Any]) -> AsyncIterator[Any]:
        async with aclosing(results):
            async for result in results:
                yield self._settled(result, asked)

    def _settled(self, result: ExecutionResult, asked: dict[str, Any]) -> ExecutionResult:
        if result.errors:
            result.errors = contract_errors(result.errors)
            self.on_errors(asked.get("context_value"), result.errors, asked.get("variable_values"))
            if operation := current_operation.get():
                operation.end(result.errors)
        return result


def build_schema(
    query: type,
    mutation: type | None = None,
    subscription: type | None = None,
    *,
    limits: Limits | None = None,
    introspection: bool = True,
    compiled_selections: bool = True,
    costs: Costs | None = None,
    types: Iterable[type] = (),
    scalars: Mapping[object, ScalarDefinition] | None = None,
    name_converter: NameConverter | None = None,
    on_errors: OnErrors | None = None,
) -> ContractSchema:
    """The schema of these root types.

    `costs` says which fields ask the PACS (`graph.engine.cost`); `scalars` maps Python types to GraphQL scalars,
    `UploadedFile` to `Upload` among them already. Without `compiled_selections` every field goes through graphql-core.
    """
    documents = Documents(limits or Limits(), introspection=introspection, costs=costs or {})
    schema = ContractSchema(
        query,
        mutation,
        subscription,
        types=types,
        config=StrawberryConfig(
            name_converter=name_converter or NameConverter(),
            scalar_map={UploadedFile: UPLOAD, **(scalars or {})},
        ),
        execution_context_class=CompiledExecutor if compiled_selections else ContractExecutor,
    )
    schema.documents = documents
    if on_errors is not None:
        schema.on_errors = on_errors
    return schema
