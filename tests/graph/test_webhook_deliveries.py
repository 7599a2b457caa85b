"""Deliveries through GraphQL: read by page and state, and sent again, by those who may."""

import hashlib
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from graph.access import Identity, Role
from graph.access_records.log import AccessLog
from graph.access_records.trail import Trail
from graph.engine.schema import build_schema
from graph.schema.exam_events import ExamEventSubscriptions
from graph.schema.naming import ContractNames
from graph.schema.permissions import hold_to_table
from graph.schema.scalars import SCALARS
from graph.schema.webhook_deliveries import WebhookDeliveryMutations, WebhookDeliveryQueries
from persistence.records import DeliveryState, WebhookDelivery, now
from persistence.store import Store
from tests.persistence.events import new_event

PAGES = """query ($after: String) { webhookDeliveries(first: 2, after: $after) {
  nodes { id } edges { cursor } pageInfo { endCursor hasNextPage } } }"""
FAILED = "{ webhookDeliveries(state: FAILED) { nodes { id attempts lastError event { patientID } } } }"
AGAIN = "mutation ($id: ID!) { redeliverWebhook(id: $id) { delivery { state attempts } } }"

Ask = Callable[..., Awaitable[tuple[Any, list[str]]]]


@strawberry.type
class Query(WebhookDeliveryQueries): ...


@strawberry.type
class Mutation(WebhookDeliveryMutations): ...


@strawberry.type
class Subscription(ExamEventSubscriptions): ...


SCHEMA = build_schema(Query, Mutation, Subscription, scalars=SCALARS, name_converter=ContractNames())
hold_to_table(SCHEMA)


@pytest.fixture
async def planned(store: Store) -> list[WebhookDelivery]:
    """An event for three receivers; the first has failed."""
    event = await store.append_event(new_event(body={"StudyInstanceUID": "1.2.3", "PatientID": "A"}))
    planned = [WebhookDelivery.plan(event.sequence, f"http://{host}.example/", now()) for host in "abc"]
    await store.plan_deliveries(planned)
    claimed = await store.claim_delivery(planned[0].url, now(), lease_seconds=60)
    assert claimed is not None
    failed = {"state": DeliveryState.FAILED, "attempts": 10, "last_error": "status 500", "next_attempt_at": None}
    await store.settle_delivery(claimed.model_copy(update=failed))
    return planned


@pytest.fixture
def ask(store: Store) -> Ask:
    async def ask(query: str, role: Role = Role.ADMIN, **variables: Any) -> tuple[Any, list[str]]:
        """The data, and the codes of the errors."""
        who = Identity("somebody", role)
        settings = SimpleNamespace(callback_urls=tuple(f"http://{host}.example/" for host in "abc"))
        trail = Trail(AccessLog(store, 10), who, None)
        context = SimpleNamespace(store=store, principal=who, trail=trail, settings=settings)
        result = await SCHEMA.execute(query, variable_values=variables, context_value=context)
        return result.data, [(error.extensions or {})["code"] for error in result.errors or ()]

    return ask


async def test_pages_hold_each_delivery_once(ask: Ask, planned: list[WebhookDelivery]) -> None:
    first = (await ask(PAGES))[0]["webhookDeliveries"]
    second = (await ask(PAGES, after=first["pageInfo"]["endCursor"]))[0]["webhookDeliveries"]
    assert {node["id"] for node in first["nodes"] + second["nodes"]} == {delivery.id for delivery in planned}
    assert first["edges"][-1]["cursor"] == first["pageInfo"]["endCursor"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


async def test_failed_deliveries_say_why_and_for_which_event(ask: Ask, planned: list[WebhookDelivery]) -> None:
    expected = {"id": planned[0].id, "attempts": 10, "lastError": "status 500", "event": {"patientID": "A"}}
    assert await ask(FAILED) == ({"webhookDeliveries": {"nodes": [expected]}}, [])


async def test_sending_again_enables_the_receiver(ask: Ask, store: Store, planned: list[WebhookDelivery]) -> None:
    await store.disable_webhook(planned[0].url)
    data, _ = await ask(AGAIN, role=Role.INTEGRATION, id=planned[0].id)
    assert data["redeliverWebhook"]["delivery"] == {"state": "PENDING", "attempts": 0}
    assert not await store.is_webhook_disabled(planned[0].url)


async def test_nothing_is_sent_again_to_a_receiver_that_is_gone_from_the_settings(ask: Ask, store: Store) -> None:
    former = WebhookDelivery.plan(1, "http://former.example/", now())
    await store.plan_deliveries([former])
    await store.disable_webhook(former.url)
    assert (await ask(AGAIN, id=former.id))[1] == ["CONFLICT"]
    assert await store.is_webhook_disabled(former.url)


@pytest.mark.parametrize("role", [Role.PATIENT, Role.DIAGNOSTIC])
async def test_others_see_and_change_nothing(
    role: Role, ask: Ask, store: Store, planned: list[WebhookDelivery]
) -> None:
    before = await store.deliveries(limit=10)
    assert await ask(FAILED, role=role) == (None, ["FORBIDDEN"])
    assert await ask(AGAIN, role=role, id=planned[0].id) == (None, ["FORBIDDEN"])
    assert await store.deliveries(limit=10) == before


async def test_unknown_ids_and_cursors_are_clear_errors(ask: Ask) -> None:
    assert (await ask(AGAIN, id="nothing"))[1] == ["NOT_FOUND"]
    assert (await ask(PAGES, after="nonsense"))[1] == ["BAD_USER_INPUT"]


async def test_receivers_that_look_the_same_are_told_apart_by_the_ends_of_ids(ask: Ask, store: Store) -> None:
    urls = [f"https://hooks.example/services/{secret}" for secret in ("B1", "B2")]
    for _ in range(2):
        event = await store.append_event(new_event(body={"StudyInstanceUID": "1.2.3", "PatientID": "A"}))
        await store.plan_deliveries([WebhookDelivery.plan(event.sequence, url, now()) for url in urls])

    data, _ = await ask("{ webhookDeliveries { nodes { id url } } }")

    ids = [node["id"] for node in data["webhookDeliveries"]["nodes"]]
    digests = [hashlib.sha256(url.encode()).hexdigest()[:16] for url in urls]
    assert sorted(one.rpartition(":")[2] for one in ids) == sorted(2 * digests)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@a.example:8443/hook", "https://a.example:8443/hook"),
        ("https://secret@a.example/hook?kind=exam&token=secret", "https://a.example/hook?kind=***&token=***"),
        ("https://a.example/hook?secret", "https://a.example/hook?***"),
        ("https://a.example/hook?a=b=secret;c=secret#secret", "https://a.example/hook?a=***"),
        ("https://a.example:8443", "https://a.example:8443/"),
        ("https://a.example/", "https://a.example/"),
        ("https://a.example/new-exams/", "https://a.example/new-exams/"),
        ("https://hooks.example/services/T000/B000/secret?wait", "https://hooks.example/services/***?***"),
        ("https://a.example/7f3c0b1e-secret", "https://a.example/***"),
        ("https://a.example/hook;token=secret", "https://a.example/***"),
        ("https://a.example//secret", "https://a.example//***"),
    ],
)
async def test_secrets_in_a_receivers_url_are_posted_to_and_shown_to_nobody(
    url: str, shown: str, ask: Ask, store: Store
) -> None:
    event = await store.append_event(new_event(body={"StudyInstanceUID": "1.2.3", "PatientID": "A"}))
    planned = WebhookDelivery.plan(event.sequence, url, now())
    await store.plan_deliveries([planned])

    data, _ = await ask("{ webhookDeliveries { nodes { url } } }")

    assert data["webhookDeliveries"]["nodes"] == [{"url": shown}]
    assert await store.claim_delivery(url, now(), lease_seconds=60) is not None  # as it is posted to
