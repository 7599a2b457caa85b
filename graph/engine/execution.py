"""How a valid operation becomes its result: graphql-core's executor, compiled selections, the contract's errors."""

import asyncio
import inspect
from typing import Any, TypeVar, cast

from graphql import ExecutionResult, GraphQLError, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.engine.columns import ColumnarList
from graph.engine.errors import request_error
from graph.engine.ordered_errors import OrderedErrors
from graph.engine.plans import Plans, current_plans
from graph.engine.rows import Rows
from graph.engine.selections import Completion
from graph.errors import ContractError, ErrorCode

_MAX_COERCION_ERRORS = 20
_MAX_COERCION_ERRORS_AT = list(inspect.signature(Executor.build).parameters).index("max_coercion_errors")
"""graphql-core gives it to `build` by position."""

_WORTH_COMPILING = 8
"""Rows of a list from which compiling pays at the first use (about 0.3 ms)."""

_E = TypeVar("_E", bound="ContractExecutor")


class ContractExecutor(StrawberryGraphQLCoreExecutionContext):
    """An executor that refuses bad variables as BAD_USER_INPUT, without repeating what was sent."""

    @classmethod
    def build(cls: type[_E], *args: Any, **kwargs: Any) -> Any:
        """The executor, or the errors of the request; see `graphql.execution.Executor.build`."""
        before, after = args[:_MAX_COERCION_ERRORS_AT], args[_MAX_COERCION_ERRORS_AT + 1 :]
        args = *before, _MAX_COERCION_ERRORS, *after
        built = super().build(*args, **kwargs | {"hide_suggestions": True})
        return [_refusal(error) for error in built] if isinstance(built, list) else built

    def __copy__(self: _E) -> _E:
        """A shallow copy, as graphql-core makes one for each event of a subscription: a tenth of what `copy` takes."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made


def _refusal(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and not isinstance(cause, ContractError) and cause.original_error:
        cause = cause.original_error
    if isinstance(cause, ContractError):
        return error
    return request_error(error, ErrorCode.BAD_USER_INPUT)


class _Executed:
    """In place of the executor of an event: its result is there."""

    __slots__ = ("_result",)

    def __init__(self, result: ExecutionResult) -> None:
        self._result = result

    def execute_operation(self, serially: bool | None = None) -> ExecutionResult:  # noqa: ARG002  # graphql-core calls it so
        """See `graphql.execution.Executor.execute_operation`."""
        return self._result


class CompiledExecutor(ContractExecutor):
    """An executor that completes plain selections by compiled functions, and everything else as graphql-core does."""

    collected_errors: OrderedErrors
    _plans: Plans

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans = current_plans.get() or Plans()
        self._turn = asyncio.Lock()
        self.collected_errors = OrderedErrors()
        self._whole: list[tuple[str, type, Completion]] = []
        """The root field, its source's type and its plan, once an event was completed by one; copies share it."""
        self._may_compile = not (self.middleware_manager and self.middleware_manager.middlewares)

    def build_per_event_executor(self, payload: Any) -> Any:
        """The executor of one event of a subscription; see `graphql.execution.Executor.build_per_event_executor`.

        A subscription has one root field (GraphQL §5.2.4.1). Once an event was completed by a plan as a whole, those
        after it are, too.
        """
        for name, source, plan in self._whole:
            if type(payload) is source:
                try:
                    return _Executed(ExecutionResult({name: plan(payload)}))
                except Exception:  # noqa: S110  # graphql-core finds again what it was, and locates it
                    pass
        executor = super().build_per_event_executor(payload)
        executor.collected_errors = OrderedErrors()
        return executor

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The object's JSON; see `graphql.execution.Executor.complete_object_value`."""
        if self._may_compile and self._plans.used_before:
            plan = self._plans.plan(self, return_type, field_details_list)
            if plan is not None:
                try:
                    completed = plan(result)
                except Exception:  # noqa: S110  # what it was is found again, and located, below
                    pass
                else:
                    if path.prev is None and result is self.root_value:
                        self._keep_for_events(plan, return_type, info, path)
                    return completed
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def _keep_for_events(
        self, plan: Completion, return_type: GraphQLObjectType, info: GraphQLResolveInfo[Any], path: Path
    ) -> None:
        """Unless the type is chosen for each event: an interface, a union."""
        if not self._whole and _never_null(info.return_type) is return_type:
            self._whole.append((cast("str", path.key), type(self.root_value), plan))

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """The list's JSON; see `graphql.execution.Executor.complete_list_value`."""
        plan = self._plan_of_list(return_type, field_details_list, result)
        if plan is None:
            return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)
        columns = None
        if isinstance(result, ColumnarList):
            columns = self._plans.columns(self, _never_null(return_type.of_type), field_details_list)
        rows = Rows(self, plan, columns, return_type, field_details_list, info, path, position_context)
        return rows.complete(result, self._turn, self.collected_errors)

    def _plan_of_list(self, type_: GraphQLList[Any], details: list[FieldDetails], result: Any) -> Completion | None:
        item_type = _never_null(type_.of_type)
        is_list = type(result) in (list, tuple) or isinstance(result, ColumnarList)
        if not self._may_compile or not isinstance(item_type, GraphQLObjectType) or not is_list:
            return None
        if len(result) < _WORTH_COMPILING and not self._plans.used_before:
            return None
        return cast("Completion | None", self._plans.plan(self, item_type, details))


def _never_null(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_
