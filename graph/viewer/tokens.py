"""Viewer tokens: 256 random bits that open one study once. The store keeps their digest alone."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from graph.errors import ContractError, ErrorCode, bad_input
from graph.viewer.roles import ViewerRole
from pacs.adapter import Pacs
from pacs.queries import exact
from persistence.protocol import ViewerTokens
from persistence.records import ViewerToken, now

_RANDOM_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_KEPT_AFTER_EXPIRY = timedelta(days=1)


@dataclass(frozen=True)
class Subject:
    """What a token is bound to: one study of one patient, for one user in one role."""

    study_instance_uid: str
    patient_id: str
    user: str | None
    role: ViewerRole


async def find_patient(pacs: Pacs, study: str, patient_id: str | None) -> str:
    """The Patient ID of the study; NOT_FOUND when there is no such study, or none of the given patient.

    A study that the PACS has under several patients needs the `patient_id`, and one that has none cannot be shown:
    every read is checked against it.
    """
    owners = {owner.whole_text("PatientID") for owner in await pacs.owners.of(study)}
    if not owners:
        raise ContractError(ErrorCode.NOT_FOUND, "the PACS has no such study")
    if patient_id is not None:
        wanted = exact("patientID", patient_id)
        if wanted not in owners:
            raise ContractError(ErrorCode.NOT_FOUND, "the PACS has no such study of this patient")
        return wanted
    (owner,) = owners if len(owners) == 1 else (None,)
    if owner is None:
        raise bad_input("patientID is required: the study has no patient's ID, or those of several patients")
    return owner


async def issue(store: ViewerTokens, subject: Subject, lifetime_seconds: int) -> tuple[str, datetime]:
    """A new token for `subject` and when it expires; it is stored when this returns."""
    token, issued_at = secrets.token_urlsafe(_RANDOM_BYTES), now()
    record = ViewerToken(
        digest=_digest(token),
        study_instance_uid=subject.study_instance_uid,
        patient_id=subject.patient_id,
        user=subject.user,
        role=subject.role.name,
        expires_at=issued_at + timedelta(seconds=lifetime_seconds),
    )
    await store.forget_tokens(issued_at - _KEPT_AFTER_EXPIRY)
    await store.save_token(record)
    return token, record.expires_at


async def redeem(store: ViewerTokens, token: str) -> Subject | None:
    """What the token opens, for the first who comes with it in time; None for everybody else."""
    if not _TOKEN.fullmatch(token):
        return None
    record = await store.redeem_token(_digest(token), now())
    if record is None or record.patient_id is None:
        return None
    return Subject(record.study_instance_uid, record.patient_id, record.user, ViewerRole[record.role])


def _digest(token: str) -> str:
    """SHA-256, unsalted: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(token.encode()).hexdigest()
