"""The Worklist Service over HTTP (PS3.18 ch. 11)."""

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from pacs.archive.http import (
    JSON_TYPES,
    ROOT,
    base_url,
    dicom_json,
    raw_json,
    require_json,
    warning_header,
)
from pacs.archive.resources import Table
from pacs.archive.search_parameters import SEARCH_PARAMETERS, parse_search
from pacs.archive.transactions import transaction
from pacs.archive.ups_bodies import read_dataset
from pacs.archive.ups_parameters import checked_ae_title, checked_uid, requester, transaction_uid, workitem_uid
from pacs.archive.ups_refusals import refusing
from pacs.archive.ups_socket import report_to
from pacs.archive.ups_states import MESSAGES, Status
from pacs.archive.worklist import FILTERED_GLOBAL, GLOBAL, Worklist
from pacs.attributes import Dataset
from pacs.errors import BadAttribute
from pacs.workitem import WorkitemState

_MODIFIED = "The Workitem was created with modifications."
_SUBSCRIPTION_PARAMETERS = {"deletionlock", "filter"}


def routes(worklist: Worklist) -> list[BaseRoute]:
    """The service's resources, under the DICOMweb root."""
    service = _Service(worklist)
    workitems = f"{ROOT}/workitems"
    one, subscriber = f"{workitems}/{{uid}}", f"{workitems}/{{uid}}/subscribers/{{ae_title}}"
    table: Table = [
        ("POST", workitems, service.create),
        ("GET", workitems, service.search),
        ("GET", one, service.retrieve),
        ("POST", one, service.update),
        ("PUT", f"{one}/state", service.change_state),
        ("PUT", f"{one}/state/{{requester}}", service.change_state),
        ("POST", f"{one}/cancelrequest", service.request_cancel),
        ("POST", f"{one}/cancelrequest/{{requester}}", service.request_cancel),
        ("POST", subscriber, service.subscribe),
        ("DELETE", subscriber, service.unsubscribe),
        ("POST", f"{subscriber}/suspend", service.suspend),
    ]
    found: list[BaseRoute] = [Route(path, refusing(handler), methods=[method]) for method, path, handler in table]
    return [*found, WebSocketRoute(f"{ROOT}/subscribers/{{ae_title}}", service.report)]


class _Service:
    """One handler for each transaction."""

    def __init__(self, worklist: Worklist) -> None:
        self._worklist = worklist

    @transaction(name="Create", consumes=JSON_TYPES, status=201)
    async def create(self, request: HttpRequest) -> Response:
        """§11.4."""
        payload = await read_dataset(request)
        uid = workitem_uid(request, payload)
        modified = await self._worklist.create(uid, payload)
        location = {"location": f"{base_url(request)}/workitems/{uid}"}
        return Response(status_code=201, headers=location | warning_header([_MODIFIED] if modified else []))

    @transaction(name="Search", produces=JSON_TYPES, parameters=SEARCH_PARAMETERS)
    async def search(self, request: HttpRequest) -> Response:
        """§11.9. Every answer has all attributes, and the latest scheduled comes first."""
        require_json(request)
        wanted = parse_search(request.url.query)
        page = await self._worklist.search(wanted)
        more = f"There are {page.remaining} additional results that can be requested"
        warnings = [*wanted.warnings, *([more] if page.remaining else [])]
        if not page.datasets:
            return Response(status_code=204, headers=warning_header(warnings))
        return raw_json(b"[" + b",".join(page.datasets) + b"]", warnings=warnings)

    @transaction(produces=JSON_TYPES)
    async def retrieve(self, request: HttpRequest) -> Response:
        """§11.5."""
        require_json(request)
        return dicom_json([await self._worklist.retrieve(_uid(request))])

    @transaction(name="Update", consumes=JSON_TYPES, parameters=("transaction-uid",))
    async def update(self, request: HttpRequest) -> Response:
        """§11.6."""
        payload = await read_dataset(request)
        lock = transaction_uid(request, payload)
        changes = {key: element for key, element in payload.items() if key != "00081195"}
        await self._worklist.update(_uid(request), changes, lock)
        return Response(status_code=200)

    @transaction(name="Change", consumes=JSON_TYPES)
    async def change_state(self, request: HttpRequest) -> Response:
        """§11.7."""
        payload = await read_dataset(request)
        wanted = Dataset(payload).text("ProcedureStepState")
        if wanted not in set(WorkitemState):
            raise BadAttribute("ProcedureStepState", f"must be one of {', '.join(WorkitemState)}")
        lock = transaction_uid(request, payload)
        status = await self._worklist.change_state(_uid(request), WorkitemState(wanted), lock)
        return Response(status_code=200, headers=_warning(status))

    @transaction(name="Request", consumes=JSON_TYPES, status=202)
    async def request_cancel(self, request: HttpRequest) -> Response:
        """§11.8. A workitem that is SCHEDULED is canceled (PS3.4 §CC.2.2.3, and the table of 2026a)."""
        payload = await read_dataset(request, required=False)
        status = await self._worklist.request_cancel(_uid(request), requester(request), payload)
        return Response(status_code=202, headers=_warning(status))

    @transaction(name="Subscribe", parameters=("deletionlock", "filter"), status=201)
    async def subscribe(self, request: HttpRequest) -> Response:
        """§11.10."""
        uid, ae_title = _uid(request), checked_ae_title(request.path_params["ae_title"])
        lock = request.query_params.get("deletionlock", "false").lower() == "true"
        matching = _filter(request) if uid == FILTERED_GLOBAL else ""
        await self._worklist.subscribe(uid, ae_title, deletion_lock=lock, matching=matching)
        socket = base_url(request).replace("http", "ws", 1)
        return Response(status_code=201, headers={"content-location": f"{socket}/subscribers/{ae_title}"})

    @transaction(name="Unsubscribe")
    async def unsubscribe(self, request: HttpRequest) -> Response:
        """§11.11."""
        await self._worklist.unsubscribe(_uid(request), checked_ae_title(request.path_params["ae_title"]))
        return Response(status_code=200)

    @transaction(name="Suspend")
    async def suspend(self, request: HttpRequest) -> Response:
        """§11.12."""
        if _uid(request) not in (GLOBAL, FILTERED_GLOBAL):
            raise HTTPException(400, "only a global subscription can be suspended")
        await self._worklist.suspend(checked_ae_title(request.path_params["ae_title"]))
        return Response(status_code=200)

    async def report(self, socket: WebSocket) -> None:
        """§11.13."""
        await report_to(socket, self._worklist.listeners)


def _uid(request: HttpRequest) -> str:
    return checked_uid(request.path_params["uid"])


def _filter(request: HttpRequest) -> str:
    """The matching keys of a filtered subscription: `filter=key=value,…`, or the parameters themselves."""
    given = request.query_params.get("filter")
    if given:
        return given.replace(",", "&")
    parts = request.url.query.split("&")
    return "&".join(part for part in parts if part.partition("=")[0].lower() not in _SUBSCRIPTION_PARAMETERS)


def _warning(status: Status) -> dict[str, str]:
    return warning_header([MESSAGES[status]] if status.is_warning else [])
