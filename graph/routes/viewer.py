"""`GET /viewer?token=…` opens a link, once; `GET /viewer/studies/{study}` is the built-in page."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graph.access_records.actions import REDEEM_LINK, VIEW_STUDY
from graph.context import Services
from graph.errors import ContractError, ErrorCode
from graph.links import Links
from graph.routes.guards import guarded
from graph.viewer import pages, tokens
from graph.viewer.links import fill_template
from graph.viewer.service import Viewer
from graph.viewer.sessions import session_of, tell_of
from pacs.uids import is_uid

log = structlog.get_logger(__name__)

_FILES = "../page"
_PAGE = "/viewer/studies/{study}"
_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-moz")


async def open_link(request: Request) -> Response:
    """Redeems the token for a session and leads to the viewer, without the token in its address.

    Of all who come with one token the first gets in; the others see a page with status 410. HEAD and a browser's
    prefetching redeem nothing, so that a preview of the link does not use it up.
    """
    if request.method == "HEAD":
        return Response(headers=pages.HEADERS)
    if any("prefetch" in request.headers.get(name, "") for name in _PREFETCH_HEADERS):
        return pages.message(503, "Open the link to see the study.")
    services: Services = request.app.state.services
    token = request.query_params.get("token", "")
    if not token:
        return pages.message(400, "This link is not complete: it has no token.")
    subject = await tokens.redeem(services.store, token)
    if subject is None:
        log.info("viewer link refused")
        return pages.message(410, "This link has been used already, or it is too old. Ask for a new one.")
    viewer: Viewer = request.app.state.viewer
    tell_of(request, subject)
    response = RedirectResponse(_target(request, services, subject), 303, pages.HEADERS)
    viewer.cookies.put(response, subject)
    return response


async def page(request: Request) -> Response:
    """The built-in viewer of a study that a session opens."""
    study: str = request.path_params["study"]
    if not is_uid(study, lenient=True):
        return pages.message(404, "There is no such page.", files_at=_FILES)
    try:
        session = session_of(request, study)
    except ContractError as error:
        refusal = pages.message(error.code.status, f"{error.message[0].upper()}{error.message[1:]}.", files_at=_FILES)
        if error.code is ErrorCode.UNAUTHENTICATED:
            refusal.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §15.5.2 wants one; browsers ignore it
        return refusal
    return pages.viewer(session)


async def page_file(request: Request) -> Response:
    """A script or style sheet of the page."""
    return pages.asset(request.path_params["name"], request.headers.get("if-none-match"))


def _target(request: Request, services: Services, subject: tokens.Subject) -> str:
    settings = services.settings
    study, role = subject.study_instance_uid, subject.role.name.lower()
    if settings.dicom_viewer_url is not None and settings.viewer_token_url is None:
        return fill_template(settings.dicom_viewer_url, studyInstanceUID=study, role=role)
    return f"{Links.of(request, settings.public_url).base}/viewer/studies/{study}"


ROUTES = [
    Route("/viewer", open_link, methods=["GET"], middleware=guarded("/viewer", REDEEM_LINK)),
    Route(_PAGE, page, methods=["GET"], middleware=guarded(_PAGE, VIEW_STUDY)),
    Route("/viewer/page/{name}", page_file, methods=["GET"]),
]
