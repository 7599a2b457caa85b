"""A list of objects being completed by a compiled selection, row by row."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from graphql import GraphQLList, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path, gather_with_cancel

from graph.engine.columns import ColumnarList, ColumnsCompletion
from graph.engine.ordered_errors import OrderedErrors, Place
from graph.engine.selections import Completion

_LONG_LIST = 50
"""Rows beyond which a list is completed in turns. Its errors stand where graphql-core has them, but those of rows that
are awaited, whose order follows from the waiting; among several within a place that becomes null another may be told.
Neither is promised (GraphQL specification, §6.4.4).
"""
_ROWS_A_TURN = 50
_ROWS_BY_COLUMNS = 500
"""A millisecond of work."""
_LONGEST_TURN_SECONDS = 0.003
"""A long list lets other requests work in between; many long lists of one request take turns, too."""


class Rows:
    """A list being completed: the rows that the plan does not take go graphql-core's way, alone."""

    def __init__(
        self,
        executor: Executor[Any],
        plan: Completion,
        columns: ColumnsCompletion | None,
        list_type: GraphQLList[Any],
        details: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        position_context: Any,
    ) -> None:
        self._executor = executor
        self._plan = plan
        self._columns = columns
        self._item_type = list_type.of_type
        self._details = details
        self._info = info
        self._path = path
        self._position_context = position_context
        self._completed: list[Any] = []
        self._awaited: dict[int, Awaitable[Any]] = {}

    def complete(self, items: Sequence[Any], turn: asyncio.Lock, errors: OrderedErrors) -> Any:
        """The list's JSON, or who makes it; long lists of one request share `turn`, and have places in `errors`."""
        if len(items) > _LONG_LIST:
            return self._complete_in_turns(items, turn, errors, errors.place())
        if not self._add_by_columns(items):
            self._add_each(0, items)
        return self._wait() if self._awaited else self._completed

    async def _complete_in_turns(
        self, items: Sequence[Any], turn: asyncio.Lock, errors: OrderedErrors, place: Place
    ) -> list[Any]:
        """The same, with pauses in which other requests get their turn."""
        async with turn:
            began = time.perf_counter()
            for start in range(0, len(items), _ROWS_BY_COLUMNS):
                some = items[start : start + _ROWS_BY_COLUMNS]
                rows = len(some) if self._add_by_columns(some) else 0
                began = await _pause(began)
                for at in range(rows, len(some), _ROWS_A_TURN):
                    with errors.at(place):
                        self._add_each(start + at, some[at : at + _ROWS_A_TURN])
                    began = await _pause(began)
        return await self._wait()

    def _add_by_columns(self, items: Sequence[Any]) -> bool:
        """Whether these could be completed at once: which of them is not as expected, is found one by one."""
        if self._columns is None or not isinstance(items, ColumnarList):
            return False
        try:
            self._completed += self._columns(items)
        except Exception:  # of any resolver of any row: each row is completed alone then, and meets its own again
            return False
        return True

    def _add_each(self, start: int, items: Sequence[Any]) -> None:
        for index, item in enumerate(items, start):
            self._add(index, item)

    def _add(self, index: int, item: Any) -> None:
        try:
            self._completed.append(self._plan(item))
        except Exception:  # of any resolver: the normal way meets it again, and says where it was
            self._add_the_normal_way(index, item)

    async def _wait(self) -> list[Any]:
        if len(self._awaited) == 1:  # as graphql-core does, for errors come in the order of the awaiting
            [(index, awaitable)] = self._awaited.items()
            self._completed[index] = await awaitable
            return self._completed
        results = await gather_with_cancel(*self._awaited.values())
        for index, result in zip(self._awaited, results, strict=True):
            self._completed[index] = result
        return self._completed

    def _add_the_normal_way(self, index: int, item: Any) -> None:
        executor = self._executor
        path = self._path.add_key(index, None)
        arguments = (self._item_type, self._details, self._info, path, self._position_context)
        if executor.is_awaitable(item):
            self._awaited[index] = executor.complete_awaitable_list_item_value(item, *arguments)
            self._completed.append(None)
            return
        try:
            if executor.complete_list_item_value(item, self._completed, *arguments):
                self._awaited[index] = self._completed[index]
        except BaseException:
            if self._awaited:
                executor.settle_in_background(list(self._awaited.values()))
            raise


async def _pause(began: float) -> float:
    """Lets others go first after a turn that took long; when the turn began that it is now."""
    if time.perf_counter() - began <= _LONGEST_TURN_SECONDS:
        return began
    await asyncio.sleep(0)
    return time.perf_counter()
