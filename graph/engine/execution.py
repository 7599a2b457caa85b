"""How a valid operation becomes its result: graphql-core's executor, compiled selections, the contract's errors."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, MutableMapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from graphql import GraphQLError, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path, Undefined, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.engine.errors import request_error
from graph.engine.remembered import remembering
from graph.engine.selections import Completion, compile_selection
from graph.errors import ContractError, ErrorCode

_MAX_COERCION_ERRORS = 20
_BUILD = inspect.signature(StrawberryGraphQLCoreExecutionContext.build)

PLANS_KEPT = 1_024
"""Plans of all documents together; a document has a few, unless many variables steer @skip and @include. One takes
5 KB for eight fields, 27 KB for fifty (measured).
"""
_WORTH_COMPILING = 8
"""Rows of a list from which compiling pays at the first use (about 0.3 ms)."""
_LONG_LIST = 50
"""Rows beyond which a list is completed in turns. Its errors may then stand behind those of its siblings, and among
several within a place that becomes null another may be told; neither order is promised (GraphQL specification, §6.4.4).
"""
_ROWS_A_TURN = 50
_LONGEST_TURN_SECONDS = 0.003
"""A long list lets other requests work in between; many long lists of one request take turns, too."""

_E = TypeVar("_E", bound="ContractExecutor")


class ContractExecutor(StrawberryGraphQLCoreExecutionContext):
    """An executor that refuses bad variables as BAD_USER_INPUT, without repeating what was sent."""

    @classmethod
    def build(cls: type[_E], *args: Any, **kwargs: Any) -> Any:
        """The executor, or the errors of the request; see `graphql.execution.Executor.build`."""
        bound = _BUILD.bind(*args, **kwargs)
        bound.arguments |= {"hide_suggestions": True, "max_coercion_errors": _MAX_COERCION_ERRORS}
        built = super().build(*bound.args, **bound.kwargs)
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


class Plans:
    """The compiled selections of one document, kept in `kept` together with those of others.

    A plan holds for the same nodes on the same type, with the same values of the variables behind @skip and @include.
    """

    def __init__(
        self, conditions: tuple[str, ...] = (), kept: MutableMapping[Any, Completion | None] | None = None
    ) -> None:
        self._conditions = conditions
        self._kept: MutableMapping[Any, Completion | None] = {} if kept is None else kept
        self.used_before = False

    def plan(self, executor: "CompiledExecutor", type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
        """The completion for this selection; None where there is none.

        A null behind @skip or @include is an error of each object that has the directive, found the normal way.
        """
        coerced = executor.variable_values.coerced
        values = tuple(coerced.get(name, Undefined) for name in self._conditions)
        if None in values:
            return None
        key = self, type_.name, tuple(id(detail.node) for detail in details), values
        try:
            return self._kept[key]
        except KeyError:
            plan = compile_selection(type_, details, executor.collect_subfields)
            made = self._kept[key] = remembering(type_, plan) if plan else None
            return made


current_plans: ContextVar[Plans | None] = ContextVar("current_plans", default=None)
"""The plans of the document that is being executed."""


class CompiledExecutor(ContractExecutor):
    """An executor that completes plain selections by compiled functions, and everything else as graphql-core does."""

    _plans: Plans

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans = current_plans.get() or Plans()
        self.turn = asyncio.Lock()
        self._may_compile = not (self.middleware_manager and self.middleware_manager.middlewares)

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
                    return plan(result)
                except Exception:  # noqa: S110  # what it was is found again, and located, below
                    pass
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

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
        rows = _Rows(self, plan, return_type, field_details_list, info, path, position_context)
        if len(result) > _LONG_LIST:
            return rows.complete_in_turns(result)
        for index, item in enumerate(result):
            rows.add(index, item)
        return rows.finish()

    def _plan_of_list(self, type_: GraphQLList[Any], details: list[FieldDetails], result: Any) -> Completion | None:
        item_type = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
        if not self._may_compile or not isinstance(item_type, GraphQLObjectType) or type(result) not in (list, tuple):
            return None
        if len(result) < _WORTH_COMPILING and not self._plans.used_before:
            return None
        return cast("Completion | None", self._plans.plan(self, item_type, details))


class _Rows:
    """A list being completed: the rows that the plan does not take go graphql-core's way, alone."""

    def __init__(
        self,
        executor: CompiledExecutor,
        plan: Completion,
        list_type: GraphQLList[Any],
        details: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        position_context: Any,
    ) -> None:
        self._executor = executor
        self._plan = plan
        self._item_type = list_type.of_type
        self._details = details
        self._info = info
        self._path = path
        self._position_context = position_context
        self._completed: list[Any] = []
        self._awaited: dict[int, Awaitable[Any]] = {}

    def add(self, index: int, item: Any) -> None:
        try:
            self._completed.append(self._plan(item))
        except Exception:  # what it was is found again, and located, the normal way
            self._add_the_normal_way(index, item)

    def finish(self) -> Any:
        return self._wait() if self._awaited else self._completed

    async def complete_in_turns(self, items: list[Any]) -> list[Any]:
        """The same, with pauses in which other requests get their turn."""
        async with self._executor.turn:
            turn_began = time.perf_counter()
            for index, item in enumerate(items, start=1):
                self.add(index - 1, item)
                is_time_to_ask = index % _ROWS_A_TURN == 0 or index == len(items)
                if is_time_to_ask and time.perf_counter() - turn_began > _LONGEST_TURN_SECONDS:
                    await asyncio.sleep(0)
                    turn_began = time.perf_counter()
        return await self._wait()

    async def _wait(self) -> list[Any]:
        if len(self._awaited) == 1:  # as graphql-core does, for errors come in the order of the awaiting
            [(index, awaitable)] = self._awaited.items()
            self._completed[index] = await awaitable
            return self._completed
        results = await gather_with_cancel(*self._awaited.values())
        for index, result in zip(self._awaited, results, strict=True):
            self._completed[index] = result
        return self._completed

    def _add_the_normal_way(self, index: int, item: Any) -> None:
        executor = self._executor
        path = self._path.add_key(index, None)
        arguments = (self._item_type, self._details, self._info, path, self._position_context)
        if executor.is_awaitable(item):
            self._awaited[index] = executor.complete_awaitable_list_item_value(item, *arguments)
            self._completed.append(None)
            return
        try:
            if executor.complete_list_item_value(item, self._completed, *arguments):
                self._awaited[index] = self._completed[index]
        except BaseException:
            if self._awaited:
                executor.settle_in_background(list(self._awaited.values()))
            raise
