"""Errors of an execution in graphql-core's order, though long lists are completed later than it would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphql import GraphQLError
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path


class Place(list["tuple[GraphQLError, Path | None] | Place"]):
    """Where the errors of a list stand among those of others."""


class OrderedErrors(CollectedErrors):
    """Collects errors at places, and drops what stands behind an error that made its surroundings null."""

    __slots__ = ("_here", "_thrown", "_whole")

    def __init__(self) -> None:
        super().__init__()
        self._whole = self._here = Place()
        self._thrown: dict[int, tuple[GraphQLError, Place]] = {}

    @property
    def errors(self) -> list[GraphQLError]:
        """All of them, as graphql-core would have collected them."""
        ordered = CollectedErrors()
        for error, path in _flat(self._whole):
            ordered.add(error, path)
        return ordered.errors

    def add(self, error: GraphQLError, path: Path | None) -> None:
        """See graphql-core."""
        self._error_positions.add(path)
        _, place = self._thrown.get(id(error), (error, self._here))
        place.append((error, path))

    def place(self) -> Place:
        """A place for errors that come later, behind those that have come."""
        place = Place()
        self._here.append(place)
        return place

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """What is added meanwhile goes there, and so does an error that comes out, wherever it makes something null."""
        before, self._here = self._here, place
        try:
            yield
        except GraphQLError as error:
            self._thrown[id(error)] = error, place
            raise
        finally:
            self._here = before


def _flat(place: Place) -> Iterator[Any]:
    for one in place:
        if isinstance(one, Place):
            yield from _flat(one)
        else:
            yield one
