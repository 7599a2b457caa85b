"""Objects that are kept from one request to the next remember the last JSON that was made of them.

What a plan makes of an object depends on nothing but the object: where that is kept, and never changes, the same plan
makes the same again, for every subscriber of an event.
"""

from typing import Any, Protocol

from graphql import GraphQLObjectType
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.engine.selections import Completion

_LONGEST_REMEMBERED = 1_000
"""Characters of an answer: a longer one is made anew, so that clients cannot fill the memory with what they ask for."""
_ITEM = 8
"""As many are counted for whatever stands in an object or a list, besides its text: it is pointed at."""


class Remembering(Protocol):
    """An object whose plain attributes never change, and where it remembers: the plan, and the JSON."""

    completed: tuple[Completion, dict[str, Any]] | None


def remembering(type_: GraphQLObjectType, plan: Completion) -> Completion:
    """The plan; for a type that is `Remembering`, one that makes nothing twice in a row."""
    definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not hasattr(getattr(definition, "origin", None), "completed"):
        return plan

    def complete(item: Remembering) -> dict[str, Any]:
        last = item.completed
        if last is not None and last[0] is plan:
            return last[1]
        completed = plan(item)
        if _left(completed, _LONGEST_REMEMBERED) >= 0:
            item.completed = plan, completed
        return completed

    return complete


def _left(value: Any, most: int) -> int:
    """What is left of `most` characters behind a value; below zero for one that takes more."""
    if type(value) is str:
        return most - len(value)
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            most = _left(item, most - _ITEM)
            if most < 0:
                break
    return most
