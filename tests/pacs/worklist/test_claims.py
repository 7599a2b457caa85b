import asyncio
from typing import Any

import pytest

from pacs.errors import Conflict
from pacs.workitem import Workitem
from pacs.workitem_check import checked
from pacs.worklist.claims import LocalClaims
from pacs.worklist.dialects import DialectName, open_worklist
from tests.pacs.workitem_examples import STUDY, minimal
from tests.pacs.worklist.recorded import Exchange, pacs


async def test_a_study_is_held_by_one_at_a_time_and_given_back() -> None:
    claim = LocalClaims()

    async with claim("1.2"), claim("1.3"):
        with pytest.raises(Conflict):
            async with claim("1.2"):
                raise AssertionError("held twice")
    async with claim("1.2"):
        pass


async def test_a_study_is_given_back_when_its_creation_fails() -> None:
    claim = LocalClaims()

    with pytest.raises(RuntimeError):
        async with claim("1.2"):
            raise RuntimeError
    async with claim("1.2"):
        pass


@pytest.mark.parametrize(
    ("dialect", "exchanges"),
    [
        ("orthanc", [("GET /worklists/?format=Simplify", []), ("POST /worklists/create", {"ID": "a"})]),
        ("mwl-dcm4chee", [(f"GET /mwlitems?StudyInstanceUID={STUDY}&includefield=all", []), ("POST /mwlitems", None)]),
    ],
)
async def test_of_two_racing_creates_one_reaches_a_pacs_that_would_take_both(
    dialect: DialectName, exchanges: list[tuple[str, Any]]
) -> None:
    async with pacs(*(Exchange(request, answer=answer) for request, answer in exchanges)) as web:
        worklist = open_worklist(web, dialect)
        outcomes = await asyncio.gather(
            *(worklist.create(checked(minimal())) for _ in range(2)), return_exceptions=True
        )

    assert {type(one) for one in outcomes} == {Workitem, Conflict}
