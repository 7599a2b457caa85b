"""Documents that were parsed, checked and planned before: the same query text is that work only once.

A document is kept only when it is valid and its text is short, and all of them together are bounded, as are the plans
made of them: strangers cannot fill the memory.
"""

from collections.abc import Iterator, Mapping
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
    get_operation_ast,
    specified_rules,
    validate,
    visit,
)
from graphql.language import DocumentNode
from graphql.validation import ASTValidationRule
from graphql.validation.rules.custom.no_schema_introspection import NoSchemaIntrospectionCustomRule
from graphql.validation.rules.max_introspection_depth_rule import MaxIntrospectionDepthRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graph.engine.cost import CostPlan, Costs, plan_costs
from graph.engine.errors import no_operation
from graph.engine.limits import Limits, endless_number, limits_rule
from graph.engine.operation import current_operation
from graph.engine.plans import PLANS_KEPT, Plans, current_plans
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


class DocumentExtension(SchemaExtension):
    """Gives strawberry the kept document in place of parsing and validating, and refuses what costs too much."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._document: Document | None = None

    def on_parse(self) -> Iterator[None]:
        text = self.execution_context.query or ""
        self._document = self._documents.kept(text)
        if self._document is not None:
            self._document.plans.used_before = True
            self.execution_context.graphql_document = self._document.syntax
        else:
            self.execution_context.parse_options["max_tokens"] = self._documents.limits.max_tokens
        yield
        self._name_operation()

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None  # noqa: S101  # strawberry validates only what it has parsed
        if self._document is None:
            checked = self._documents.check(context.schema._schema, context.query or "", context.graphql_document)
            if isinstance(checked, list):
                context.pre_execution_errors = checked
                yield
                return
            self._document = checked
        current_plans.set(self._document.plans)
        context.pre_execution_errors = self._objections(self._document)
        yield

    def _objections(self, document: Document) -> list[GraphQLError]:
        # strawberry's own `operation_name` is the first operation's where the request names none of several
        asked_for = self.execution_context._provided_operation_name
        operation = get_operation_ast(document.syntax, asked_for)
        if operation is None:
            return [no_operation()]
        try:
            document.costs[_name(operation)].check(self.execution_context.variables or {}, self._documents.limits)
        except GraphQLError as error:
            return [error]
        return []

    def _name_operation(self) -> None:
        document = self.execution_context.graphql_document
        node = document and get_operation_ast(document, self.execution_context.operation_name)
        if node and (operation := current_operation.get()):
            operation.describe(node)
