"""`POST /new-exam-callback`: the PACS announces a new exam. Answered with 204 only when the event is on disk."""

import asyncio
import base64
import binascii
import secrets

import orjson
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from graph.access import Identity, Role
from graph.access_records.routes import Access, tell
from graph.context import Services
from graph.errors import ContractError, ErrorCode, bad_input
from graph.new_exams import new_event
from pacs.announcement import Announcement, BadAnnouncement
from persistence.errors import StoreUnavailable

PACS = Identity("new-exam-callback", Role.INTEGRATION)
"""Who announces exams, in access records."""

_MAX_BODY_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 10.0
"""For the store: some PACSs take nothing in until they have their answer."""


async def new_exam_callback(request: Request) -> Response:
    """Checks, stores, answers; whatever follows from the event reads the store."""
    services: Services = request.app.state.services
    _authenticate(request, services.settings.callback_token)
    announcement = Announcement.parse(_json(await _body(request)))
    tell(request, Access(PACS, announcement.patient_id, announcement.study_instance_uid))
    services.pacs.forget(announcement.study_instance_uid)  # also where the feed will not tell: it has the event already
    dedupe_seconds = services.settings.event_dedupe_seconds
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            event, key = new_event(announcement), announcement.state_key
            await services.feed.append(event, dedupe_seconds=dedupe_seconds, key=key)
    except TimeoutError:
        raise StoreUnavailable("the event is not known to be stored in time") from None
    return Response(status_code=204)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise bad_input(f"the body is larger than {_MAX_BODY_BYTES} bytes", status=413)
    return bytes(body)


def _json(body: bytes) -> object:
    """The body, whatever its Content-Type says: PACSs that post forms' types send JSON all the same."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadAnnouncement("the body is not JSON") from None


def _authenticate(request: Request, token: SecretStr | None) -> None:
    """PACSs differ: the token comes as a bearer token, as the password of HTTP Basic, or as `?token=`.

    Without one, as on loopback, nothing but a page in a browser on the same machine is kept out: it says what it is.
    """
    if token is None:
        if "origin" in request.headers:
            raise ContractError(ErrorCode.FORBIDDEN, "web pages announce no exams: set CALLBACK_TOKEN if they must")
        return
    presented = _presented(request).encode()
    if not secrets.compare_digest(presented, token.get_secret_value().encode()):
        raise ContractError(ErrorCode.UNAUTHENTICATED, "the callback's token is missing or wrong")


def _presented(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.query_params.get("token", "")
