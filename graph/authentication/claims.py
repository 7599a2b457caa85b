"""What a verified token says of its bearer, by the names that the settings give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph.access import Identity, Role
from graph.authentication.authenticator import Unauthenticated
from graph.errors import ContractError, ErrorCode
from pacs.errors import BadQuery
from pacs.queries import exact

_LONGEST_SUBJECT = 256
_POWER = (Role.PATIENT, Role.DIAGNOSTIC, Role.INTEGRATION, Role.ADMIN)


@dataclass(frozen=True)
class ClaimNames:
    """Which claims hold what; `realm_access.roles` is a claim within a claim."""

    subject: str
    role: str
    patient_id: str
    roles: Mapping[str, Role]
    """The role for a value of the role claim; empty: values are the roles' own names."""

    def identity(self, claims: Mapping[str, Any], expires_at: float) -> Identity:
        """Whom the claims describe. Of several roles the one that may do most counts.

        Raises Unauthenticated without a subject, FORBIDDEN without a role.
        """
        subject = claim(claims, self.subject)
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise Unauthenticated("The token names no subject.")
        role = self._role(claim(claims, self.role))
        patient_id = _patient_id(claim(claims, self.patient_id)) if role is Role.PATIENT else None
        return Identity(subject, role, patient_id, expires_at)

    def _role(self, value: Any) -> Role:
        values = value if isinstance(value, list) else value.split() if isinstance(value, str) else ()
        roles = self.roles or {role.value: role for role in Role}
        found = {roles[one] for one in [value, *values] if isinstance(one, str) and one in roles}
        if not found:
            raise ContractError(ErrorCode.FORBIDDEN, "The token gives its bearer no role here.")
        return max(found, key=_POWER.index)


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of this very name, else the one at the end of the names between its dots; None where there is none."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _patient_id(value: Any) -> str | None:
    """The Patient ID as DICOM compares it, without spaces around it; a patient without one sees nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    try:
        return exact("patientID", value)
    except BadQuery:
        raise Unauthenticated("The token's patient ID cannot be a Patient ID.") from None
