"""Accesses over the routes beside GraphQL: middleware of a route, which reads the outcome from the answer's status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.access import Identity, Role
from graph.access_records.actions import SIGN_IN, Action
from graph.access_records.log import AccessLog
from graph.access_records.trail import AccessOutcome, Trail, address_of, note_refusal, refuse_unrecorded
from graph.context import Services
from graph.notes import notes
from pacs.uids import is_uid

ANONYMOUS = Identity("anonymous", Role.PATIENT)
"""Who is not known stands in records under the least of roles."""

_OUTCOMES = {
    401: AccessOutcome.DENIED,
    403: AccessOutcome.DENIED,
    410: AccessOutcome.DENIED,
    404: AccessOutcome.FAILED,
    406: AccessOutcome.FAILED,
    409: AccessOutcome.FAILED,
    500: AccessOutcome.FAILED,
    502: AccessOutcome.FAILED,
    504: AccessOutcome.FAILED,
}
"""By status; other errors refuse a request for its form, or ask to come again."""
_DENYING_CODES = (4401, 4403)


@dataclass(frozen=True)
class Access:
    """Who reached for which study of which patient; None for what the request does not tell."""

    who: Identity
    patient_id: str | None = None
    study_instance_uid: str | None = None
    is_others: bool = False
    """It was denied, whatever the answer says, which tells nobody that there is something to deny."""


def tell(connection: HTTPConnection, access: Access) -> None:
    """Says what a request is about, where its path alone does not."""
    notes(connection).setdefault("accessed", []).append(access)


def recorded(action: Action | Callable[[HTTPConnection], Action]) -> Middleware:
    """For `Route(middleware=…)`: records the accesses of `state.principal`, or of those of whom the route tells."""
    choose = action if callable(action) else lambda _: action
    return Middleware(_Recorded, choose=choose)


class _Recorded:
    def __init__(self, app: ASGIApp, choose: Callable[[HTTPConnection], Action]) -> None:
        self._app = app
        self._choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        log = _log(connection)
        refuse_unrecorded(log)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                outcome = AccessOutcome.ALLOWED if status < 400 else _OUTCOMES.get(status)
                if outcome is not None:
                    self._note(connection, log, outcome)
            await send(message)

        await self._app(scope, receive, noting)

    def _note(self, connection: HTTPConnection, log: AccessLog, outcome: AccessOutcome) -> None:
        action, address, left = self._choose(connection), address_of(connection), notes(connection)
        told: list[Access] = left.get("accessed", [])
        study = connection.path_params.get("study")
        known = study if isinstance(study, str) and is_uid(study, lenient=True) else None
        who: Identity = left.get("principal") or ANONYMOUS
        for access in told or [Access(who, None, known)]:
            if access.who is not ANONYMOUS:
                trail = Trail(log, access.who, address)
                ended = AccessOutcome.DENIED if access.is_others else outcome
                trail.note(action, access.patient_id, access.study_instance_uid or known, ended)
            elif outcome is AccessOutcome.DENIED:  # anything else showed nobody anything: a HEAD of a link, say
                note_refusal(log, action, access.who.subject, access.who.role.value, address)


class RecordedSignIn:
    """Middleware of the GraphQL routes: records who is turned away before any operation."""

    _statuses: Mapping[int, AccessOutcome] = {status: _OUTCOMES[status] for status in (401, 403)}

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        let_in = False

        async def noting(message: Message) -> None:
            nonlocal let_in
            kind = message["type"]
            let_in = let_in or kind == "websocket.send"
            is_denied = (kind == "http.response.start" and message["status"] in self._statuses) or (
                kind == "websocket.close" and message.get("code") in _DENYING_CODES and not let_in
            )
            if is_denied and notes(connection).get("principal") is None:
                note_refusal(_log(connection), SIGN_IN, ANONYMOUS.subject, ANONYMOUS.role.value, address_of(connection))
            await send(message)

        await self._app(scope, receive, noting)


def _log(connection: HTTPConnection) -> AccessLog:
    services: Services = connection.app.state.services
    return services.access_log
