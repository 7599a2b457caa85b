"""Who the server takes a client for."""

import strawberry

from graph.access import Role
from graph.context import Info

__all__ = ["Principal", "PrincipalQueries", "Role"]

# Here, for who imports it from here; `graph.access`, which settings need, is not to wait for strawberry.
strawberry.enum(Role, description="What a principal may do.")


@strawberry.type(description="Who stands behind a request.")
class Principal:
    """The client's identity."""

    subject: str
    role: Role
    patient_id: str | None


@strawberry.type
class PrincipalQueries:
    """The part of Query that tells clients who they are."""

    @strawberry.field(description="Who the server takes you for.")
    def me(self, info: Info) -> Principal:
        """The principal of this request."""
        who = info.context.principal
        return Principal(subject=who.subject, role=who.role, patient_id=who.patient_id)
