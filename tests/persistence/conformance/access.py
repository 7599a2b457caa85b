"""Viewer tokens and access records."""

import asyncio
from datetime import timedelta
from typing import Any

from persistence.records import AccessRecord, ViewerToken
from persistence.store import Store
from tests.persistence.conformance import Reopen
from tests.persistence.events import NOON

SECOND = timedelta(seconds=1)


def token(digest: str, **fields: Any) -> ViewerToken:
    values = {"study_instance_uid": "1.2.3", "patient_id": None, "user": "dr", "role": "DIAGNOSTIC"}
    return ViewerToken.model_validate({"digest": digest, "expires_at": NOON, **values, **fields})


def access(seconds: float, **fields: str | None) -> AccessRecord:
    values = {"subject": "s", "role": "ADMIN", "action": "graphql:study:read", "patient_id": "A", "outcome": "ALLOWED"}
    where = {"study_instance_uid": None, "request_id": "r", "address": "::1"}
    return AccessRecord.new(NOON + timedelta(seconds=seconds), **(values | where | fields))


class ViewerTokensConformance:
    """`Store.save_token`, `redeem_token`, `forget_tokens`."""

    async def test_of_a_hundred_racing_redemptions_one_wins(self, store: Store, reopen: Reopen) -> None:
        given = token("d", patient_id="A")
        await store.save_token(given)
        moment = NOON - SECOND
        redeemed = await asyncio.gather(*(store.redeem_token("d", moment) for _ in range(100)))
        won = [answer for answer in redeemed if answer is not None]
        assert won == [given.model_copy(update={"redeemed_at": moment})]
        store = await reopen()
        assert await store.redeem_token("d", moment) is None

    async def test_an_expired_or_unknown_token_opens_nothing(self, store: Store) -> None:
        await store.save_token(token("d"))
        assert await store.redeem_token("d", NOON) is None
        assert await store.redeem_token("other", NOON - SECOND) is None
        assert await store.redeem_token("d", NOON - SECOND) is not None

    async def test_expired_tokens_are_removed(self, store: Store) -> None:
        await store.save_token(token("old"))
        await store.save_token(token("new", expires_at=NOON + SECOND))
        await store.forget_tokens(NOON + SECOND)
        assert await store.redeem_token("old", NOON - SECOND) is None
        assert await store.redeem_token("new", NOON) is not None


class AccessRecordsConformance:
    """`Store.append_access`, `access_records`."""

    async def test_records_are_read_newest_first_by_every_filter(self, store: Store, reopen: Reopen) -> None:
        given = [access(n, patient_id="AB"[n % 2], subject="xyz"[n % 3]) for n in range(12)]
        await store.append_access(given[:5])
        await store.append_access(given[3:])
        await store.append_access([])
        store = await reopen()
        newest = given[::-1]
        assert await store.access_records(limit=100) == newest
        first = await store.access_records(limit=5)
        assert first + await store.access_records(limit=50, before=first[-1].id) == newest
        for patient_id, subject in (("A", None), (None, "x"), ("B", "y"), ("none", None)):
            found = await store.access_records(limit=100, patient_id=patient_id, subject=subject)
            assert found == [
                record
                for record in newest
                if patient_id in (None, record.patient_id) and subject in (None, record.subject)
            ]
        since, until = NOON + 3 * SECOND, NOON + 6 * SECOND
        assert await store.access_records(limit=100, since=since, until=until) == newest[6:9]
        assert await store.access_records(limit=100, since=since, patient_id="A", before=newest[6].id) == [newest[7]]
