"""Documents that cost much and look small: refused before any request to the PACS, and quickly."""

import time
from collections.abc import Callable

import httpx
import pytest

from graph.engine.limits import Limits
from graph.schema import contract_schema
from graph.settings import Settings
from tests.graph.api import Api
from tests.graph.conftest import serving
from tests.pace import slowness
from tests.pacs.scripted import Exchange, scripted_pacs

_QUICK_SECONDS = 0.050
_REFUSALS = {"QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
LEAF = '{ studies(patientID: "A") { totalCount } }'


def doubling(levels: int) -> str:
    """Fragments that each spread the next twice: 2 to the power of `levels` fields in a few hundred bytes."""
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "{ ...F0 } " + " ".join(fragments) + f" fragment F{levels} on Query {LEAF}"


def nested(levels: int) -> str:
    """As doubling, but level by level within fields."""
    fragments = [
        f"fragment F{n} on Study {{ series {{ ...S{n} ...S{n} }} }} fragment S{n} on Series {{ instances {{ dicom }} }}"
        for n in range(levels)
    ]
    spreads = " ".join(f"...F{n} a{n}: series {{ instances {{ dicom }} }}" for n in range(levels))
    return f'{{ studies(patientID: "A") {{ nodes {{ {spreads} }} }} }} ' + " ".join(fragments)


def cycle(length: int) -> str:
    fragments = [f"fragment F{n} on Query {{ ...F{(n + 1) % length} }}" for n in range(length)]
    return "{ ...F0 } " + " ".join(fragments)


ATTACKS = {
    "fragments that double": doubling(20),
    "fragments that double, deeper": doubling(60),
    "fragments within fields": nested(30),
    "fragments in a circle": cycle(60),
    "aliases": "{ " + " ".join(f"a{n}: me {{ subject }}" for n in range(500)) + " }",
    "one field, a thousand times": '{ studies(patientID: "A") { ' + "totalCount " * 1000 + "} }",
    "depth": '{ studies(patientID: "A") ' + "{ nodes " * 200 + "}" * 201,
    "inline fragments": "{ " + "... { " * 300 + "me { subject }" + " }" * 301,
    "directives": "{ me " + "@include(if: true) " * 400 + "{ subject } }",
    "unknown directives": "{ me " + "@x " * 900 + "{ subject } }",
    "arguments": "{ studies(" + "a: 1 " * 400 + ") { totalCount } }",
    "variables": "query (" + " ".join(f"$v{n}: Int" for n in range(450)) + ") { me { subject } }",
    "operations": " ".join(f"query q{n} {{ me {{ subject }} }}" for n in range(280)),
    "fields to compare": "{ " + " ".join(f'a: studies(patientID: "{n}") {{ totalCount }}' for n in range(150)) + " }",
    "tokens": "{ me { subject } } #" + " , " * 20_000 + "\n" + "{ a } " * 2_000,
    "lists in lists": "{ workitems(states: " + "[" * 400 + "]" * 400 + ") { totalCount } }",
    "introspection of introspection": "{ __schema { types { "
    + "fields { type { " * 15
    + "name"
    + " } }" * 15
    + " } } }",
    "requests to the PACS": "{ "
    + " ".join(
        f'a{n}: studies(patientID: "{n}", first: 1000) {{ nodes {{ series {{ instances {{ dicom }} }} }} }}'
        for n in range(25)
    )
    + " }",
    "objects": '{ studies(patientID: "A", first: 1000) { nodes { series { instances { sopInstanceUID } } } } }',
    "a study for each of a thousand events": "{ examEvents(first: 1000) { nodes { study { studyInstanceUID } } } }",
    "a number without an end": "{ examEvents(first: " + "9" * 5000 + ") { nodes { patientID } } }",
    "a UID without an end": '{ study(patientID: "A", studyInstanceUID: ' + "9" * 5000 + ") { studyInstanceUID } }",
    "a study for each of a thousand workitems": "{ workitems(first: 1000) { nodes { study { studyInstanceUID } } } }",
}


@pytest.mark.attack("documents that blow up: refused before the PACS is asked")
async def test_they_are_refused_before_the_pacs_is_asked(settings: Settings) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.json([])

    async with scripted_pacs(answer) as pacs:
        changes = {"archive_socket": None, "pacs_url": pacs.url, "max_rows": 100_000}
        async with serving(settings.model_copy(update=changes)) as url, httpx.AsyncClient(base_url=url) as client:
            responses = {name: await Api(client).answer(query) for name, query in ATTACKS.items()}

        codes = {
            name: {error["extensions"]["code"] for error in answer["errors"]} for name, answer in responses.items()
        }
        assert [name for name, found in codes.items() if not found <= _REFUSALS] == []
        assert [name for name, answer in responses.items() if "data" in answer] == []
        assert pacs.targets == []


@pytest.mark.attack("documents that blow up: refused within 50 ms")
@pytest.mark.parametrize("query", ATTACKS.values(), ids=ATTACKS.keys())
async def test_it_is_refused_quickly(query: str) -> None:
    schema = contract_schema(Limits(max_requests=120))
    times = slowness()
    best = min([await _seconds(schema.execute, query) for _ in range(5)])
    assert best <= _QUICK_SECONDS * times, f"{best * 1000:.0f} ms on a machine {times:.1f} times slower than usual"


@pytest.mark.attack("documents that blow up: by a variable, when they are known with a small one")
async def test_the_cost_is_that_of_each_requests_own_variables() -> None:
    schema = contract_schema(Limits(max_requests=120))
    query = "query ($n: Int!) { examEvents(first: $n) { nodes { study { studyInstanceUID } } } }"
    costs = [schema.documents.kept(query)]
    for first in (1, 1000, 1):
        result = await schema.execute(query, variable_values={"n": first})
        costs.append(schema.documents.kept(query))
        codes = [(error.extensions or {})["code"] for error in result.errors or ()]
        assert ("QUERY_TOO_COMPLEX" in codes) is (first == 1000)
    assert costs[0] is None
    assert costs[1] is costs[3] is not None  # planned once


@pytest.mark.attack("documents that blow up: by a number that is no int, but as good")
@pytest.mark.parametrize("first", [1000, 1000.0])
async def test_the_cost_knows_every_form_of_a_number(first: float) -> None:
    query = "query ($n: Int!) { examEvents(first: $n) { nodes { study { studyInstanceUID } } } }"
    result = await contract_schema(Limits(max_requests=120)).execute(query, variable_values={"n": first})
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["QUERY_TOO_COMPLEX"]


async def _seconds(execute: Callable[..., object], query: str) -> float:
    """Of this process: others use the machine as well."""
    started = time.process_time()
    result = await execute(query)  # type: ignore[misc]  # an asynchronous one
    assert result.errors
    return time.process_time() - started
