"""What clients are told while the service's own store does not answer: one stable code, and when to try again."""

from typing import Any

import pytest
from starlette.applications import Starlette

from persistence.errors import StoreUnavailable
from tests.graph.api import Api
from tests.samples import Exam

DOCUMENTS = [
    "{ examEvents { nodes { studyInstanceUID } } }",
    "{ webhookDeliveries { nodes { state } } }",
    "{ accessRecords { nodes { action } } }",
    "mutation { generateUIDs { uids } }",
    'mutation { redeliverWebhook(id: "x") { delivery { state } } }',
]
METHODS = ["append_event", "events_after", "last_sequence", "reserve_uids", "deliveries", "delivery", "redeliver"]
METHODS += ["save_token", "redeem_token", "access_records", "ping"]


@pytest.fixture
def away(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's store answers as it does while its database is gone."""

    async def unavailable(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("the database did not answer: NetworkTimeout")

    store = app.state.services.store
    for method in METHODS:
        monkeypatch.setattr(store, method, unavailable)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.usefixtures("away")
async def test_operations_that_need_the_store_say_so(api: Api, document: str) -> None:
    error = await api.error(document)
    assert (error["code"], error["status"], error["retryAfterSeconds"]) == ("STORE_UNAVAILABLE", 503, 2)
    assert "does not answer" in error["message"]
    assert "NetworkTimeout" not in error["message"]


@pytest.mark.usefixtures("away")
async def test_a_viewer_link_that_cannot_be_kept_is_not_given(api: Api) -> None:
    exam = Exam()
    await api.upload(exam.image().content)
    document = "mutation ($study: UID!) { createViewerToken(input: { studyInstanceUID: $study }) { url } }"
    assert (await api.error(document, study=exam.study))["code"] == "STORE_UNAVAILABLE"


@pytest.mark.usefixtures("away")
async def test_a_callback_is_not_acknowledged(api: Api) -> None:
    answer = await api.http.post("/new-exam-callback", json={"StudyInstanceUID": "1.2.3", "PatientID": "P"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "STORE_UNAVAILABLE"


@pytest.mark.usefixtures("away")
async def test_exams_are_served_all_the_same(api: Api) -> None:
    assert await api.ask('{ studies(patientID: "nobody") { totalCount } }') == {"studies": {"totalCount": 0}}


@pytest.mark.usefixtures("away")
async def test_the_health_check_says_which_part_is_down(api: Api) -> None:
    answer = await api.http.get("/health/ready")
    assert (answer.status_code, answer.json()["store"], answer.json()["pacs"]) == (503, "does not answer", "ok")
    assert (await api.http.get("/health/live")).status_code == 200
