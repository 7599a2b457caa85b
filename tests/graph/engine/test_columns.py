"""Lists that are completed by columns: the same answers as row by row, byte for byte."""

import asyncio
import gc
import time
from collections.abc import Iterator
from typing import Any, overload

import pytest
from hypothesis import given, settings

from graph.engine.columns import ColumnarList
from tests.graph.engine.test_execution import (
    COMPILED,
    NORMAL,
    ODD_ROWS,
    ROOTS,
    ROWS,
    SELECTIONS,
    TEN_FIELDS,
    YES,
    answer,
    document,
    row,
    schema,
    visible,
)
from tests.pace import slowness

LONGEST_SECONDS = 0.025
"""Of processor time, as for everything in the event loop."""


class InColumns(ColumnarList[Any]):
    """Rows, and the columns of them that were asked for."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.asked: list[str] = []

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> "InColumns": ...

    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return self.rows[index]
        some = InColumns(self.rows[index])
        some.asked = self.asked
        return some

    def column(self, name: str) -> list[Any]:
        self.asked.append(name)
        return [getattr(one, name) for one in self.rows]


def in_columns(rows: Any) -> Any:
    return InColumns(rows) if isinstance(rows, (list, tuple)) else rows


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@given(ROOTS, SELECTIONS, SELECTIONS, YES, ROWS)
@settings(max_examples=100)
async def test_every_answer_is_the_normal_one(
    root: str, selected: str, shared: str, yes: bool | None, rows: Any
) -> None:
    query = document(root, selected, shared)
    expected = await answer(NORMAL, query, yes, rows)
    for _ in range(2):  # the second time with the plans of the first
        assert await answer(COMPILED, query, yes, in_columns(rows)) == expected


@pytest.fixture(scope="class")
def every_list_is_long() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graph.engine.rows._LONG_LIST", 1)
        patch.setattr("graph.engine.rows._ROWS_A_TURN", 2)
        patch.setattr("graph.engine.rows._ROWS_BY_COLUMNS", 3)
        patch.setattr("graph.engine.rows._LONGEST_TURN_SECONDS", -1.0)
        yield


@pytest.mark.usefixtures("every_list_is_long")
class TestLongLists:
    """With a pause after every few rows."""

    @pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
    @given(ROOTS, SELECTIONS, SELECTIONS, YES, ROWS)
    @settings(max_examples=50)
    async def test_the_data_are_the_same_and_the_errors_where_there_is_data(
        self, root: str, selected: str, shared: str, yes: bool | None, rows: Any
    ) -> None:
        query = document(root, selected, shared)
        expected, _ = await answer(NORMAL, query, yes, rows)
        for _ in range(2):
            found, _ = await answer(COMPILED, query, yes, in_columns(rows))
            assert visible(found) == visible(expected)


LEAVES = "{ rows { text sureText number real flag key shout sureShout day t: __typename again: text } }"


async def test_leaves_are_read_once_for_all_rows() -> None:
    rows = InColumns([row(index, text=None if index % 3 else "x") for index in range(1_200)])
    expected = await answer(NORMAL, LEAVES, True, rows.rows)
    assert await answer(schema(compiled=True), LEAVES, True, rows) == expected
    assert (rows.asked.count("text"), rows.asked.count("number")) == (6, 3)  # of 500, 500 and 200 rows


@pytest.mark.parametrize("odd", ODD_ROWS.values(), ids=str)
async def test_an_odd_row_is_told_where_it_stands(odd: dict[str, Any]) -> None:
    rows = [row(index) for index in range(40)]
    rows[7] = row(7, **odd)
    query = "{ rows { text number sureWords } b: sureRows { sureText } }"
    assert await answer(COMPILED, query, True, InColumns(rows)) == await answer(NORMAL, query, True, rows)


async def test_what_is_no_leaf_is_completed_row_by_row() -> None:
    rows = InColumns([row(index, child=row(0)) for index in range(20)])
    query = "{ rows { text child { text } words } }"
    assert await answer(COMPILED, query, True, rows) == await answer(NORMAL, query, True, rows.rows)
    assert rows.asked == []


async def test_many_rows_take_turns_with_others() -> None:
    rows = InColumns([row(index) for index in range(20_000)])
    await answer(COMPILED, TEN_FIELDS, True, rows)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    watcher = asyncio.create_task(watch())
    gc.disable()  # what other tests left takes 100 ms to search
    result = await COMPILED.execute(TEN_FIELDS, variable_values={}, context_value={"rows": rows})
    gc.enable()
    watcher.cancel()
    assert result.data is not None
    assert len(result.data["rows"]) == len(rows)
    assert longest < LONGEST_SECONDS * slowness()
