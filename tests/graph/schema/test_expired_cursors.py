"""EVENT_RETENTION_DAYS: who comes back after longer than that is told so, and can begin anew."""

import asyncio

import httpx
import pytest

from graph.settings import Settings
from tests.graph.api import Api, subscribe
from tests.graph.conftest import serving

EVENTS = "query ($after: String) { examEvents(after: $after) { nodes { cursor studyInstanceUID } } }"
NEW_EXAM = "subscription ($after: String) { newExam(after: $after) { studyInstanceUID } }"
A_MOMENT_IN_DAYS = 1e-6


async def announce(api: Api, study: str) -> None:
    answer = await api.http.post("/new-exam-callback", json={"StudyInstanceUID": study, "PatientID": "P"})
    assert answer.status_code == 204


async def test_a_cursor_older_than_what_is_kept_is_an_error_and_never_a_gap(settings: Settings) -> None:
    async with serving(settings) as url, httpx.AsyncClient(base_url=url) as http:
        api = Api(http)
        for study in ("1.2.1", "1.2.2"):
            await announce(api, study)
        first, last = [event["cursor"] for event in (await api.ask(EVENTS))["examEvents"]["nodes"]]
    await asyncio.sleep(0.1)
    short = settings.model_copy(update={"event_retention_days": A_MOMENT_IN_DAYS})
    async with serving(short) as url, httpx.AsyncClient(base_url=url) as http:
        api = Api(http)
        async with asyncio.timeout(10):
            while (await api.ask(EVENTS))["examEvents"]["nodes"]:
                await asyncio.sleep(0.01)
        error = await api.error(EVENTS, after=first)
        assert (error["code"], error["status"]) == ("CURSOR_EXPIRED", 410)
        assert "2" in error["message"]
        async with subscribe(url, NEW_EXAM, after=first) as subscriber:
            with pytest.raises(AssertionError, match="CURSOR_EXPIRED"):
                await subscriber.next()
        await announce(api, "1.2.3")  # nothing is missing behind the last that was removed
        assert [one["studyInstanceUID"] for one in (await api.ask(EVENTS, after=last))["examEvents"]["nodes"]] == [
            "1.2.3"
        ]
        async with subscribe(url, NEW_EXAM, after=last) as subscriber:
            assert (await subscriber.next())["newExam"]["studyInstanceUID"] == "1.2.3"
