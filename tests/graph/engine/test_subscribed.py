"""Events of a subscription that are completed by a plan as a whole: the same as by graphql-core, only sooner."""

from typing import Any

import orjson
import pytest
import strawberry
from graphql.execution import Executor
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import logs
from graph.engine.encoding import encode
from graph.engine.schema import ContractSchema
from tests.graph.engine.test_execution import (
    COMPILED,
    NORMAL,
    ODD_OR_AWAITED,
    SELECTIONS,
    YES,
    Data,
    Note,
    Plain,
    Row,
    objects,
    row,
    schema,
)

EVENTS = st.lists(st.recursive(objects(st.none()), objects, max_leaves=3) | ODD_OR_AWAITED, max_size=6)
QUERY = "subscription { row { text number } }"


async def told(schema: ContractSchema, query: str, rows: list[Any], yes: bool | None = True) -> list[bytes]:
    """What a subscriber hears."""
    logs.request_id.set("fixed")
    results: Any = await schema.stream(query, variable_values={"yes": yes}, context_value={"rows": rows})
    return [
        encode({"data": result.data, "errors": [error.formatted for error in result.errors or ()]})
        async for result in results
    ]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@given(SELECTIONS, SELECTIONS, YES, EVENTS)
@settings(max_examples=100)
async def test_every_event_is_the_normal_one(selected: str, shared: str, yes: bool | None, rows: list[Any]) -> None:
    shared = shared.replace("...Shared", "text")
    query = f"subscription($yes: Boolean = true) {{ row {selected} }} fragment Shared on Row {shared}"
    query = query if "...Shared" in selected else query.partition(" fragment")[0]
    expected = await told(NORMAL, query, rows, yes)
    for _ in range(2):  # the second time with the plans of the first
        assert await told(COMPILED, query, rows, yes) == expected


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The sources of what graphql-core executed."""
    seen: list[Any] = []
    execute = Executor.execute_operation

    def watching(executor: Executor[Any], serially: bool | None = None) -> Any:
        seen.append(executor.root_value)
        return execute(executor, serially)

    monkeypatch.setattr(Executor, "execute_operation", watching)
    return seen


async def test_events_behind_one_that_a_plan_completed_need_no_executor(executed: list[Any]) -> None:
    fresh = schema(compiled=True)
    rows = [row(0), row(1), row(2, text=ValueError("odd")), row(3), None, ValueError("odd"), row(6)]
    await told(fresh, QUERY, [])

    heard = await told(fresh, QUERY, rows)

    assert heard == await told(NORMAL, QUERY, rows)
    assert executed[: len(executed) - len(rows)] == [rows[0], rows[2], rows[4], rows[5]]


async def test_a_source_of_another_kind_is_completed_the_normal_way(executed: list[Any]) -> None:
    query = "subscription { row { __typename } }"
    rows = [row(0), Plain(title="a", size=1), ValueError("odd"), row(3)]
    expected = await told(NORMAL, query, rows)
    assert await told(COMPILED, query, rows) == expected
    executed.clear()

    assert await told(COMPILED, query, rows) == expected

    assert executed == rows[:3]


async def test_a_type_that_is_chosen_for_each_event_is_chosen_for_each() -> None:
    query = "subscription { either { __typename ... on Row { text } ... on Note { text } } }"
    kinds: list[type] = [Row, Note, Row]
    rows = [strawberry.cast(kind, Data(text=text)) for kind, text in zip(kinds, "abc", strict=True)]

    expected = await told(NORMAL, query, rows)

    assert [orjson.loads(event)["data"]["either"]["__typename"] for event in expected] == ["Row", "Note", "Row"]
    assert [await told(COMPILED, query, rows) for _ in range(2)] == [expected, expected]


@pytest.mark.parametrize("second", ["again: row { number }", "row { number } again: row { text }", "__typename"])
async def test_a_subscription_has_one_root_field(second: str) -> None:
    [refused] = await told(COMPILED, f"subscription {{ row {{ text }} {second} }}", [row(0)])

    assert orjson.loads(refused)["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
