"""Documents that were parsed, checked and planned before: the same query text is that work only once.

A document is kept only when it is valid and its text is short, and all of them together are bounded, as are the plans
made of them: strangers cannot fill the memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from graphql import (
    DirectiveNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    specified_rules,
    validate,
    visit,
)
from graphql.language import DocumentNode
from graphql.validation import ASTValidationRule
from graphql.validation.rules.custom.no_schema_introspection import NoSchemaIntrospectionCustomRule
from graphql.validation.rules.max_introspection_depth_rule import MaxIntrospectionDepthRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.engine.cost import CostPlan, Costs, plan_costs
from graph.engine.limits import Limits, endless_number, limits_rule
from graph.engine.plans import PLANS_KEPT, Plans
from graph.engine.selections import Completion

_KEPT_CHARACTERS = 262_144
"""Of all documents that are kept. One takes about 125 bytes of memory a character (measured)."""
_LONGEST_KEPT = 16_384
"""Characters of a document that is worth keeping; clients' documents are a few thousand."""


@dataclass(frozen=True)
class Document:
    """One valid document."""

    length: int
    """In characters."""
    syntax: DocumentNode
    costs: Mapping[str | None, CostPlan]
    """By the operation's name."""
    plans: Plans

    def cost(self, operation: OperationDefinitionNode) -> CostPlan:
        """Of one of its operations."""
        return self.costs[_name(operation)]


class Documents:
    """The documents of one schema."""

    def __init__(self, limits: Limits, *, introspection: bool, costs: Costs) -> None:
        self.limits = limits
        self._costs = costs
        self._rules: tuple[type[ASTValidationRule], ...] = (
            *specified_rules,
            MaxIntrospectionDepthRule,
            MaybeNullValidationRule,
            OneOfInputValidationRule,
            limits_rule(limits),
            *(() if introspection else (NoSchemaIntrospectionCustomRule,)),
        )
        self._kept: LRUCache[str, Document] = LRUCache(_KEPT_CHARACTERS, getsizeof=lambda document: document.length)
        self._plans: LRUCache[Any, Completion | None] = LRUCache(PLANS_KEPT)

    def kept(self, text: str) -> Document | None:
        return self._kept.get(text)

    def check(self, schema: GraphQLSchema, text: str, syntax: DocumentNode) -> Document | list[GraphQLError]:
        """The document if it is valid, which is then kept; else what is wrong with it."""
        if endless := endless_number(syntax):
            return [endless]
        errors = validate(schema, syntax, self._rules, max_errors=self.limits.max_errors, hide_suggestions=True)
        if errors:
            return errors
        plan = plan_costs(schema, syntax, self._costs)
        operations = [node for node in syntax.definitions if isinstance(node, OperationDefinitionNode)]
        costs = {_name(operation): plan(operation) for operation in operations}
        document = Document(len(text), syntax, costs, Plans(_conditions(syntax), self._plans))
        if len(text) <= _LONGEST_KEPT:
            self._kept[text] = document
        return document


def _name(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None


def _conditions(syntax: DocumentNode) -> tuple[str, ...]:
    """The variables that decide what is selected."""
    conditions = _Conditions()
    visit(syntax, conditions)
    return tuple(sorted(conditions.variables))


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.variables.add(argument.value.name.value)
