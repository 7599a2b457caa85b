"""What one request does to patient data, noted as it happens."""

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from starlette.requests import HTTPConnection

from graph.access import Identity
from graph.access_records.actions import Action
from graph.access_records.log import AccessLog
from graph.errors import ContractError, ErrorCode
from graph.logs import request_id
from persistence.records import AccessRecord, now

_LONGEST = 64
"""Characters of a Patient ID (VR LO) or UID (PS3.5 §6.2); what a client sends in their place may be longer."""
_RETRY_SECONDS = 5

Key = tuple[Action, str | None, str | None, "AccessOutcome"]


class AccessOutcome(Enum):
    """How an access ended."""

    ALLOWED = "ALLOWED"
    DENIED = "DENIED"
    FAILED = "FAILED"


@dataclass
class Trail:
    """The accesses of one request, or of one event of a subscription; each is recorded once."""

    log: AccessLog
    who: Identity
    address: str | None
    _noted: set[Key] = field(default_factory=set)

    def note(
        self,
        action: Action,
        patient_id: str | None,
        study_instance_uid: str | None = None,
        outcome: AccessOutcome = AccessOutcome.ALLOWED,
    ) -> None:
        """Records that this was done, unless it is recorded already; what a patient may not see was denied."""
        if patient_id and not self.who.may_see(patient_id):
            outcome = AccessOutcome.DENIED
        key = (action, _cut(patient_id), _cut(study_instance_uid), outcome)
        if key not in self._noted:
            self._noted.add(key)
            self.log.add(_record(self.who.subject, self.who.role.value, key, self.address))

    def begin_anew(self) -> None:
        """Forgets what is recorded: what follows is another access."""
        self._noted.clear()

    @property
    def only_patient(self) -> str | None:
        """The patient, if all that was noted is of one."""
        patients = {patient_id for _, patient_id, _, _ in self._noted}
        return patients.pop() if len(patients) == 1 else None


def refuse_unrecorded(log: AccessLog) -> None:
    """Raises ContractError (503) while records cannot be kept: what cannot be recorded is not shown."""
    if log.is_full:
        raise ContractError(
            ErrorCode.STORE_UNAVAILABLE,
            "Accesses cannot be recorded at the moment; try again later.",
            retryAfterSeconds=_RETRY_SECONDS,
        )


def note_refusal(log: AccessLog, action: Action, subject: str, role: str, address: str | None) -> None:
    """Records that somebody who is not known, or whose word does not count, was turned away."""
    log.add_refusal(_record(subject, role, (action, None, None, AccessOutcome.DENIED), address))


def address_of(connection: HTTPConnection) -> str | None:
    """The client's IP address; None for what is none, as a proxy's header may say."""
    client = connection.client
    return _address(client.host) if client else None


@lru_cache(1024)
def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _record(subject: str, role: str, key: Key, address: str | None) -> AccessRecord:
    action, patient_id, study_instance_uid, outcome = key
    return AccessRecord.new(
        now(),
        subject=subject,
        role=role,
        action=action.name,
        patient_id=patient_id,
        study_instance_uid=study_instance_uid,
        outcome=outcome.value,
        request_id=request_id.get(),
        address=address,
    )


def _cut(text: str | None) -> str | None:
    """At most as long as an identifier can be, and nothing that is no text (a lone surrogate)."""
    return text[:_LONGEST].encode(errors="replace").decode() if text else None
