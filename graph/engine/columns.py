"""Lists that know the values of an attribute in all their objects at once, and selections compiled for them.

One function makes the JSON of all rows, column by column: a seventh of the time that it takes row by row (measured).
Whatever it does not expect raises, and the rows are completed one by one after all; see `selections`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from types import NoneType
from typing import Any, TypeVar, cast

from graphql import (
    GraphQLBoolean,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails

from graph.engine.selections import Collect, Surprise, Unsupported, coerced, plain_attribute

T_co = TypeVar("T_co", covariant=True)
ColumnsCompletion = Callable[["ColumnarList[Any]"], list[dict[str, Any]]]
"""From a list to its JSON; raises anything at all where its objects are to be completed one by one."""
_Column = Callable[[list[Any]], list[Any]]


class ColumnarList(Sequence[T_co]):
    """A list of objects of one type. What is sliced off is such a list, too."""

    @abstractmethod
    def column(self, name: str) -> list[Any]:
        """The attribute `name` of every object, as `getattr` gives it, at once."""


_PLAIN: dict[Any, type] = {GraphQLString: str, GraphQLBoolean: bool, GraphQLInt: int}
"""Scalars whose values of this very class are their own JSON, integers of 32 bits."""


def compile_columns(
    type_: GraphQLObjectType, details: list[FieldDetails], collect: Collect
) -> ColumnsCompletion | None:
    """The function for one selection on one type; None where it has more than plain attributes that are leaves."""
    try:
        return _compiled(type_, details, collect)
    except Unsupported:
        return None


def _compiled(type_: GraphQLObjectType, details: list[FieldDetails], collect: Collect) -> ColumnsCompletion:
    fields, defer_usages, forbidden = collect(type_, details)
    if type_.is_type_of is not None or defer_usages or forbidden:
        raise Unsupported
    names: dict[str, Any] = {}
    variables, columns, items = ["_"], ["range(len(o))"], []
    for index, (response_name, field_details) in enumerate(fields.items()):
        if field_details[0].node.name.value == "__typename":
            items.append(f"{response_name!r}: {type_.name!r}")
            continue
        attribute, value_type = plain_attribute(type_, field_details)
        names[f"n{index}"] = _column_of(value_type)
        variables.append(f"v{index}")
        columns.append(f"n{index}(o.column({attribute!r}))")
        items.append(f"{response_name!r}: v{index}")
    if not names:
        raise Unsupported  # nothing is read of the objects, which may be none
    row = f"{{{', '.join(items)}}} for {', '.join(variables)} in zip({', '.join(columns)}, strict=True)"
    # Of literals (aliases, type names) and identifiers alone: nothing that a client writes is code.
    exec(f"def complete(o):\n  return [{row}]", names)  # noqa: S102  # see above
    return cast("ColumnsCompletion", names["complete"])


def _column_of(type_: Any) -> _Column:
    """From the values of a field in all rows to their JSON."""
    is_nullable = not isinstance(type_, GraphQLNonNull)
    leaf = type_ if is_nullable else type_.of_type
    if not is_leaf_type(leaf):
        raise Unsupported
    plain = str if leaf.coerce_output_value is str else _PLAIN.get(leaf)
    return partial(_leaves, leaf, plain, is_nullable)


def _leaves(type_: GraphQLLeafType, plain: type | None, is_nullable: bool, values: list[Any]) -> list[Any]:
    if plain is str and values and type(values[0]) is str and values.count(values[0]) == len(values):
        return values  # as most columns are: a third of the time
    kinds = set(map(type, values))
    if NoneType in kinds and not is_nullable:
        raise Surprise
    if kinds <= {plain, NoneType} and (plain is not int or _are_of_32_bits(values)):
        return values
    return [None if value is None else coerced(type_, value) for value in values]


def _are_of_32_bits(values: list[int | None]) -> bool:
    return min(filter(None, values), default=0) >= -(2**31) and max(filter(None, values), default=0) < 2**31
