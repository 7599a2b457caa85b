"""Who a client is, and what it may see: one row for every root field and every route. What has no row is denied.

`graph.schema.permissions` holds GraphQL to it, `graph.routes.guards` the routes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Role(Enum):
    """What a principal may do: from a patient, who reads what is their own, to an administrator."""

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


class Permission(Enum):
    """What a role may do with a field or a route."""

    ALLOWED = "allowed"
    OWN = "own patient only"
    DENIED = "denied"


class Door(Enum):
    """How a route knows whom to let in."""

    BEARER = "a bearer token, by its role"
    BEARER_OR_SESSION = "a bearer token, by its role, or a viewer session of the study"
    SESSION = "a viewer session of the study"
    LINK = "the token of a viewer link"
    CALLBACK = "CALLBACK_TOKEN"
    NONE = "open to all: nothing of a patient is there"


@dataclass(frozen=True)
class Row:
    """What each role may do."""

    patient: Permission
    diagnostic: Permission
    integration: Permission
    admin: Permission

    def of(self, role: Role) -> Permission:
        """The role's cell."""
        permission: Permission = getattr(self, role.value.lower())
        return permission


@dataclass(frozen=True)
class RouteRow:
    """Who gets through a route; roles count at doors for bearers alone."""

    door: Door
    roles: Row


_YES, _OWN, _NO = Permission.ALLOWED, Permission.OWN, Permission.DENIED
_ALL = Row(_YES, _YES, _YES, _YES)
_OWN_OR_STAFF = Row(_OWN, _YES, _YES, _YES)
_STAFF = Row(_NO, _YES, _YES, _YES)
_SYSTEMS = Row(_NO, _NO, _YES, _YES)
_ADMIN = Row(_NO, _NO, _NO, _YES)
NOBODY = Row(_NO, _NO, _NO, _NO)
"""What is not in the tables."""

FIELDS: Mapping[str, Row] = {
    "Query.workitems": _OWN_OR_STAFF,
    "Query.workitem": _OWN_OR_STAFF,
    "Query.studies": _OWN_OR_STAFF,
    "Query.study": _OWN_OR_STAFF,
    "Query.series": _OWN_OR_STAFF,
    "Query.instances": _OWN_OR_STAFF,
    "Query.instance": _OWN_OR_STAFF,
    "Query.examEvents": _OWN_OR_STAFF,
    "Query.webhookDeliveries": _SYSTEMS,
    "Query.accessRecords": _ADMIN,
    "Query.me": _ALL,
    "Mutation.createWorkitem": _STAFF,
    "Mutation.deleteWorkitem": _STAFF,
    "Mutation.uploadExams": _STAFF,
    "Mutation.createViewerToken": _STAFF,
    "Mutation.generateUIDs": _SYSTEMS,
    "Mutation.redeliverWebhook": _SYSTEMS,
    "Subscription.newExam": _OWN_OR_STAFF,
}

_FILES = RouteRow(Door.BEARER_OR_SESSION, _OWN_OR_STAFF)
_VIEWER = RouteRow(Door.SESSION, NOBODY)
_OPEN = RouteRow(Door.NONE, _ALL)
_DICOMWEB = "/viewer/dicomweb/studies"
_STUDY = f"{_DICOMWEB}/{{study}}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAME = f"{_INSTANCE}/frames/{{frame}}"

ROUTES: Mapping[str, RouteRow] = {
    "/graphql": RouteRow(Door.BEARER, _ALL),
    "/new-exam-callback": RouteRow(Door.CALLBACK, NOBODY),
    "/exams/studies/{study}": _FILES,
    "/exams/studies/{study}/series/{series}/instance/{instance}": _FILES,
    "/exams/studies/{study}/series/{series}/instances/{instance}": _FILES,
    "/viewer": RouteRow(Door.LINK, NOBODY),
    "/viewer/studies/{study}": _VIEWER,
    "/viewer/page/{name}": _OPEN,
    _DICOMWEB: _VIEWER,
    _STUDY: _VIEWER,
    f"{_STUDY}/metadata": _VIEWER,
    f"{_STUDY}/thumbnail": _VIEWER,
    f"{_STUDY}/series": _VIEWER,
    f"{_STUDY}/instances": _VIEWER,
    _SERIES: _VIEWER,
    f"{_SERIES}/metadata": _VIEWER,
    f"{_SERIES}/thumbnail": _VIEWER,
    f"{_SERIES}/instances": _VIEWER,
    _INSTANCE: _VIEWER,
    f"{_INSTANCE}/metadata": _VIEWER,
    f"{_INSTANCE}/rendered": _VIEWER,
    f"{_INSTANCE}/thumbnail": _VIEWER,
    f"{_INSTANCE}/frames/{{frames}}": _VIEWER,
    f"{_FRAME}/rendered": _VIEWER,
    f"{_FRAME}/thumbnail": _VIEWER,
    "/health/live": _OPEN,
    "/health/ready": _OPEN,
}
