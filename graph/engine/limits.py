"""How much one GraphQL document may ask for.

graphql-core and strawberry count fields of a nested fragment again at every spread, so their limiters take seconds on
827 bytes of query (measured: 11.8 s); here each fragment is walked once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
)
from graphql.language import DocumentNode
from graphql.validation import ASTValidationContext, ASTValidationRule
from graphql.validation.rules import overlapping_fields_can_be_merged

from graph.errors import ContractError, ErrorCode

_OVERLAP_BUDGET = 20_000
"""graphql-core's own budget for "can these fields be merged", 500,000, is half a second of work."""
_MOST_SHOWN = 1_000_000
_MOST_DIGITS = 64


@dataclass(frozen=True)
class Limits:
    """The most that one document may hold."""

    max_tokens: int = 2_000
    max_depth: int = 10
    max_aliases: int = 30
    max_fields: int = 500
    max_errors: int = 20
    """Errors reported of one refused document."""
    max_requests: int = 50
    """Requests to the PACS that a selection may need, as `graph.engine.cost` estimates them."""
    max_rows: int = 200_000
    """Objects that a selection may bring, estimated likewise."""


@dataclass(frozen=True)
class _Size:
    depth: int = 0
    aliases: int = 0
    fields: int = 0

    def __add__(self, other: "_Size") -> "_Size":
        return _Size(max(self.depth, other.depth), self.aliases + other.aliases, self.fields + other.fields)


@cache
def limits_rule(limits: Limits) -> type[ASTValidationRule]:
    """The validation rule for these limits; the same class for the same limits, so that validation can be cached."""
    overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = _OVERLAP_BUDGET

    class LimitsRule(ASTValidationRule):
        def __init__(self, context: ASTValidationContext) -> None:
            super().__init__(context)
            for error in _excesses(context.document, limits):
                self.report_error(error)

    return LimitsRule


def _excesses(document: DocumentNode, limits: Limits) -> Iterator[GraphQLError]:
    measure = _Measure(document)
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            size = measure.selections(operation.selection_set, frozenset())
            for what, value, most in (
                ("depth", size.depth, limits.max_depth),
                ("number of aliases", size.aliases, limits.max_aliases),
                ("number of fields", size.fields, limits.max_fields),
            ):
                if value > most:
                    yield too_complex(f"The query's {what} is {_shown(value)}; the most is {most}.", operation)


def endless_number(document: DocumentNode) -> GraphQLError | None:
    """The refusal of a whole number with more digits than any has; Python, which validation asks, reads 4,300."""
    location = document.loc
    token = location.start_token if location else None
    while location and token:
        if token.kind is TokenKind.INT and len(token.value or "") > _MOST_DIGITS:
            return GraphQLError("A number has too many digits.", source=location.source, positions=[token.start])
        token = token.next
    return None


def too_complex(message: str, operation: OperationDefinitionNode) -> GraphQLError:
    """`QUERY_TOO_COMPLEX`, at the operation."""
    return GraphQLError(message, operation, original_error=ContractError(ErrorCode.QUERY_TOO_COMPLEX, message))


def _shown(value: int) -> str:
    return str(value) if value <= _MOST_SHOWN else f"over {_MOST_SHOWN}"


class _Measure:
    """Sizes of selections; an introspection field counts, what it holds does not (graphql-core bounds that)."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._known: dict[str, _Size] = {}

    def selections(self, selection_set: SelectionSetNode | None, above: frozenset[str]) -> _Size:
        size = _Size()
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                size += self._field(selection, above)
            elif isinstance(selection, FragmentSpreadNode):
                size += self._fragment(selection.name.value, above)
            elif isinstance(selection, InlineFragmentNode):
                size += self.selections(selection.selection_set, above)
        return size

    def _field(self, field: FieldNode, above: frozenset[str]) -> _Size:
        alias = int(field.alias is not None)
        if field.name.value.startswith("__"):
            return _Size(0, alias, 1)
        inner = self.selections(field.selection_set, above)
        return _Size(inner.depth + 1, inner.aliases + alias, inner.fields + 1)

    def _fragment(self, name: str, above: frozenset[str]) -> _Size:
        if name in above or name not in self._fragments:  # a cycle or a typo: other rules report it
            return _Size()
        if name not in self._known:
            self._known[name] = self.selections(self._fragments[name].selection_set, above | {name})
        return self._known[name]
