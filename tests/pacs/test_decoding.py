"""Whether a PACS percent-decodes is found out once, and only when a search needs to know."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pacs.adapter import Pacs
from pacs.attributes import JSONDataset, tag
from pacs.errors import PacsUnavailable
from pacs.searches import StudySearch
from tests.pacs.scripted import Exchange, ScriptedPacs, pacs_that

UID = "1.2.840.99"
SYSTEM = "/system"
"""By which it would tell that it is an Orthanc."""


def study(patient: str) -> JSONDataset:
    values = {"StudyInstanceUID": UID, "PatientID": patient}
    return {tag(keyword): {"vr": "UN", "Value": [value]} for keyword, value in values.items()}


def decoded(target: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def literal(target: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in urlsplit(target).query.split("&"))


@asynccontextmanager
async def pacs_of(
    patient: str | None, read: Callable[[str], dict[str, str]], odd_status: int = 200
) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    """A PACS with one study, or none, which understands its query string in its way."""

    async def script(exchange: Exchange) -> None:
        if exchange.target == SYSTEM:
            await exchange.answer(404)
            return
        query = read(exchange.target)
        if "%" in query.get("StudyInstanceUID", "") and odd_status != 200:
            await exchange.answer(odd_status)
            return
        is_asked = query.get("StudyInstanceUID", UID) == UID and query.get("PatientID", "*") in ("*", patient)
        await exchange.json([study(patient)] if patient and is_asked else [])

    async with pacs_that(script) as found:
        yield found


def asked(server: ScriptedPacs) -> list[str]:
    """Of DICOMweb."""
    return [target for target in server.targets if target != SYSTEM]


async def test_a_pacs_that_decodes_is_asked_for_the_very_id() -> None:
    async with pacs_of("患者", decoded) as (pacs, server):
        for _ in range(3):
            assert len(await pacs.studies(StudySearch("患者"))) == 1

    searches = [target for target in server.targets if "PatientID" in target]
    assert len(asked(server)) - len(searches) == 2  # the question, once
    assert {unquote(decoded(target)["PatientID"]) for target in searches} == {"患者"}


@pytest.mark.parametrize("odd_status", [200, 400, 404])
async def test_a_pacs_that_does_not_is_asked_for_everything_and_filtered(odd_status: int) -> None:
    async with pacs_of("患者", literal, odd_status) as (pacs, server):
        for _ in range(3):
            assert len(await pacs.studies(StudySearch("患者"))) == 1
            assert await pacs.studies(StudySearch("患")) == []

    searches = [target for target in server.targets if "PatientID" in target]
    assert len(asked(server)) - len(searches) == 2
    assert {literal(target)["PatientID"] for target in searches} == {"*"}


async def test_a_pacs_without_studies_is_asked_again_later() -> None:
    async with pacs_of(None, decoded) as (pacs, server):
        for _ in range(2):
            assert await pacs.studies(StudySearch("患者")) == []
    assert [target.partition("?")[2] for target in asked(server) if "PatientID" not in target] == ["limit=1"] * 2


async def test_plain_ids_need_no_question() -> None:
    async with pacs_of("P1", decoded) as (pacs, server):
        await pacs.studies(StudySearch("P1"))
    assert len(asked(server)) == 1


async def test_a_pacs_that_is_away_is_away() -> None:
    async with pacs_of("患者", decoded) as (_, server):
        pass
    away = Pacs(server.address())
    with pytest.raises(PacsUnavailable):
        await away.studies(StudySearch("患者"))
    await away.aclose()
