"""Which compiled selections a document has, and where they are kept."""

from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from graphql import GraphQLObjectType
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Undefined

from graph.engine.columns import compile_columns
from graph.engine.remembered import remembering
from graph.engine.selections import Collect, Completion, compile_selection

Compile = Callable[[GraphQLObjectType, list[FieldDetails], Collect], Any]
"""Makes a completion of a selection, or None."""

PLANS_KEPT = 1_024
"""Plans of all documents together; a document has a few, unless many variables steer @skip and @include. One takes
5 KB for eight fields, 27 KB for fifty (measured).
"""


class Plans:
    """The compiled selections of one document, kept in `kept` together with those of others.

    A plan holds for the same nodes on the same type, with the same values of the variables behind @skip and @include.
    """

    def __init__(self, conditions: tuple[str, ...] = (), kept: MutableMapping[Any, Any] | None = None) -> None:
        self._conditions = conditions
        self._kept: MutableMapping[Any, Any] = {} if kept is None else kept
        self.used_before = False

    def plan(self, executor: Executor[Any], type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
        """The completion of an object for this selection; None where there is none."""
        return self._compiled(_of_object, executor, type_, details)

    def columns(self, executor: Executor[Any], type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
        """The completion of a `ColumnarList` for this selection; None where there is none."""
        return self._compiled(compile_columns, executor, type_, details)

    def _compiled(
        self, compile_: Compile, executor: Executor[Any], type_: GraphQLObjectType, details: list[FieldDetails]
    ) -> Any:
        """What was compiled for a selection.

        A null behind @skip or @include is an error of each object that has the directive, found the normal way.
        """
        coerced = executor.variable_values.coerced
        values = tuple(coerced.get(name, Undefined) for name in self._conditions)
        if None in values:
            return None
        key = self, compile_, type_.name, tuple(id(detail.node) for detail in details), values
        try:
            return self._kept[key]
        except KeyError:
            made = self._kept[key] = compile_(type_, details, executor.collect_subfields)
            return made


def _of_object(type_: GraphQLObjectType, details: list[FieldDetails], collect: Collect) -> Completion | None:
    plan = compile_selection(type_, details, collect)
    return remembering(type_, plan) if plan else None


current_plans: ContextVar[Plans | None] = ContextVar("current_plans", default=None)
"""The plans of the document that is being executed."""
