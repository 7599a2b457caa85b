"""Who a client is, and what it may see."""

from dataclasses import dataclass, field
from enum import Enum

import strawberry


@strawberry.enum(description="What a principal may do.")
class Role(Enum):
    """From a patient, who reads what is their own, to an administrator."""

    PATIENT = "PATIENT"
    DIAGNOSTIC = "DIAGNOSTIC"
    INTEGRATION = "INTEGRATION"
    ADMIN = "ADMIN"


@dataclass(frozen=True)
class Identity:
    """Who stands behind a request; `patient_id` is the one patient whom a PATIENT may see.

    `expires_at` (Unix time) is when what proves it ends; None: not by itself.
    """

    subject: str
    role: Role
    patient_id: str | None = None
    expires_at: float | None = field(default=None, compare=False)

    def may_see(self, patient_id: str | None) -> bool:
        """Whether a patient's data may be shown: a PATIENT's own, to the character, or anybody's."""
        return self.role is not Role.PATIENT or (patient_id is not None and patient_id == self.patient_id)


LOCAL = Identity(subject="local", role=Role.ADMIN)
"""Whoever reaches a server without authentication, which listens on a loopback address only."""
