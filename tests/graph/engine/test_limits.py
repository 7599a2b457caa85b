"""What one document may hold, and what it may cost."""

import time
from typing import Any

import pytest

from graph.engine.cost import FieldCost
from graph.engine.documents import Documents
from graph.engine.limits import Limits, limits_rule
from tests.graph.engine.sample import SECRET, sample_schema
from tests.pace import slowness


async def refusals(query: str, variables: dict[str, Any] | None = None, **options: Any) -> list[tuple[str, str]]:
    result = await sample_schema(**options).execute(query, variable_values=variables)
    return [((error.extensions or {})["code"], error.message) for error in result.errors or ()]


def nested(depth: int) -> str:
    return "{ patients { " + "friends { " * (depth - 2) + "name" + " }" * depth


@pytest.mark.parametrize(
    ("query", "limits", "message"),
    [
        (nested(4), Limits(max_depth=3), "The query's depth is 4; the most is 3."),
        ("{ a: hello b: hello }", Limits(max_aliases=1), "The query's number of aliases is 2; the most is 1."),
        ("{ hello patients { name } }", Limits(max_fields=2), "The query's number of fields is 3; the most is 2."),
        (
            "query a { hello } query b { x: hello }",
            Limits(max_aliases=0),
            "The query's number of aliases is 1; the most is 0.",
        ),
        (
            "{ ...F } fragment F on Query { ... { x: hello } }",
            Limits(max_aliases=0),
            "The query's number of aliases is 1; the most is 0.",
        ),
    ],
)
async def test_a_document_over_a_limit_is_too_complex(query: str, limits: Limits, message: str) -> None:
    assert await refusals(query, limits=limits) == [("QUERY_TOO_COMPLEX", message)]


async def test_a_document_at_its_limits_is_served() -> None:
    assert await refusals(nested(4), limits=Limits(max_depth=4)) == []
    assert await refusals("{ a: hello b: hello }", limits=Limits(max_aliases=2, max_fields=2)) == []


async def test_a_document_has_a_bounded_number_of_tokens_and_of_levels() -> None:
    [(code, _)] = await refusals("{ hello " * 50 + "}" * 50, limits=Limits(max_tokens=99))
    assert code == "GRAPHQL_PARSE_FAILED"
    [(code, _)] = await refusals("{ a" * 50_000, limits=Limits(max_tokens=200_000))
    assert code == "GRAPHQL_PARSE_FAILED"
    [(code, _)] = await refusals("{ hello(name: " + "[" * 900 + "]" * 900 + ") }")
    assert code == "GRAPHQL_PARSE_FAILED"


def doubling(levels: int, leaf: str = "hello") -> str:
    fragments = [f"fragment F{level} on Query {{ ...F{level + 1} ...F{level + 1} }}" for level in range(levels)]
    return "{ ...F0 } " + " ".join(fragments) + f" fragment F{levels} on Query {{ {leaf} }}"


@pytest.mark.parametrize("leaf", ["hello", "a: hello", "patients { name friends { name } }"])
async def test_fragments_that_double_are_measured_at_once(leaf: str) -> None:
    schema = sample_schema()
    await schema.execute("{ hello }")
    started = time.process_time()
    result = await schema.execute(doubling(60, leaf))
    elapsed = time.process_time() - started
    assert result.errors
    assert (result.errors[0].extensions or {})["code"] == "QUERY_TOO_COMPLEX"
    assert elapsed < 0.2 * slowness()  # 50 ms, measured; strawberry's own limiters: ages


async def test_fields_that_must_be_compared_are_bounded() -> None:
    many = "{ " + " ".join(f"...F{n}" for n in range(60)) + " } "
    many += " ".join(f"fragment F{n} on Query {{ hello patients {{ name }} }}" for n in range(60))
    started = time.process_time()
    await refusals(many)
    assert time.process_time() - started < slowness()


async def test_introspection_may_be_off() -> None:
    assert await refusals("{ __schema { types { name } } }") == []
    [(code, message), *_] = await refusals("{ __schema { types { name } } }", introspection=False)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "introspection" in message
    assert await refusals("{ __typename }", introspection=False) == []


async def test_introspection_of_introspection_is_bounded() -> None:
    deep = "{ __schema { types { " + "fields { type { " * 8 + "name" + " } }" * 8 + " } } }"
    assert ("GRAPHQL_VALIDATION_FAILED", "Maximum introspection depth exceeded.") in await refusals(deep)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ helo }", None),
        ("{ hello(nam: 1) }", None),
        ("{ patients { nam } }", None),
        ("query($s: Se!) { state(sex: $s) }", None),
        ("{ state(sex: G) }", None),
        ("{ ...F } fragment F on Quer { hello }", None),
        ("query($s: Sex!) { state(sex: $s) }", {"s": "G"}),
        ("mutation($p: PatientInput!) { rename(patient: $p) }", {"p": {"nam": "x"}}),
    ],
)
async def test_errors_suggest_nothing(query: str, variables: dict[str, Any] | None) -> None:
    errors = await refusals(query, variables)
    assert errors
    assert "mean" not in str(errors)


async def test_the_errors_of_a_document_are_bounded() -> None:
    errors = await refusals("{ " + " ".join(f"x{n}" for n in range(100)) + " }", limits=Limits(max_errors=5))
    assert len(errors) == 6  # five, and that there were more


def test_the_rule_of_equal_limits_is_one_class() -> None:
    assert limits_rule(Limits()) is limits_rule(Limits())


async def test_a_valid_document_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    check = Documents.check

    def counting(self: Documents, *arguments: Any) -> Any:
        checked.append(arguments[1])
        return check(self, *arguments)

    monkeypatch.setattr(Documents, "check", counting)
    schema = sample_schema()
    for query in ("{ hello }", "{ hello }", "{ nothing }", "{ nothing }", "{ hello }" + " " * 20_000):
        await schema.execute(query)
        await schema.execute(query)
    assert [text.strip() for text in checked] == ["{ hello }", *["{ nothing }"] * 4, *["{ hello }"] * 2]


async def test_what_is_kept_of_documents_is_bounded_whatever_clients_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.engine.documents._KEPT_CHARACTERS", 3_000)
    monkeypatch.setattr("graph.engine.documents.PLANS_KEPT", 5)
    documents = Documents(Limits(), introspection=True, costs={})
    monkeypatch.setattr("graph.engine.schema.Documents", lambda *_, **__: documents)
    schema = sample_schema()
    for number in range(40):
        query = f"query Q{number}($yes: Boolean!) {{ patients {{ patientId name @include(if: $yes) }} }}"
        for yes in (True, False, True):
            result = await schema.execute(query, variable_values={"yes": yes})
            assert result.data == {"patients": [patient(number, yes) for number in range(2)]}
    texts = list(documents._kept)
    assert 0 < sum(map(len, texts)) <= 3_000
    assert texts[-1] == query
    assert len(documents._plans) == 5


def patient(number: int, has_name: bool) -> dict[str, str]:
    return {"patientId": str(number)} | ({"name": SECRET} if has_name else {})


COSTS = {
    "Query.patients": FieldCost(requests=1),
    "Patient.friends": FieldCost(requests=1),
    "Query.slow": FieldCost(requests=7),
}
BATCHED = COSTS | {"Patient.friends": FieldCost(requests=1, batched=True)}


@pytest.mark.parametrize(
    ("query", "variables", "costs", "requests", "rows"),
    [
        ("{ hello }", {}, COSTS, 0, 0),
        ("{ patients { name } }", {}, COSTS, 1, 2),
        ("{ patients(first: 20) { friends { name } } }", {}, COSTS, 21, 220),
        ("{ patients(first: 20) { friends { name } } }", {}, BATCHED, 2, 220),
        ("query($n: Int) { patients(first: $n) { friends { name } } }", {"n": 5}, COSTS, 6, 55),
        ("query($n: Int) { patients(first: $n) { friends { name } } }", {}, COSTS, 3, 22),
        ("query($n: Int = 5) { patients(first: $n) { friends { name } } }", {}, COSTS, 6, 55),
        ("query($n: Int) { patients(first: $n) { friends { name } } }", {"n": -5}, COSTS, 1, 0),
        ("{ a: patients { name } b: patients { name } }", {}, COSTS, 2, 4),
        (
            "{ ...F ... on Query { patients { name } } }"
            " fragment F on Query { patients { ...G } } fragment G on Patient { friends { name } }",
            {},
            COSTS,
            4,
            24,
        ),
    ],
)
async def test_the_cost_of_a_selection(
    query: str, variables: dict[str, Any], costs: dict[str, FieldCost], requests: int, rows: int
) -> None:
    fits = Limits(max_requests=requests, max_rows=rows)
    assert await refusals(query, variables, costs=costs, limits=fits) == []
    for limits, what in ((Limits(max_requests=requests - 1), "requests"), (Limits(max_rows=rows - 1), "objects")):
        [(code, message)] = await refusals(query, variables, costs=costs, limits=limits)
        assert code == "QUERY_TOO_COMPLEX"
        assert what in message


async def test_fragments_that_double_are_priced_at_once() -> None:
    started = time.process_time()
    limits = Limits(max_fields=10**30, max_depth=99)
    [(code, _)] = await refusals(doubling(60, "patients { name }"), costs=COSTS, limits=limits)
    assert code == "QUERY_TOO_COMPLEX"
    assert time.process_time() - started < 0.5 * slowness()
