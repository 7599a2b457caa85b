"""What a selection will cost, told before anything runs: requests to the PACS, and objects brought.

`schema.costs` says what a field costs; `estimate` multiplies along the selection. A field with `first` brings that
many objects, and so many parents wait for the fields below it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from graphql.language import DocumentNode
from graphql.pyutils import Undefined

from graph.engine.limits import Limits, too_complex


@dataclass(frozen=True)
class FieldCost:
    """What resolving one field takes."""

    requests: int = 0
    """Requests to the PACS."""
    rows: int = 1
    """Objects that it brings for one parent, where no `first` says how many."""
    batched: bool = False
    """One round of requests serves all parents (a loader), instead of one for each."""


Costs = Mapping[str, FieldCost]
"""By field, as "Type.field"."""


@dataclass(frozen=True)
class Estimate:
    """The cost of a selection, for one parent."""

    requests: int = 0
    batched_requests: int = 0
    """Requests that many parents share."""
    rows: int = 0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.requests + other.requests,
            self.batched_requests + other.batched_requests,
            self.rows + other.rows,
        )

    @property
    def total_requests(self) -> int:
        return self.requests + self.batched_requests


@dataclass(frozen=True)
class _Step:
    cost: FieldCost
    first: int | str
    """How many objects: a number, or the variable that holds it."""
    default_first: int
    below: "_Selection"


@dataclass
class _Selection:
    steps: list[_Step] = field(default_factory=list)
    spreads: list["_Selection"] = field(default_factory=list)


class CostPlan:
    """The cost of one operation, ready for any variables."""

    def __init__(self, operation: OperationDefinitionNode, selection: _Selection) -> None:
        self._operation = operation
        self._selection = selection
        self._defaults = {
            definition.variable.name.value: int(definition.default_value.value)
            for definition in operation.variable_definitions or ()
            if isinstance(definition.default_value, IntValueNode)
        }
        self._fixed: Estimate | None = None
        """Where it does not depend on variables."""

    def check(self, variables: Mapping[str, Any], limits: Limits) -> None:
        """Raises `QUERY_TOO_COMPLEX` for what is over the limits."""
        estimate = self.estimate(variables)
        for what, value, most in (
            ("requests to the PACS", estimate.total_requests, limits.max_requests),
            ("objects", estimate.rows, limits.max_rows),
        ):
            if value > most:
                message = f"The query may need {value} {what}; the most is {most}. Ask for less at once (`first`)."
                raise too_complex(message, self._operation)

    def estimate(self, variables: Mapping[str, Any]) -> Estimate:
        """The most that the operation is expected to take with these variables."""
        if self._fixed is not None:
            return self._fixed
        known: dict[int, Estimate] = {}
        is_fixed = True
        values = {**self._defaults, **variables}

        def total(selection: _Selection) -> Estimate:
            if id(selection) not in known:
                known[id(selection)] = sum(
                    [*map(step_total, selection.steps), *map(total, selection.spreads)], Estimate()
                )
            return known[id(selection)]

        def step_total(step: _Step) -> Estimate:
            nonlocal is_fixed
            is_fixed = is_fixed and not isinstance(step.first, str)
            below = total(step.below)
            objects = max(_count(step, values), 0)
            own, shared = (0, step.cost.requests) if step.cost.batched else (step.cost.requests, 0)
            return Estimate(
                own + objects * below.requests, shared + below.batched_requests, objects + objects * below.rows
            )

        estimate = total(self._selection)
        self._fixed = estimate if is_fixed else None
        return estimate


def _count(step: _Step, variables: Mapping[str, Any]) -> int:
    count = variables.get(step.first, step.default_first) if isinstance(step.first, str) else step.first
    if isinstance(count, float) and count.is_integer():  # 1000.0 is an Int to GraphQL
        return int(count)
    return count if isinstance(count, int) else step.default_first


def plan_costs(
    schema: GraphQLSchema, document: DocumentNode, costs: Costs
) -> Callable[[OperationDefinitionNode], CostPlan]:
    """A maker of plans for the operations of one validated document; each fragment is planned once."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    planned: dict[str, _Selection] = {}

    def selection_of(node: SelectionSetNode | None, parent: GraphQLNamedType | None) -> _Selection:
        result = _Selection()
        for child in node.selections if node else ():
            if isinstance(child, FieldNode):
                add_field(result, child, parent)
            elif isinstance(child, FragmentSpreadNode):
                result.spreads.append(fragment(child.name.value))
            elif isinstance(child, InlineFragmentNode):
                condition = child.type_condition
                inner = schema.get_type(condition.name.value) if condition else parent
                result.spreads.append(selection_of(child.selection_set, inner))
        return result

    def fragment(name: str) -> _Selection:
        if name not in planned:
            node = fragments[name]
            planned[name] = selection_of(node.selection_set, schema.get_type(node.type_condition.name.value))
        return planned[name]

    def add_field(result: _Selection, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if parent is None or definition is None:
            return
        below = selection_of(node.selection_set, get_named_type(definition.type))
        cost = costs.get(f"{parent.name}.{node.name.value}")
        if cost is None:
            result.spreads.append(below)
        else:
            first, default = _first(node, definition, cost)
            result.steps.append(_Step(cost, first, default, below))

    return lambda operation: CostPlan(
        operation, selection_of(operation.selection_set, schema.get_root_type(operation.operation))
    )


def _first(node: FieldNode, definition: GraphQLField, cost: FieldCost) -> tuple[int | str, int]:
    argument = definition.args.get("first")
    if argument is None:
        return cost.rows, cost.rows
    default = argument.default_value if argument.default_value is not Undefined else cost.rows
    for given in node.arguments or ():
        if given.name.value == "first":
            if isinstance(given.value, VariableNode):
                return given.value.name.value, default
            if isinstance(given.value, IntValueNode):
                return int(given.value.value), default
    return default, default
