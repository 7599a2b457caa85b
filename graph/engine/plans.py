"""Which compiled selections a document has, and where they are kept."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from graphql import GraphQLObjectType
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Undefined

from graph.engine.remembered import remembering
from graph.engine.selections import Completion, compile_selection

PLANS_KEPT = 1_024
"""Plans of all documents together; a document has a few, unless many variables steer @skip and @include. One takes
5 KB for eight fields, 27 KB for fifty (measured).
"""


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

    def plan(self, executor: Executor[Any], type_: GraphQLObjectType, details: list[FieldDetails]) -> Any:
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
