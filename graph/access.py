"""Who a client is, and what it may see."""

from dataclasses import dataclass
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
    """Who stands behind a request; `patient_id` is the one patient whom a PATIENT may see."""

    subject: str
    role: Role
    patient_id: str | None = None


LOCAL = Identity(subject="local", role=Role.ADMIN)
"""Whoever reaches a server without authentication, which listens on a loopback address only."""
