"""What stands before every route to patient data, by its row in `graph.access.ROUTES`."""

from collections.abc import Callable

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.access import FIELDS, ROUTES, Door, Identity, Permission, RouteRow
from graph.access_records.actions import STORE_EXAM, Action
from graph.access_records.routes import Access, recorded, tell
from graph.access_records.trail import AccessOutcome, Trail
from graph.authentication.credentials import identify
from graph.context import Services
from graph.errors import ContractError, ErrorCode, bad_input, translate
from graph.rates import Limited, Rates, client_key, client_of
from graph.routes.paths import uid_in_path
from graph.routes.problems import refusal
from graph.viewer.sessions import SessionCookies, reader_of
from graph.viewer.tokens import Subject
from pacs.errors import NotFound, PacsError

_BEARER_DOORS = (Door.BEARER, Door.BEARER_OR_SESSION)
_SESSION_DOORS = (Door.SESSION, Door.BEARER_OR_SESSION)
_KNOWING_DOORS = {*_BEARER_DOORS, *_SESSION_DOORS}
"""Those at which somebody is asked who they are."""


def guarded(
    path: str,
    action: Action | Callable[[HTTPConnection], Action],
    *,
    rates: Callable[[HTTPConnection], Rates] = lambda connection: connection.app.state.services.rates,
) -> list[Middleware]:
    """For `Route(path, middleware=…)`: records what clients do, lets in who may, at their rate, to what is theirs.

    Doors that are not for bearers are the route's own business.
    """
    row = ROUTES.get(path)
    guards = [recorded(action)]
    guards += [Middleware(_SignedIn, row=row)] if row is None or row.door in _KNOWING_DOORS else []
    guards += [Middleware(Limited, rates=rates)]
    guards += [Middleware(_Shared)] if row and row.door in _SESSION_DOORS else []
    return [*guards, Middleware(_Fenced)] if row and row.door in _BEARER_DOORS else guards


def in_table(routes: list[BaseRoute]) -> list[BaseRoute]:
    """The routes, if the table has a row for each; TypeError otherwise, so that none is served by oversight."""
    unknown = [path for route in routes if (path := str(getattr(route, "path", route))) not in ROUTES]
    if unknown:
        raise TypeError(f"graph.access.ROUTES has no row for {', '.join(unknown)}")
    return routes


def refuse_files(connection: HTTPConnection, trail: Trail) -> None:
    """Raises FORBIDDEN, before a byte is read, for a form of files from somebody whose role may not upload any."""
    role = trail.who.role
    is_form = connection.headers.get("content-type", "").lower().startswith("multipart/")
    if is_form and FIELDS["Mutation.uploadExams"].of(role) is Permission.DENIED:
        trail.note(STORE_EXAM, None, outcome=AccessOutcome.DENIED)
        raise ContractError(ErrorCode.FORBIDDEN, f"Uploads are not for the role {role.value}.")


class _SignedIn:
    """Who it is, and whether the route is for their role; `state.principal` from then on.

    `state.fence` is the one patient whose objects are shown, or None for anybody's.
    """

    def __init__(self, app: ASGIApp, row: RouteRow | None) -> None:
        self._app = app
        self._row = row

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            await self._let_in(connection)
        except ContractError as error:
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _let_in(self, connection: HTTPConnection) -> None:
        if self._row is None:
            raise ContractError(ErrorCode.FORBIDDEN, "this is for nobody")
        session = _session(connection) if self._row.door in _SESSION_DOORS else None
        if session is not None:
            connection.state.client = f"session {session.study_instance_uid} {session.user}"
        if self._row.door not in _BEARER_DOORS:
            return
        if session is not None:
            connection.state.principal, connection.state.fence = reader_of(session), session.patient_id
            return
        who = await identify(connection)
        permission = self._row.roles.of(who.role)
        if permission is Permission.DENIED or (permission is Permission.OWN and who.patient_id is None):
            services: Services = connection.app.state.services
            services.rates.admit(client_key(connection, who))
            raise ContractError(ErrorCode.FORBIDDEN, f"this is not for the role {who.role.value}")
        connection.state.fence = who.patient_id if permission is Permission.OWN else None


class _Shared:
    """The client's share of what the PACS sends; one more waits until one of its others has been sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        services: Services = connection.app.state.services
        is_staff = getattr(connection.state, "fence", "") is None
        shares = services.downloads if is_staff else services.downloads_of_patients
        async with shares.of(client_of(connection)):
            await self._app(scope, receive, send)


class _Fenced:
    """Whose it is: what is not the patient's is as if it were not there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        patient_id: str | None = connection.state.fence
        if patient_id is not None:
            try:
                await _check_owner(connection, patient_id)
            except (ContractError, PacsError) as error:
                await refusal(translate(error) or bad_input(str(error)))(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _check_owner(connection: HTTPConnection, patient_id: str) -> None:
    services: Services = connection.app.state.services
    place = {name: uid_in_path(connection, name) for name in connection.path_params}
    who: Identity = connection.state.principal
    if not await services.pacs.owners.is_owner(patient_id, **place):
        tell(connection, Access(who, None, place["study"], is_others=True))
        raise NotFound("the PACS has no such object")
    tell(connection, Access(who, patient_id, place["study"]))


def _session(connection: HTTPConnection) -> Subject | None:
    """The viewer session of the study in the path; a token comes before it."""
    if "authorization" in connection.headers:
        return None
    cookies: SessionCookies = connection.app.state.viewer.cookies
    return cookies.find(connection.cookies, connection.path_params.get("study", ""))
