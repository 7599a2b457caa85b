"""graphql-core's executor, with the contract's errors for variables that do not fit."""

import inspect
from typing import Any

from graphql import GraphQLError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.engine.errors import request_error
from graph.errors import ContractError, ErrorCode

_MAX_COERCION_ERRORS = 20
_BUILD = inspect.signature(StrawberryGraphQLCoreExecutionContext.build)


class ContractExecutor(StrawberryGraphQLCoreExecutionContext):
    """An executor that refuses bad variables as BAD_USER_INPUT, without repeating what was sent."""

    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> Any:
        """The executor, or the errors of the request; see `graphql.execution.Executor.build`."""
        bound = _BUILD.bind(*args, **kwargs)
        bound.arguments |= {"hide_suggestions": True, "max_coercion_errors": _MAX_COERCION_ERRORS}
        built = super().build(*bound.args, **bound.kwargs)
        return [_refusal(error) for error in built] if isinstance(built, list) else built


def _refusal(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and not isinstance(cause, ContractError) and cause.original_error:
        cause = cause.original_error
    if isinstance(cause, ContractError):
        return error
    return request_error(error, ErrorCode.BAD_USER_INPUT)
