"""Selections compiled to Python functions.

A selection of plain attributes (no arguments, no resolver of its own, no abstract type) becomes one function from the
object to its JSON, made once for a document. Whatever the function does not expect raises `Surprise`, and the object is
completed by graphql-core after all: the answer is the same, only slower. Attributes may so be read more than once.
"""

import keyword
from collections.abc import Callable
from functools import partial
from types import GeneratorType
from typing import Any, cast

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
    is_leaf_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetails
from graphql.pyutils import Undefined
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

Completion = Callable[[Any], dict[str, Any]]
"""From an object to its JSON; raises anything at all where the object is to be completed the normal way."""
Collect = Callable[[GraphQLObjectType, list[FieldDetails]], CollectedFields]

_DEEPEST = 12
_HARMLESS_DIRECTIVES = {"skip", "include"}

_AS_IT_IS = {
    GraphQLString: "type({v}) is str",
    GraphQLID: "type({v}) is str",
    GraphQLBoolean: "type({v}) is bool",
    GraphQLInt: "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat: "type({v}) is float and {v} - {v} == 0.0",  # neither infinite nor not-a-number
}
"""When a built-in scalar's value is its own JSON."""


class Unsupported(Exception):
    """A selection that has more than plain attributes."""


class Surprise(Exception):
    """A value that is completed the normal way."""


def compile_selection(type_: GraphQLObjectType, details: list[FieldDetails], collect: Collect) -> Completion | None:
    """The function for one selection on one type; None where it has more than plain attributes."""
    compiler = _Compiler(collect)
    try:
        name = compiler.object(type_, details, _DEEPEST)
    except Unsupported:
        return None
    exec("\n".join(compiler.lines), compiler.names)  # noqa: S102  # of names from the schema and of aliases, as literals
    completion: Completion = compiler.names[name]
    return completion


class _Compiler:
    def __init__(self, collect: Collect) -> None:
        self._collect = collect
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"Surprise": Surprise, "usual": _USUAL, "check": _check}

    def object(self, type_: GraphQLObjectType, details: list[FieldDetails], levels: int) -> str:
        if levels == 0 or type_.is_type_of is not None:
            raise Unsupported
        fields, defer_usages, forbidden = self._collect(type_, details)
        if defer_usages or forbidden:
            raise Unsupported
        body, items = ["  if type(o) not in usual: check(o)"], []
        for index, (response_name, field_details) in enumerate(fields.items()):
            if field_details[0].node.name.value == "__typename":
                items.append(f"{response_name!r}: {type_.name!r}")
                continue
            attribute, value_type = plain_attribute(type_, field_details)
            variable = f"v{index}"
            body.append(f"  {variable} = o.{attribute}")
            body += self._value(value_type, variable, field_details, levels)
            items.append(f"{response_name!r}: {variable}")
        return self._function([*body, "  return {" + ", ".join(items) + "}"])

    def _value(self, type_: GraphQLOutputType, v: str, details: list[FieldDetails], levels: int) -> list[str]:
        """Lines that replace the variable `v` by its JSON."""
        if isinstance(type_, GraphQLNonNull):
            return [f"  if {v} is None: raise Surprise", *self._present(type_.of_type, v, details, levels)]
        return [
            f"  if {v} is not None:",
            *(f"  {line}" for line in self._present(type_, v, details, levels)),
        ]

    def _present(self, type_: Any, v: str, details: list[FieldDetails], levels: int) -> list[str]:
        if is_leaf_type(type_):
            coerce = self._name(partial(coerced, type_))
            check = _AS_IT_IS.get(cast("GraphQLScalarType", type_))
            return [
                f"  {v} = {coerce}({v})" if check is None else f"  if not ({check.format(v=v)}): {v} = {coerce}({v})"
            ]
        if isinstance(type_, GraphQLObjectType):
            return [f"  {v} = {self.object(type_, details, levels - 1)}({v})"]
        if isinstance(type_, GraphQLList):
            item = self._function(["  v = o", *self._value(type_.of_type, "v", details, levels), "  return v"])
            return [
                f"  if type({v}) is not list and type({v}) is not tuple: raise Surprise",
                f"  {v} = [{item}(x) for x in {v}]",
            ]
        raise Unsupported  # interfaces and unions

    def _function(self, body: list[str]) -> str:
        name = f"f{len(self.lines)}"
        self.lines += [f"def {name}(o):", *body]
        return name

    def _name(self, value: Any) -> str:
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name


def plain_attribute(type_: GraphQLObjectType, details: list[FieldDetails]) -> tuple[str, GraphQLOutputType]:
    """The Python attribute behind a field, and the field's type."""
    definition = type_.fields.get(details[0].node.name.value)
    if definition is None or definition.args:
        raise Unsupported
    for detail in details:
        directives = {directive.name.value for directive in detail.node.directives or ()}
        if detail.node.arguments or not directives <= _HARMLESS_DIRECTIVES:
            raise Unsupported
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(field, StrawberryField) or not _is_plain(field) or definition.resolve is None:
        raise Unsupported
    if not getattr(definition.resolve, "_is_default", False):
        raise Unsupported
    return field.python_name, definition.type


def _is_plain(field: StrawberryField) -> bool:
    name = field.python_name
    return (
        field.is_basic_field
        and field.default_resolver is getattr
        and name.isidentifier()
        and not keyword.iskeyword(name)
    )


def coerced(type_: GraphQLLeafType, value: Any) -> Any:
    """The JSON of a leaf that is not null."""
    if type(value) not in _USUAL:
        _check(value)
    written = type_.coerce_output_value(value)
    if written is None or written is Undefined:
        raise Surprise
    return written


_USUAL: set[type] = set()
"""Classes whose objects need no look before their attributes are read; a program has as many as it has types."""


def _check(value: Any) -> None:
    """Raises Surprise for what graphql-core treats before it looks at the type: nulls, errors as values, awaitables."""
    if (
        value is None
        or value is Undefined
        or isinstance(value, Exception | GeneratorType)
        or optimized_is_awaitable(value)
    ):
        raise Surprise
    _USUAL.add(type(value))
